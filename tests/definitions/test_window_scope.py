"""`scope: window` on an SLI: the slices of an SLO are its units, so an SLO that counts events is refused."""

import pytest

from nines.definitions.load import load_texts

TEXT = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: log}
spec: {type: events}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: ok}
spec: {source: log, scope: window, GOOD}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: checkout}
spec: {service: shop, indicator: ok, target: 99%, window: 1h, METHOD}
"""
SLICES = "budgetingMethod: Timeslices, sliceLength: 1m, timeSliceTarget: 95%"


def read(good, method):
    return load_texts([("slo.yaml", TEXT.replace("GOOD", good).replace("METHOD", method))])


def test_an_slo_that_counts_events_is_refused_with_both_ways_out():
    (problem,) = read("good: http_status < 500", "budgetingMethod: Occurrences").errors
    assert problem.code == "window-scope"
    assert "Timeslices" in problem.fix
    assert "scope: event" in problem.fix


def test_an_slo_by_slices_is_in_order_and_its_minutes_are_counted_as_by_event():
    found = read("good: http_status < 500", SLICES)
    assert found.problems == ()
    assert found.indicators["ok"].scope == "window"


@pytest.mark.parametrize("good", ["states: {good: 'true'}", "threshold: {value: duration_ms, bound: 300}"])
def test_what_is_not_made_of_events_has_no_such_choice(good):
    (problem,) = read(good, SLICES).errors
    assert (problem.code, problem.where) == ("window-scope", "slo.yaml:14")
