"""Clocks of real traces: a shop on one day of 2022 (Nezha), and Zipkin's own skewed example."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv

from nines.telemetry.clocks import bounds_by_pair, bounds_of, by_minute, midpoint
from nines.telemetry.clocks_course import course_of, course_problems, impossible_problems
from nines.telemetry.clocks_graph import fleet_of
from nines.telemetry.clocks_spans import Spans, exchanges_of
from shared_data import shared

FRONTEND, ADS = "frontend-579b9bff58-t2dbm", "adservice-5f6585d649-fnmft"


@pytest.fixture(scope="module")
def day():
    files = sorted((shared("rca_nezha_onlineboutique_2022") / "rca_data" / "2022-08-22" / "trace").glob("*.csv.gz"))
    table = pa.concat_tables([csv.read_csv(f) for f in files])
    names = (table[c].to_pylist() for c in ("SpanID", "ParentID", "PodName"))
    instants = (table[c].to_numpy() for c in ("StartTimeUnixNano", "EndTimeUnixNano"))
    return Spans(*names, None, *instants, table["TraceID"].to_pylist())


@pytest.fixture(scope="module")
def pairing(day):
    return exchanges_of(day)


@pytest.mark.slow
def test_the_impossible_children_of_the_day_are_named_once_each(day, pairing):
    assert len(day.ids) == 852_420
    assert len(pairing.duplicates) == 852_420 - 846_632
    assert len(pairing.conflicting) == 0
    assert len(pairing.exchanges) == 203_052
    assert len(pairing.impossible) == 972
    assert {day.hosts[row] for row in pairing.impossible} == {ADS}
    named = {(day.traces[row], day.ids[row]) for row in pairing.impossible}
    assert len(named) == 972
    again = [row for row in pairing.duplicates if (day.traces[row], day.ids[row]) in named]
    assert len(pairing.impossible) + len(again) == 973  # as they lie in the files
    (problem,) = impossible_problems(pairing, day.ids)
    assert problem.what.startswith("972 spans start before")
    assert problem.what.endswith("and 952 more")


@pytest.mark.slow
def test_the_ad_service_is_bounded_minute_by_minute_and_drifts_over_the_day(pairing):
    bounds = bounds_of(pairing.exchanges, FRONTEND, ADS)
    minutes = by_minute(bounds)
    assert len(minutes.minutes) == 63
    assert not minutes.empty.any()
    assert minutes.exchanges.sum() == 10_494
    assert max(minutes.interval(n).half_width for n in range(63)) < 650_000
    assert min(minutes.interval(n).half_width for n in range(63)) < 100_000
    course = course_of(bounds)
    assert (course.whole.low, course.whole.high) == (-503_633, -754_679)
    assert course.whole.empty
    assert course.kind == "drift"
    assert course.line is None  # no straight line fits: it went to -0.47 ms, to -1 ms and back
    assert course.steps == ()
    assert course.odd.tolist() == []
    (problem,) = course_problems([course], pairing.exchanges)
    assert problem.code == "clock-drift"
    assert "bounds contradict by 0.251 ms" in problem.what


@pytest.mark.slow
def test_most_minutes_prove_that_the_ad_service_is_behind(pairing):
    minutes = by_minute(bounds_of(pairing.exchanges, FRONTEND, ADS))
    claimed = [minutes.interval(n).skewed for n in range(63)]
    assert claimed == [minutes.high[n] < 0 or minutes.low[n] > 0 for n in range(63)]
    assert sum(claimed) == 58


@pytest.mark.slow
def test_no_skew_is_claimed_between_any_other_pods(pairing):
    pairs = bounds_by_pair(pairing.exchanges)
    assert len(pairs) == 13
    for bounds in pairs:
        if {bounds.first, bounds.second} == {FRONTEND, ADS}:
            continue
        course = course_of(bounds)
        assert course.kind == "steady"
        assert course.whole.contains(0)
        assert not course.whole.skewed
        minutes = by_minute(bounds)
        assert not minutes.empty.any()
        assert not any(minutes.interval(n).skewed for n in range(len(minutes.minutes)))
        assert course_problems([course], pairing.exchanges) == ()


@pytest.mark.slow
def test_one_minute_of_the_day_bounds_every_pod_against_every_other(pairing):
    pairs = {}
    for bounds in bounds_by_pair(pairing.exchanges):
        minutes = by_minute(bounds)
        pairs[bounds.first, bounds.second] = minutes.interval(int(np.searchsorted(minutes.minutes, 27_685_673)))
    fleet = fleet_of(pairs)
    assert fleet.contradictions == ()
    assert len(fleet.hosts) == 10
    assert fleet.between(FRONTEND, ADS).skewed
    email = next(h for h in fleet.hosts if h.startswith("email"))
    assert fleet.between(ADS, email).half_width is not None


def test_zipkins_skewed_trace_gives_the_offset_zipkin_corrects_by():
    rows = json.loads((shared("traces_zipkin") / "testdata" / "skew.json").read_text())
    starts = np.array([r["timestamp"] * 1000 for r in rows])
    columns = [r["id"] for r in rows], [r.get("parentId") for r in rows]
    hosts, kinds = [r["localEndpoint"]["serviceName"] for r in rows], [r.get("kind") for r in rows]
    pairing = exchanges_of(
        Spans(*columns, hosts, kinds, starts, starts + np.array([r["duration"] * 1000 for r in rows]))
    )
    found = pairing.exchanges
    assert [found.name(n) for n in range(len(found))] == [
        "74280ae0c10d8062 on servicea -> 74280ae0c10d8062 on serviceb"
    ]
    theta, half = midpoint(*(int(a[0]) for a in (found.c1, found.c4, found.s2, found.s3)))
    assert theta == -65_922_000
    assert half == 481_000
    whole = bounds_of(found, "servicea", "serviceb").within()
    assert (whole.centre, whole.half_width, whole.skewed) == (theta, half, True)
    assert [rows[n]["localEndpoint"]["serviceName"] for n in pairing.impossible] == ["serviceb"]
