"""StatsD and DogStatsD lines become events, each standing for as many as it says."""

import socket
from datetime import UTC, datetime

import datadog
import pyarrow as pa
import pytest
import statsd as etsy

from nines.lake.tables import EVENT_SCHEMA, conformed
from nines.protocols.refusal import Refused
from nines.protocols.statsd import MOST_BYTES, decode

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = int(NOON.timestamp()) * 1_000_000


def read(text):
    return decode(text.encode() if isinstance(text, str) else text, now_us=NOW)


def events(text):
    found = read(text)
    assert found.problems == []
    return [row | {"attributes": dict(row["attributes"])} for row in found.events.to_pylist()]


def test_a_counter_is_as_many_events_as_it_counts():
    assert events("shop.orders:3|c") == [
        {
            "time": NOON, "operation": "shop.orders", "value": None, "duration_ms": None, "bundled": 3,
            "weight": 1.0, "weight_num": 1, "weight_den": 1, "attributes": {"statsd.type": "c"},
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "num", "den"),
    [
        ("", 1, 1), ("|@1", 1, 1), ("|@1.0", 1, 1), ("|@0.1", 10, 1), ("|@.5", 2, 1), ("|@0.3", 10, 3),
        ("|@0.333333", 1_000_000, 333_333), ("|@1e-3", 1000, 1), ("|@0.000001", 1_000_000, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["c", "ms", "h", "d"])
def test_a_rate_gives_the_exact_weight_of_the_decimal_written(kind, rate, num, den):
    (row,) = events(f"a:1|{kind}{rate}")
    assert (row["weight_num"], row["weight_den"], row["weight"]) == (num, den, num / den)


@pytest.mark.parametrize("rate", ["0", "-0.1", "1.1", "x", "nan", "1/3", ".", "1e-99", "0.1.1", "9" * 50, "1_0", " 1"])
def test_a_rate_that_is_none_refuses_the_line(rate):
    found = read(f"a:1|c|@{rate}\nb:1|c")
    assert (found.malformed, found.events.column("operation").to_pylist()) == (1, ["b"])
    assert "is no rate above 0 and up to 1" in found.problems[0]


def test_packed_values_are_events_of_their_own():
    assert [r["duration_ms"] for r in events("a:1:2.5:3|ms|@0.5|#k:v")] == [1.0, 2.5, 3.0]
    assert [r["bundled"] for r in events("a:1:2:0:3|c")] == [1, 2, 3]
    assert [r["value"] for r in events("a:1:2|g")] == [1.0, 2.0]


def test_one_bad_packed_value_refuses_its_whole_line():
    assert (read("a:1:x:3|c").malformed, read("a:1:x:3|c").events.num_rows) == (1, 0)


def test_a_gauge_is_a_sample_and_a_signed_one_a_change():
    rows = events("a:5|g\na:+5|g\na:-2.5|g|@0.1")
    assert [r["value"] for r in rows] == [5.0, 5.0, -2.5]
    assert [r["attributes"].get("statsd.delta") for r in rows] == [None, "true", "true"]
    assert {r["weight_num"] for r in rows} == {1}


def test_timers_histograms_and_distributions_have_a_duration():
    rows = events("a:320|ms\na:320|h\na:320|d\na:-1|h")
    assert [r["duration_ms"] for r in rows] == [320.0, 320.0, 320.0, None]
    assert [r["value"] for r in rows] == [None, 320.0, 320.0, -1.0]
    assert [r["attributes"]["statsd.type"] for r in rows] == ["ms", "h", "d", "h"]


def test_a_set_keeps_its_member_whole():
    (row,) = events("users:a:b:1|s|@0.5")
    assert row["attributes"] == {"statsd.type": "s", "statsd.member": "a:b:1"}
    assert (row["value"], row["weight_num"]) == (None, 1)


def test_tags_and_container_are_attributes():
    (row,) = events("a:1|c|#env:prod,url:http://x:80/,bare,,k:1,k:2|c:ci-1f|e:later|card:low")
    assert row["attributes"] == {
        "statsd.type": "c", "env": "prod", "url": "http://x:80/", "bare": "", "k": "2", "container.id": "ci-1f",
    }  # fmt: skip
    assert events("a:1|c|#statsd.type:forged")[0]["attributes"]["statsd.type"] == "c"


def test_a_stated_instant_counts_for_counters_and_gauges_alone():
    second = NOW // 1_000_000 - 90
    rows = events(f"a:1|c|T{second}\na:1|g|T{second}\na:1|ms|T{second}")
    assert [int(r["time"].timestamp()) for r in rows] == [second, second, second + 90]


@pytest.mark.parametrize("stamp", ["x", "-1", "0", "1.5", "9" * 30, str(NOW // 1_000_000 + 601)])
def test_an_instant_that_cannot_be_refuses_the_line(stamp):
    assert read(f"a:1|c|T{stamp}").malformed == 1


def test_ten_minutes_ahead_is_still_taken():
    assert len(events(f"a:1|c|T{NOW // 1_000_000 + 600}")) == 1


def test_events_and_service_checks_share_the_port_and_are_only_counted():
    found = read("_e{5,4}:title|text|p:low\n_sc|Redis|2|m:down\na:1|c\n\r\n")
    assert (found.lines, found.ignored, found.malformed, found.events.num_rows) == (3, 2, 0, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nothing", "it has no value"),
        ("a|c", "it has no value"),
        ("a:1", "it has no type"),
        (":1|c", "it has no name"),
        ("a:1|x", "there is no type 'x'"),
        ("a:1|", "there is no type ''"),
        ("a:|c", "'' is no number"),
        ("a:|s", "it has no value"),
        ("a:one|c", "'one' is no number"),
        ("a:nan|g", "'nan' is no number"),
        ("a:inf|g", "'inf' is no number"),
        ("a:1e999|g", "'1e999' is no number"),
        ("a:1_000|c", "'1_000' is no number"),
        ("a:٣|c", "'٣' is no number"),
        ("a:2.5|c", "it counts 2.5 events, no whole number"),
        ("a:-1|c", "it counts -1 events, which cannot be"),
        ("a:9007199254740992|c", "it counts 9007199254740992 events, which cannot be"),
        ("a:-3|ms", "it took -3 ms, which cannot be"),
        (b"a\xff:1|c", "it is not UTF-8"),
    ],
)
def test_a_malformed_line_is_named_and_its_neighbours_are_kept(line, reason):
    raw = line if isinstance(line, bytes) else line.encode()
    found = read(b"first:1|c\n" + raw + b"\nlast:2|c\n")
    assert found.events.column("operation").to_pylist() == ["first", "last"]
    assert (found.lines, found.malformed) == (3, 1)
    assert found.problems == [f"line 2, {raw.decode(errors='replace')!r}: {reason}"]


def test_whole_counts_may_be_written_as_decimals():
    assert [r["bundled"] for r in events("a:3.0|c\na:1e3|c\na:+2|c")] == [3, 1000, 2]


def test_only_the_first_malformed_lines_are_told():
    found = read("x\n" * 100)
    assert (found.malformed, len(found.problems), found.problems[-1]) == (100, 6, "and 95 more")


def test_an_empty_datagram_has_no_events_and_the_columns_of_one():
    found = read(b"")
    assert (found.lines, found.events.num_rows) == (0, 0)
    assert found.events.schema.equals(read("a:1|c").events.schema)


def test_events_fit_the_columns_of_the_lake():
    table = conformed(read("a:1|c|#k:v\nb:2|ms").events, EVENT_SCHEMA)
    assert table.column("bundled").to_pylist() == [1, 1]
    assert {f.name: f.type for f in read("a:1|c").events.schema} == {
        name: EVENT_SCHEMA.field(name).type for name in read("a:1|c").events.column_names
    }
    assert isinstance(table, pa.Table)


def test_packed_values_may_not_multiply_long_tags_without_bound():
    found = read("a:" + ":".join(["1"] * 16_000) + "|ms|#" + ",".join(f"{n}" for n in range(6_000)) + "\nb:1|c|#k:v")
    assert found.problems[0].endswith("its tags, repeated for each value, are too long")
    assert found.events.column("operation").to_pylist() == ["b"]
    assert read("a:" + ":".join(["1"] * 16_000) + "|ms|#k:v").events.num_rows == 16_000


def test_more_bytes_than_any_datagram_has_are_refused():
    with pytest.raises(Refused):
        read(b"a:1|c\n" * (MOST_BYTES // 6 + 1))


@pytest.fixture
def port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        yield server


def test_what_the_statsd_client_sends_is_read(port):
    client = etsy.StatsClient(*port.getsockname())
    client.incr("orders", 3)
    client.timing("checkout", 320)
    client.gauge("queue", -4, delta=True)
    client.set("users", "u1")
    rows = [row for _ in range(4) for row in events(port.recv(65_535))]
    assert [(r["operation"], r["bundled"], r["duration_ms"], r["value"]) for r in rows] == [
        ("orders", 3, None, None),
        ("checkout", 1, 320.0, None),
        ("queue", 1, None, -4.0),
        ("users", 1, None, None),
    ]


def test_what_the_datadog_client_sends_is_read(port):
    host, number = port.getsockname()
    client = datadog.DogStatsd(host=host, port=number, disable_telemetry=True, constant_tags=["env:prod"])
    client.increment("orders", 3, tags=["country:de"])
    client.distribution("size", 12.5)
    client.gauge_with_timestamp("queue", 4, NOW // 1_000_000 - 5)
    client.event("title", "text")
    client.service_check("db", 0)
    client.flush()
    found = []
    while sum(f.lines for f in found) < 5:
        found.append(read(port.recv(65_535)))
    assert [p for f in found for p in f.problems] == []
    assert sum(f.ignored for f in found) == 2
    rows = [row for f in found for row in f.events.to_pylist()]
    assert [(r["operation"], r["bundled"], r["value"]) for r in rows] == [
        ("orders", 3, None),
        ("size", 1, 12.5),
        ("queue", 1, 4.0),
    ]
    assert dict(rows[0]["attributes"])["country"] == "de"
    assert rows[2]["time"].timestamp() == NOW // 1_000_000 - 5
