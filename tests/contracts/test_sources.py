"""One contract for every file format: the same events, the same table; a bad line named, its neighbours unaffected."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet
import pytest

from nines.errors import InputError
from nines.sources.read import read_file
from nines.telemetry.datasource import DataSource

TIMES = ["2026-03-01T12:00:05+00:00", "2026-03-01T12:00:06+00:00", "2026-03-01T12:01:00+00:00"]
LOG_TIMES = ["01/Mar/2026:12:00:05 +0000", "01/Mar/2026:13:00:06 +0100", "01/Mar/2026:12:01:00 +0000"]
STATUS, PATHS = [200, 503, 404], ["/a", "/ü", "/c"]
COMMON = [f'1.2.3.4 - - [{t}] "GET {p} HTTP/1.1" {s} 12' for t, p, s in zip(LOG_TIMES, PATHS, STATUS, strict=True)]
ROWS = list(zip(TIMES, STATUS, PATHS, strict=True))

TEXTS = {
    "csv": ["time,http_status,operation", *(f"{t},{s},{p}" for t, s, p in ROWS)],
    "ndjson": [json.dumps({"time": t, "http_status": s, "operation": p}) for t, s, p in ROWS],
    "logfmt": [f'time={t} http_status={s} operation="{p}" msg="a \\"b\\" c"' for t, s, p in ROWS],
    "common": COMMON,
    "combined": [f'{line} "-" "agent"' for line in COMMON],
}
BAD = {"csv": "a,b", "ndjson": "{", "logfmt": "no pairs here", "common": "GET /", "combined": COMMON[0]}
FORMATS = [*TEXTS, "parquet"]


def write(folder, kind, lines=None, ending="\n", packed=False, mark=b""):
    path = folder / f"events.{kind}"
    if kind == "parquet":
        table = pa.table({"time": pa.array(TIMES), "http_status": pa.array(STATUS), "operation": pa.array(PATHS)})
        pyarrow.parquet.write_table(table, path)
        return path
    body = mark + (ending.join(TEXTS[kind] if lines is None else lines) + ending).encode()
    path.write_bytes(gzip.compress(body) if packed else body)
    return path


def read(path, kind, **options):
    return read_file(path, DataSource(name="s", type=kind, options=tuple(options.items())))


def seen(result):
    return [(r["time"].isoformat(), r["http_status"], r["operation"]) for r in result.table.to_pylist()]


EXPECTED = [(t, s, p) for t, s, p in ROWS]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_events_give_the_same_table(tmp_path, kind):
    assert seen(read(write(tmp_path, kind), kind)) == EXPECTED


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize(
    ("ending", "packed", "mark"), [("\r\n", False, b""), ("\n", True, b""), ("\n", False, b"\xef\xbb\xbf")]
)
def test_line_ends_packing_and_byte_order_marks_make_no_difference(tmp_path, kind, ending, packed, mark):
    assert seen(read(write(tmp_path, kind, ending=ending, packed=packed, mark=mark), kind)) == EXPECTED


@pytest.mark.parametrize("kind", TEXTS)
def test_a_malformed_line_is_named_and_its_neighbours_are_read(tmp_path, kind):
    lines = list(TEXTS[kind])
    lines.insert(-1, BAD[kind])
    path = write(tmp_path, kind, lines)
    result = read(path, kind)
    assert (seen(result), result.bad_rows) == (EXPECTED, 1)
    assert result.problems[0].where == f"{path}:{len(lines) - 1}"
    assert result.problems[0].fix


@pytest.mark.parametrize("kind", TEXTS)
def test_a_line_longer_than_a_mebibyte_is_refused(tmp_path, kind):
    lines = [*TEXTS[kind], "x" * (2 * 1024 * 1024)]
    result = read(write(tmp_path, kind, lines), kind)
    assert (len(seen(result)), result.bad_rows) == (3, 1)


@pytest.mark.parametrize("kind", TEXTS)
def test_a_gzip_file_that_is_cut_short_gives_one_message_and_no_rows(tmp_path, kind):
    path = write(tmp_path, kind, packed=True)
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(InputError) as refused:
        read(path, kind)
    assert [p.code for p in refused.value.problems] == ["gzip"]


def test_a_parquet_file_that_is_cut_short_gives_one_message_and_no_rows(tmp_path):
    path = write(tmp_path, "parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError) as refused:
        read(path, "parquet")
    assert [p.code for p in refused.value.problems] == ["bad-parquet"]


@pytest.mark.parametrize("kind", ["ndjson", "logfmt", "common", "combined"])
def test_an_empty_file_has_no_rows_and_no_problems(tmp_path, kind):
    path = tmp_path / "empty"
    path.write_bytes(b"")
    result = read(path, kind)
    assert (result.rows, result.bad_rows) == (0, 0)


class TestTimes:
    def one(self, tmp_path, text, **options):
        path = tmp_path / "t.csv"
        path.write_text(f"time,http_status\n{text},200\n")
        return read(path, "csv", **options)

    def test_a_time_without_a_zone_is_refused_until_one_is_stated(self, tmp_path):
        assert self.one(tmp_path, "2026-03-01 12:00:00").problems[0].code == "bad-time"
        berlin = self.one(tmp_path, "2026-07-01 12:00:00", timezone="Europe/Berlin")
        assert seen(berlin)[0][0] == "2026-07-01T10:00:00+00:00"

    @pytest.mark.parametrize(
        ("unit", "text"),
        [("s", "1772366405"), ("ms", "1772366405000"), ("us", "1772366405000000"), ("ns", "1772366405000000000")],
    )
    def test_epochs_are_read_in_their_stated_unit(self, tmp_path, unit, text):
        assert seen(self.one(tmp_path, text, time_unit=unit))[0][0] == TIMES[0]


def test_a_mapped_column_that_is_not_there_is_refused_with_what_was_probably_meant(tmp_path):
    path = write(tmp_path, "csv")
    source = DataSource(name="s", type="csv", columns=(("duration_ms", "http_statuz"),))
    with pytest.raises(InputError, match="did you mean http_status"):
        read_file(path, source)
