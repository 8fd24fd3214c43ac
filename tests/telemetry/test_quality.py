"""Quality: what was odd is told once, with its number, the gravest first."""

import numpy as np

from nines.telemetry.quality import Finding, problems, series_findings
from nines.telemetry.series import MinuteSeries


def of_states(*states, first=0):
    zeros = np.zeros(len(states), dtype=np.int64)
    return MinuteSeries(0, zeros, zeros, zeros, np.array(states, dtype=np.uint8), first)


def test_findings_of_one_kind_are_added_up_and_dated_by_the_first():
    told = problems([Finding("c", "gap", 70, 2), Finding("c", "gap", 61, 3)])
    assert [p.what.split(",")[0] for p in told] == ["5 minutes without readings"]
    assert told[0].what.endswith("first at 1970-01-01T01:01Z")


def test_warnings_come_before_notes():
    told = problems([Finding("a", "reset", 0, 1), Finding("b", "not-whole", 0, 1)])
    assert [(p.where, p.severity) for p in told] == [("b", "warning"), ("a", "note")]


def test_a_thousand_findings_become_twenty_one_lines():
    told = problems([Finding(f"c{i}", "gap", 0, 1) for i in range(1000)])
    assert len(told) == 21
    assert told[-1].what == "980 more findings of these kinds: series-gap"


def test_every_warning_but_a_plain_count_says_what_to_do():
    for kind in ("conflict", "gap", "not-a-number", "negative", "not-whole", "too-large", "born-at-n"):
        (told,) = problems([Finding("c", kind, 0, 1)])
        assert (told.severity, bool(told.fix)) == ("warning", True), kind


def test_a_series_tells_its_broken_minutes_and_its_longest_silence():
    found = series_findings(of_states(1, 0, 0, 3, 0, 0, 0, 1), "shop")
    assert found == (Finding("shop", "broken", 3, 1), Finding("shop", "silent", 4, 3))


def test_the_time_before_a_source_was_ever_heard_is_not_called_a_silence():
    assert series_findings(of_states(0, 0, 0, 1, 1, first=3), "shop") == ()
