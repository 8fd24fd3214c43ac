"""Pages of metrics as targets write them: every form of a line, and a bad line that harms no other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.errors import InputError
from nines.protocols import exposition
from nines.protocols.exposition import parse
from nines.telemetry.readings import NAME, NOT_SAID, series_identity

NOW = 1_772_452_800_000


def read(text, **more):
    return parse(text.encode(), now_ms=NOW, **more)


def shown(page):
    """Return {name{labels}: value} of a page."""
    return {
        dict(labels)[NAME] + "".join(f",{k}={v}" for k, v in labels if k != NAME): value
        for labels, value, _, _ in page.samples
    }


#: The example of the Prometheus documentation, word for word but for its blank lines.
DOCUMENTED = r"""# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# Finally a summary, which has a complex representation, too:
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
"""


def test_the_documented_example_reads_as_it_says():
    page = read(DOCUMENTED)
    assert (page.problems, page.bad_lines, page.whole, len(page.samples)) == ((), 0, True, 12)
    found = shown(page)
    assert found["http_requests_total,code=400,method=post"] == 3
    assert (
        found['msdos_file_access_time_seconds,error=Cannot find file:\n"FILE.TXT",path=C:\\DIR\\FILE.TXT']
        == 1.458255915e9
    )
    assert found["something_weird,problem=division by zero"] == math.inf
    assert found["http_request_duration_seconds_bucket,le=+Inf"] == 144320
    assert [s[2] for s in page.samples[:4]] == [1395066363000, 1395066363000, NOW, NOW]
    assert page.samples[4][2] == -3982045


#: The examples of the OpenMetrics specification for counters with exemplars, histograms and creations.
OPENMETRICS = """# TYPE foo counter
# UNIT foo seconds
foo_total{a="b"} 17.0 1520879607.789 # {trace_id="KOO5S4vxi0o"} 0.67
foo_created{a="b"} 1520872607.123
# TYPE hist histogram
hist_bucket{le="0.01"} 0
hist_bucket{le="0.1"} 8 # {} 0.054
hist_bucket{le="+Inf"} 17 # {trace_id="oHg5SJYRHA0"} 9.8 1520879607.789
hist_count 17
hist_sum 324789.3
hist_created 1520430000.123
# TYPE plain gauge
plain_created 4
# EOF
"""


def test_openmetrics_has_seconds_creations_and_exemplars_that_are_passed_over():
    page = read(OPENMETRICS)
    assert (page.problems, page.whole) == ((), True)
    by_name = {dict(s[0])[NAME]: s for s in page.samples}
    assert by_name["foo_total"][1:] == (17.0, 1520879607789, 1520872607123)
    assert {n for n in by_name if n.endswith("_created")} == {"plain_created"}  # creates nothing, so it is a gauge
    assert by_name["plain_created"][3] == NOT_SAID
    assert [by_name[f"hist_{part}"][3] for part in ("bucket", "count", "sum")] == [1520430000123] * 3


def test_a_creation_is_told_apart_by_labels_but_not_by_bounds():
    page = read('a_total{x="1"} 1\na_total{x="2"} 1\na_created{x="1"} 5\ns{quantile="0.5"} 2\ns_created 7\n')
    assert [(dict(s[0]).get("x"), s[3]) for s in page.samples] == [("1", 5000), ("2", NOT_SAID), (None, 7000)]


def test_a_creation_after_its_own_reading_or_none_at_all_says_nothing():
    later = read(f"a_total 1\na_created {NOW / 1000 + 1}\n")
    assert [s[3] for s in later.samples] == [NOT_SAID]
    for odd in ("NaN", "-1", "0", "1e300"):
        assert {s[3] for s in read(f"a_total 1\na_created {odd}\n").samples} == {NOT_SAID}


def test_an_openmetrics_page_without_its_end_is_cut_short():
    cut = read("foo_total 1 5.5\n", openmetrics=True)
    assert (cut.whole, [p.code for p in cut.problems], cut.samples[0][2]) == (False, ["cut-short"], 5500)
    assert read("foo_total 1 5500\n").whole


def test_names_of_prometheus_3_may_be_quoted_and_hold_anything():
    page = read('{"http.requests",path="/a"} 1\n{"été \\"x\\"","länge.m"="3",} 2\n{"bare"} 3\n# EOF\n')
    assert page.problems == ()
    assert shown(page) == {"http.requests,path=/a": 1, 'été "x",länge.m=3': 2, "bare": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NaN", math.nan),
        ("+Inf", math.inf),
        ("-Inf", -math.inf),
        ("1e-7", 1e-7),
        ("007", 7),
        ("9007199254740993", 2.0**53),
    ],
)
def test_values_are_doubles(text, value):
    found = read(f"a {text}\n").samples[0][1]
    assert found == value or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a", "no reading"),
        ("a{", "no reading"),
        ('a{x="1} 2', "no reading"),
        ("a-5", "no reading"),
        ("a 1 2 3", "no reading"),
        ("5 5", "no reading"),
        ("{} 5", "no name"),
        ('{"a","b"} 5', "stands twice"),
        ('a{x="1",x="2"} 5', "label 'x' stands twice"),
        ('a{x="1" y="2"} 5', "labels break off"),
        ('a{1x="1"} 5', "labels break off"),
        ("a five", "'five', which is no number"),
        ("a 1_000", "'1_000', which is no number"),
        ("a 1 soon", "instant is 'soon'"),
        ("a 1 NaN", "instant is NaN"),
        ("a 1 1e300", "instant is 1e300"),
        ("a{" + ",".join(f'l{i}="x"' for i in range(200)) + "} 1", "more than 128 labels"),
        ('a{x="' + "y" * 70_000 + '"} 1', "longer than"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_its_neighbours_are_kept(line, told):
    page = read(f"before 1\n{line}\nafter 2\n")
    assert shown(page) == {"before": 1, "after": 2}
    assert page.bad_lines == 1
    assert (page.problems[0].where, page.problems[0].code) == ("line 2", "bad-line")
    assert told in page.problems[0].what
    assert page.problems[0].fix


def test_bytes_that_are_no_text_spoil_their_line_alone():
    page = parse(b'a{x="\xff"} 1\nb 2\n', now_ms=NOW)
    assert (shown(page), page.problems[0].what) == ({"b": 2}, "it is no UTF-8 from byte 6 on")


def test_a_series_that_stands_twice_counts_as_it_was_first():
    page = read('a{x="1",y="2"} 1\na{y="2",x="1"} 5\na{x="1",y="2"} 6 1000\n')
    assert [s[1] for s in page.samples] == [1, 6]
    assert page.problems[0].where == "line 2"


def test_an_empty_label_is_none_and_order_makes_no_other_series():
    first, second = (read(t).samples[0][0] for t in ('a{y="2",x="1",z=""} 1', ' a { x = "1" , y="2" , } \t 1\r'))
    assert first == second == ((NAME, "a"), ("x", "1"), ("y", "2"))
    assert series_identity(first) == series_identity(second)


def test_problems_and_readings_are_bounded(monkeypatch):
    page = read("a{\n" * 500)
    assert (len(page.problems), page.bad_lines) == (100, 500)
    monkeypatch.setattr(exposition, "MOST_SAMPLES", 3)
    with pytest.raises(InputError, match="more than 3 readings"):
        read("".join(f"m{i} 1\n" for i in range(4)))


def test_a_line_made_to_be_slow_is_refused_quickly():
    for line in ('a{x="' + '\\"' * 30_000, "a{" + 'x="1",' * 9_000, "a" + " " * 60_000 + "{", '{"' + "\\" * 60_000):
        assert read(line).bad_lines == 1


TEXT = st.text(max_size=12).filter(lambda t: "\x00" not in t)


@given(
    st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]{0,6}", fullmatch=True), TEXT, max_size=4),
    st.floats(allow_nan=False),
    TEXT,
)
def test_what_is_written_is_what_is_read(labels, value, name):
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    if not name:
        return
    inner = ",".join([quoted(name), *(f"{k}={quoted(v)}" for k, v in labels.items())])
    page = read(f"{{{inner}}} {value!r}\n")
    expected = tuple(sorted([(NAME, name), *((k, v) for k, v in labels.items() if v)]))
    assert [(s[0], s[1]) for s in page.samples] == [(expected, value)]


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(content):
    page = parse(content, now_ms=NOW)
    assert page.bad_lines >= len(page.problems) - (not page.whole)
