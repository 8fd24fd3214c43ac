"""Clocks from what is stored and from files: a day of a real shop, Zipkin's example, planted worlds, and trust."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from nines.definitions.load import load_texts
from nines.errors import InputError
from nines.operations import clocks, defining, ingesting, standings
from nines.operations.clocks_showing import clocks_json, host_rows, minute_rows, pair_rows, violation_rows
from nines.operations.house import local_principal, open_house
from nines.protocols.otlp_spans import spans as otlp_rows
from nines.telemetry.clocks_graph import TRUE_TIME
from shared_data import shared
from sources.test_ntp import serving
from telemetry.test_clocks_worlds import MINUTE_NS, MINUTES, MS, T0, planted
from telemetry.test_clocks_worlds import spans_of as spans_in

NOW = datetime(2026, 11, 23, 14, 32, tzinfo=UTC)
FRONTEND, ADS = "frontend-579b9bff58-t2dbm", "adservice-5f6585d649-fnmft"

NEZHA = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: nezha}
spec:
  type: csv
  options: {time_unit: ns}
  columns: {id: SpanID, trace: TraceID, parent: ParentID, host: PodName, start: StartTimeUnixNano, time: EndTimeUnixNano}
"""

SHOP = """
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: traces}
spec: {type: otlp}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: hand-over}
spec:
  source: traces
  where: kind = 'server'
  good: duration_ms < 300
  clocks: {hosts: [shop-1, cart-1], against: %s}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: hand-over}
spec: {service: shop, indicator: hand-over, target: 90%%, window: 1h}
"""


def request(*calls):
    """An OTLP request of calls (sent, began, ended, answered), in nanoseconds, from shop-1 to cart-1."""
    found = ExportTraceServiceRequest()
    scopes = []
    for host in ("shop-1", "cart-1"):
        group = found.resource_spans.add()
        group.resource.attributes.add(key="host.name").value.string_value = host
        scopes.append(group.scope_spans.add())
    for number, (c1, s2, s3, c4) in enumerate(calls, 1):
        trace, ids = number.to_bytes(16, "big"), [(2 * number + n).to_bytes(8, "big") for n in (0, 1)]
        named = {"trace_id": trace, "name": "put"}
        scopes[0].spans.add(**named, span_id=ids[0], kind=3, start_time_unix_nano=c1, end_time_unix_nano=c4)
        scopes[1].spans.add(
            **named, span_id=ids[1], parent_span_id=ids[0], kind=2, start_time_unix_nano=s2, end_time_unix_nano=s3
        )
    return found.SerializeToString()


def furnished(folder, against="300ms", behind_ms=5, calls=3):
    """A house that got calls by OTLP within the last minute; cart-1's clock is behind, delays are 10 ms each way."""
    house, who = open_house(folder, now=NOW), local_principal("default")
    found = load_texts([("shop.yaml", SHOP % against)])
    assert not found.errors, found.errors
    defining.apply_definitions(house, who, found, now=NOW - timedelta(hours=2), effective_from=NOW - timedelta(days=2))
    now = int(NOW.timestamp()) * 10**9
    sent = [now - 20 * 10**9 + n * 10**9 for n in range(calls)]
    instants = [(c, c + (10 - behind_ms) * MS, c + (110 - behind_ms) * MS, c + 120 * MS) for c in sent]
    rows, rejected = otlp_rows(request(*instants))
    assert not rejected.number
    ingesting.ingest_table(house, who, "traces", rows, now=NOW, key="one")
    ingesting.flush(house, now=NOW)
    return house, who


def test_spans_sent_by_otlp_keep_what_clocks_need(tmp_path):
    house, who = furnished(tmp_path)
    view = clocks.clocks(house, who, start=None, end=None, now=NOW)
    (pair,) = view.found.pairs
    assert (pair.first, pair.second, len(pair.course.bounds.begun)) == ("shop-1", "cart-1", 3)
    assert (pair.course.whole.low, pair.course.whole.high) == (-15 * MS - 2000, 5 * MS + 2000)
    assert view.problems == ()  # the bounds contain zero


def test_a_clock_that_is_behind_is_told_with_its_figures(tmp_path):
    house, who = furnished(tmp_path, behind_ms=50)
    view = clocks.clocks(house, who, start=None, end=None, now=NOW)
    assert [p.code for p in view.problems] == ["span-before-its-cause", "clock-skew"]
    assert "the clock of cart-1 is behind by 39.998 to 60.002 ms" in view.problems[1].what
    assert [r["early ms"] for r in violation_rows(view.found.violations)] == ["40.000"] * 3
    (row,) = pair_rows(view.found.pairs)
    assert (row["offset ms"], row["from"], row["to"]) == ("-50.000 ± 10.002", "-60.002", "-39.998")


def test_another_time_and_another_tenant_see_no_spans(tmp_path):
    house, who = furnished(tmp_path)
    ago = NOW - timedelta(days=1)
    assert clocks.clocks(house, who, start=None, end=ago, now=NOW).found.spans == 0
    assert clocks.clocks(house, local_principal("other"), start=None, end=None, now=NOW).found.spans == 0


@pytest.mark.parametrize("ends", [NOW, NOW - timedelta(hours=2), NOW + timedelta(days=40)])
def test_a_time_that_is_none_or_too_long_is_refused(tmp_path, ends):
    house, who = furnished(tmp_path)
    with pytest.raises(InputError, match="is no time, or more than 31 days"):
        clocks.clocks(house, who, start=NOW, end=ends, now=NOW)


def test_a_time_server_on_a_host_anchors_it_and_those_it_calls_to_true_time(tmp_path):
    house, who = furnished(tmp_path, behind_ms=50)
    with serving(ahead=0.0) as server:
        wall = datetime.now(UTC)
        shop = clocks.TimeServer("shop-1", server.address, server.port)
        view = clocks.clocks(house, who, start=NOW - timedelta(minutes=5), end=NOW, now=wall, servers=[shop])
    (told,) = view.told
    assert told.offset.contains(0)
    hosts = {(r["first"], r["second"]): r for r in host_rows(view)}
    assert TRUE_TIME in view.found.fleet.hosts
    assert hosts[TRUE_TIME, "shop-1"]["offset ms"] != "unbounded"
    assert hosts[TRUE_TIME, "cart-1"]["offset ms"] != "unbounded"


def test_a_time_server_that_is_silent_is_told_and_the_spans_still_speak(tmp_path):
    house, who = furnished(tmp_path)
    refused = clocks.TimeServer("shop-1", "169.254.169.254")
    view = clocks.clocks(house, who, start=None, end=None, now=NOW, servers=[refused])
    assert [p.code for p in view.problems] == ["refused-address"]
    assert len(view.found.pairs) == 1


def test_an_indicator_whose_clocks_are_sure_enough_says_nothing(tmp_path):
    house, who = furnished(tmp_path, against="300ms")  # half width 10 ms, and 5 % of 300 ms is 15 ms
    found = standings.standing(house, who, "hand-over", at=NOW)
    assert "untrusted" not in {p.code for p in found.problems}


def test_an_indicator_whose_clocks_are_unsure_is_untrusted_with_figures(tmp_path):
    house, who = furnished(tmp_path, against="200ms")
    found = standings.standing(house, who, "hand-over", at=NOW)
    (problem,) = [p for p in found.problems if p.code == "untrusted"]
    assert problem.where == "hand-over"
    # 10 ms, 2 us for what was cut, and 2 x 50 ppm of the 20 s since.
    assert problem.what.startswith("untrusted: the clocks of shop-1 and cart-1 are bounded to +/- 11.")
    assert problem.what.endswith("ms, wider than 5 % of 200 ms")


def test_an_indicator_is_untrusted_an_hour_after_the_last_call(tmp_path):
    house, who = furnished(tmp_path, against="300ms")
    found = standings.standing(house, who, "hand-over", at=NOW + timedelta(hours=2))
    (problem,) = [p for p in found.problems if p.code == "untrusted"]
    assert "nothing bounds the clocks" in problem.what


def test_zipkins_skewed_trace_gives_minus_65_9_milliseconds():
    view = clocks.clocks_of_files([("", shared("traces_zipkin") / "testdata" / "skew.json")])
    (row,) = pair_rows(view.found.pairs)
    assert (row["first"], row["second"]) == ("servicea@127.0.0.0", "serviceb@192.0.0.0")
    assert row["offset ms"] == "-65.922 ± 0.483"
    assert {p.code for p in view.problems} == {"clock-skew", "span-before-its-cause"}


def test_files_that_cannot_be_used_are_told_together(tmp_path):
    (tmp_path / "a.json").write_text("no json")
    with pytest.raises(InputError) as told:
        clocks.clocks_of_files([("", tmp_path / "a.json"), ("shop", tmp_path / "b.csv"), ("", tmp_path / "c.json")])
    assert [p.code for p in told.value.problems] == ["no-spans", "unknown-datasource", "no-file"]


def day_of_the_shop():
    folder = Path(shared("rca_nezha_onlineboutique_2022")) / "rca_data" / "2022-08-22" / "trace"
    return sorted(folder.glob("*.csv.gz"))


@pytest.mark.slow
def test_a_real_day_names_972_impossible_children_drift_and_no_other_skew():
    found = load_texts([("nezha.yaml", NEZHA)])
    view = clocks.clocks_of_files([("nezha", path) for path in day_of_the_shop()], found)
    assert len(violation_rows(view.found.violations)) == 972
    assert {v.host for v in view.found.violations} == {ADS}
    (ads,) = [p for p in view.found.pairs if {p.first, p.second} == {FRONTEND, ADS}]
    assert (ads.first, ads.course.kind, ads.course.whole.empty) == (FRONTEND, "drift", True)
    minutes = minute_rows([ads])
    assert len(minutes) == 63
    assert all("±" in str(row["offset ms"]) for row in minutes)
    assert [p.code for p in view.problems] == ["span-before-its-cause", "clock-drift"]
    others = [p for p in clocks_json(view)["pairs"] if p["second"] != ADS]
    assert len(others) == 12
    assert not any(p["whole"]["skewed"] or p["whole"]["empty"] for p in others)


@pytest.mark.slow
def test_an_hour_of_that_day_stored_as_events_says_the_same_of_each_minute(tmp_path):
    house, who = open_house(tmp_path, now=NOW), local_principal("default")
    found = load_texts([("nezha.yaml", NEZHA)])
    defining.apply_definitions(house, who, found, now=NOW, effective_from=NOW - timedelta(days=9999))
    files = day_of_the_shop()[:4]
    for path in files:
        ingesting.ingest_file(house, who, path, source="nezha", now=NOW)
    ingesting.flush(house, now=NOW)
    exact = clocks.clocks_of_files([("nezha", path) for path in files], found).found
    start = datetime(2022, 8, 22, 3, tzinfo=UTC)
    stored = clocks.clocks(house, who, start=start, end=start + timedelta(days=1), now=NOW).found
    assert stored.calls == exact.calls  # the lake keeps a span that was recorded twice once
    for rough, fine in zip(stored.pairs, exact.pairs, strict=True):
        for n in range(len(fine.minutes.minutes)):
            low, high = rough.minutes.interval(n).low, rough.minutes.interval(n).high
            assert low <= fine.minutes.interval(n).low
            assert fine.minutes.interval(n).high <= high


def as_otlp(spans):
    """Spans as one line of OTLP JSON per host."""
    lines = []
    for host in dict.fromkeys(spans.hosts):
        rows = [n for n, h in enumerate(spans.hosts) if h == host]
        held = [
            {"traceId": "01", "spanId": spans.ids[n], "parentSpanId": spans.parents[n] or "",
             "kind": f"SPAN_KIND_{spans.kinds[n]}", "startTimeUnixNano": str(spans.starts[n]),
             "endTimeUnixNano": str(spans.ends[n])}
            for n in rows
        ]  # fmt: skip
        resource = {"attributes": [{"key": "host.name", "value": {"stringValue": host}}]}
        lines.append(json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": held}]}]}))
    return "\n".join(lines)


def clock_of_world(rng, number):
    """A clock: constant, drifting by up to 200 ppm, or set once in the middle."""
    theta, rate = planted(rng), rng.uniform(-200e-6, 200e-6)
    change, middle = planted(rng), MINUTES * MINUTE_NS // 2
    return (
        lambda t: theta + 0 * t,
        lambda t: (theta + rate * t).astype(np.int64),
        lambda t: theta + np.where(t >= middle, change, 0),
    )[number % 3]


@pytest.mark.slow
def test_planted_offsets_are_recovered_from_files_in_100_of_100_worlds(tmp_path):
    for number in range(100):
        rng = np.random.default_rng(number)
        clock = clock_of_world(rng, number)
        (tmp_path / "world.ndjson").write_text(as_otlp(spans_in(rng, clock)))
        (pair,) = clocks.clocks_of_files([("", tmp_path / "world.ndjson")]).found.pairs
        sign = 1 if pair.first == "a" else -1
        for n, minute in enumerate(pair.minutes.minutes.tolist()):
            since = np.array([minute * MINUTE_NS - T0, (minute + 1) * MINUTE_NS - 1 - T0])
            truth, offset = sign * clock(since), pair.minutes.interval(n)
            # Within its minute a clock that runs or is set has the offsets between its ends; one of them fits, or none.
            assert offset.low is None or offset.empty or offset.low <= truth.max(), number
            assert offset.high is None or offset.empty or offset.high >= truth.min(), number
        if number % 3 == 2:
            (step,) = pair.course.steps
            assert step.change.contains(sign * int(np.diff(clock(np.array([0, MINUTES * MINUTE_NS])))[0])), number
        elif number % 3 == 0:
            assert pair.course.whole.contains(sign * int(clock(np.array([0]))[0])), number
