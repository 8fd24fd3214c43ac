"""Facts: chained so that none can be changed unseen, whoever keeps them."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.errors import InputError
from nines.journal.facts import GENESIS, KINDS, Head, Payload, canonical, chained, fact_hash, payload_hash
from nines.journal.verifying import verify

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def chain(*texts):
    """Return facts that say these texts, with their payloads and where they end."""
    head, facts, payloads = Head(), [], {}
    for place, text in enumerate(texts, 1):
        payload = Payload(place, f"salt {place}", {"text": text})
        fact = chained(
            head, tenant="acme", at=AT + timedelta(seconds=place), author="ann", kind="annotation.added",
            subject="objective checkout", payload=payload_hash(payload.salt, payload.body),
        )  # fmt: skip
        facts.append(fact)
        payloads[place] = payload
        head = Head(fact.number, fact.hash)
    return facts, payloads, head


def wrong(facts, payloads, head=None):
    return [(p.where.removeprefix("journal acme "), p.code) for p in verify("acme", facts, payloads, head)]


def test_canonical_json_has_one_form_and_refuses_what_is_no_json():
    assert canonical({"b": [1, None], "a": "ä"}) == '{"a":"ä","b":[1,null]}'.encode()
    for bad in (float("nan"), {1: "a"}, {"a": {2: 1}}, "\ud800", object()):
        with pytest.raises(InputError):
            canonical(bad)


def test_hashes_are_sha_256_over_the_written_form():
    assert payload_hash("s", {"a": 1}) == hashlib.sha256(b's\n{"a":1}').hexdigest()
    written = f'[1,"acme","{AT.isoformat()}","ann","annotation.added","s","p","{GENESIS}"]'
    own = fact_hash(
        number=1,
        tenant="acme",
        at=AT,
        author="ann",
        kind="annotation.added",
        subject="s",
        payload="p",
        previous=GENESIS,
    )
    assert own == hashlib.sha256(written.encode()).hexdigest()


def test_the_salt_changes_the_hash_of_a_payload():
    assert payload_hash("a", {"x": 1}) != payload_hash("b", {"x": 1})


def test_a_fact_follows_the_one_before():
    (first, second), _, head = chain("one", "two")
    assert (first.number, first.previous) == (1, GENESIS)
    assert (second.number, second.previous) == (2, first.hash)
    assert head == Head(2, second.hash)


def test_one_instant_has_one_hash_in_whatever_zone_it_was_written():
    words = {"tenant": "acme", "author": "ann", "kind": "annotation.added", "subject": "s", "payload": "p"}
    east = AT.astimezone(timezone(timedelta(hours=2)))
    assert chained(Head(), at=east, **words) == chained(Head(), at=AT, **words)
    with pytest.raises(ValueError, match="time zone"):
        chained(Head(), at=AT.replace(tzinfo=None), **words)


def test_a_kind_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="no kind"):
        chained(Head(), tenant="acme", at=AT, author="ann", kind="annotation.forged", subject="s", payload="p")
    assert "annotation.added" in KINDS


def test_a_journal_as_it_was_recorded_verifies():
    assert wrong(*chain("one", "two", "three")) == []
    assert wrong([], {}) == []
    assert wrong([], {}, Head()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"at": AT}, {"author": "eve"}, {"kind": "person.added"}, {"subject": "other"}, {"hash": "0" * 64},
    ],
    ids=str,
)  # fmt: skip
def test_a_changed_fact_is_named(change):
    facts, payloads, head = chain("one", "two", "three")
    facts[1] = replace(facts[1], **change)
    assert ("fact 2", "journal-changed") in wrong(facts, payloads, head)


def test_a_fact_changed_and_hashed_anew_is_betrayed_by_the_next_one():
    facts, payloads, head = chain("one", "two", "three")
    payloads[2] = replace(payloads[2], body={"text": "rewritten"})
    facts[1] = chained(
        Head(1, facts[0].hash), tenant="acme", at=AT, author="ann", kind="annotation.added", subject="s",
        payload=payload_hash("salt 2", {"text": "rewritten"}),
    )  # fmt: skip
    assert wrong(facts, payloads, head) == [("fact 3", "journal-broken")]


def test_the_last_fact_changed_and_hashed_anew_is_betrayed_by_the_end():
    facts, payloads, head = chain("one", "two")
    facts[1] = chained(
        Head(1, facts[0].hash), tenant="acme", at=AT, author="eve", kind="annotation.added", subject="s",
        payload=facts[1].payload_hash,
    )  # fmt: skip
    assert wrong(facts, payloads, head) == [("fact 2", "journal-changed")]


@pytest.mark.parametrize(
    ("removed", "named"), [(1, "fact 2"), (2, "fact 3"), (3, "fact 4"), (4, "fact 4")], ids=["1", "2", "3", "last"]
)
def test_a_removed_fact_is_missed(removed, named):
    facts, payloads, head = chain("one", "two", "three", "four")
    del facts[removed - 1], payloads[removed]
    assert wrong(facts, payloads, head) == [(named, "journal-gap")]


def test_facts_put_in_twice_or_after_the_end_are_named():
    facts, payloads, head = chain("one", "two", "three")
    assert wrong([*facts[:2], facts[1], facts[2]], payloads, head) == [("fact 2", "journal-inserted")]
    assert wrong(facts, payloads, Head(2, facts[1].hash)) == [("fact 3", "journal-inserted")]


def test_a_changed_or_missing_payload_is_named():
    facts, payloads, head = chain("one", "two", "three")
    payloads[1] = replace(payloads[1], body={"text": "rewritten"})
    payloads[2] = replace(payloads[2], salt="other")
    del payloads[3]
    assert wrong(facts, payloads, head) == [
        ("fact 1", "payload-changed"), ("fact 2", "payload-changed"), ("fact 3", "payload-missing"),
    ]  # fmt: skip


def test_a_payload_that_belongs_to_no_fact_is_named():
    facts, payloads, head = chain("one")
    payloads[9] = Payload(9, "s", {})
    assert ("fact 9", "payload-alone") in wrong(facts, payloads, head)


def test_a_payload_deleted_under_a_rule_that_a_fact_tells_of_verifies_and_one_without_does_not():
    facts, payloads, head = chain("one", "two")
    payloads[1] = Payload(1, "", None, "retention")
    assert wrong(facts, payloads, head) == [("fact 1", "payload-missing")]
    told = Payload(3, "s", {"number": 1, "rule": "retention"})
    facts.append(
        chained(
            head, tenant="acme", at=AT, author="ann", kind="payload.deleted", subject="fact 1",
            payload=payload_hash(told.salt, told.body),
        )
    )  # fmt: skip
    payloads[3] = told
    end = Head(3, facts[-1].hash)
    assert wrong(facts, payloads, end) == []
    payloads[1] = replace(payloads[1], deleted_under="another rule")
    assert wrong(facts, payloads, end) == [("fact 1", "payload-rule")]


@given(st.lists(st.text(max_size=5), min_size=1, max_size=8), st.data())
def test_no_single_change_of_a_journal_goes_unseen(texts, data):
    facts, payloads, head = chain(*texts)
    assert wrong(facts, payloads, head) == []
    place = data.draw(st.integers(0, len(facts) - 1))
    how = data.draw(st.sampled_from(["remove", "repeat", "author", "hash", "previous", "payload", "body", "salt"]))
    if how == "remove":
        del facts[place]
    elif how == "repeat":
        facts.insert(place, facts[place])
    elif how in {"body", "salt"}:
        value = {"text": texts[place] + "!"} if how == "body" else "other"
        payloads[place + 1] = replace(payloads[place + 1], **{how: value})
    else:
        name = "payload_hash" if how == "payload" else how
        facts[place] = replace(facts[place], **{name: "f" * 64})
    assert wrong(facts, payloads, head) != []
