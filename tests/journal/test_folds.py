"""Folds: what the journal comes to, as known at an instant."""

from datetime import UTC, datetime, timedelta
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from nines.journal.facts import GENESIS, Fact, canonical
from nines.journal.folds import exclusion_of, exclusion_payload, exclusions_on_record, notes, statements
from nines.objectives.exclusion import PRECEDENCE, Allowance, Exclusion
from nines.spans import Span

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(*said):
    """Return facts of a kind with a payload, an hour apart."""
    return [
        (Fact(n, "default", NOW + n * HOUR, "ann", kind, "checkout", "p", GENESIS, "h"), payload)
        for n, (kind, payload) in enumerate(said, 1)
    ]


def exclusion(name="repair", hours=1, **more):
    return Exclusion(name=name, spans=(Span(NOW, NOW + hours * HOUR),), **more)


recorded = partial(lambda e: ("exclusion.recorded", exclusion_payload(e)))
withdrawn = partial(lambda name: ("exclusion.withdrawn", {"name": name}))

texts = st.text(max_size=8)
exclusions = st.builds(
    Exclusion,
    name=texts,
    spans=st.lists(st.integers(0, 10**6).map(lambda s: Span(NOW, NOW + timedelta(microseconds=s))), max_size=3).map(tuple),
    mode=st.sampled_from(PRECEDENCE),
    kind=st.sampled_from(["scheduled", "excluded"]),
    where=st.none() | texts,
    services=st.lists(texts, max_size=2).map(tuple),
    objectives=st.lists(texts, max_size=2).map(tuple),
    clause=texts, approver=texts, evidence=texts,
    allowance=st.none() | st.builds(Allowance, st.integers(1, 600).map(lambda m: timedelta(minutes=m))),
    mutes_paging=st.booleans(),
    recorded_at=st.just(NOW),
)  # fmt: skip


@given(exclusions)
def test_an_exclusion_comes_back_from_its_payload_as_it_was(original):
    import json

    payload = json.loads(canonical(exclusion_payload(original)))
    assert exclusion_of(payload, NOW) == original


def test_exclusions_are_known_from_when_they_were_recorded_until_they_were_withdrawn():
    (found,) = exclusions_on_record(told(recorded(exclusion()), withdrawn("repair")))
    assert (found.recorded_at, found.withdrawn_at) == (NOW + HOUR, NOW + 2 * HOUR)
    known = [found.known_at(NOW + hours * HOUR) for hours in (0, 1, 2)]
    assert known == [False, True, False]
    assert not found.known_at(None)


def test_an_exclusion_recorded_again_under_its_name_takes_the_place_of_the_one_before():
    found = exclusions_on_record(told(recorded(exclusion(hours=1)), recorded(exclusion(hours=2)), withdrawn("repair")))
    assert [e.spans[0].length for e in found] == [HOUR, 2 * HOUR]
    assert [e.withdrawn_at for e in found] == [NOW + 2 * HOUR, NOW + 3 * HOUR]


def test_a_withdrawal_of_what_is_not_on_record_changes_nothing_and_other_kinds_are_passed_over():
    said = [withdrawn("other"), ("annotation.added", {"text": "x", "about": NOW.isoformat()}), recorded(exclusion())]
    assert [e.withdrawn_at for e in exclusions_on_record(told(*said))] == [None]


def test_notes_come_in_the_order_they_were_recorded():
    said = [("annotation.added", {"text": t, "about": NOW.isoformat()}) for t in ("one", "two")]
    assert [(n.text, n.subject, n.author, n.about) for n in notes(told(*said, recorded(exclusion())))] == [
        ("one", "checkout", "ann", NOW), ("two", "checkout", "ann", NOW),
    ]  # fmt: skip


def test_a_correction_stands_beside_the_statement_it_points_at_and_never_in_its_place():
    period = [NOW.isoformat(), (NOW + HOUR).isoformat()]
    closed = ("statement.closed", {"objective": "checkout@month", "period": period, "standing": {"sli": 0.9}})
    right = ("statement.corrected", {"corrects": 1, "reason": "repair", "standing": {"sli": 1.0}})
    astray = ("statement.corrected", {"corrects": 7, "reason": "none", "standing": {"sli": 0.0}})
    (found,) = statements(told(closed, right, astray, right))
    assert found.standing == {"sli": 0.9}
    assert (found.number, found.period) == (1, Span(NOW, NOW + HOUR))
    assert [(c["reason"], c["standing"], c["at"]) for c in found.corrections] == [
        ("repair", {"sli": 1.0}, (NOW + 2 * HOUR).isoformat()), ("repair", {"sli": 1.0}, (NOW + 4 * HOUR).isoformat()),
    ]  # fmt: skip


@given(
    st.lists(
        st.sampled_from([recorded(exclusion("a")), recorded(exclusion("b")), withdrawn("a"), withdrawn("b")]),
        max_size=12,
    )
)
def test_what_was_believed_at_an_instant_is_the_fold_of_the_facts_until_then(said):
    facts = told(*said)
    whole = exclusions_on_record(facts)
    for hours in range(len(said) + 2):
        at = NOW + hours * HOUR
        until = exclusions_on_record([(f, p) for f, p in facts if f.at <= at])
        assert [(e.name, e.recorded_at) for e in whole if e.known_at(at)] == [
            (e.name, e.recorded_at) for e in until if e.withdrawn_at is None
        ]
        assert len({e.name for e in whole if e.known_at(at)}) == sum(e.known_at(at) for e in whole)
