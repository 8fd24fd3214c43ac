"""Records that the journal tells of are held against it: who changes one by hand is found out."""

import hashlib
from datetime import timedelta, timezone

import pytest

from nines.errors import InputError
from nines.store.accounts import Person, Token
from nines.store.revisions import Revision
from store.chained import NOW, change

LATER = NOW + timedelta(days=30)


def digest_of(text):
    if text == "no definition":
        raise InputError(text)
    return hashlib.sha256(text.encode()).hexdigest()


def apply(store, number, text, *, kind="definition.applied"):
    digest = "" if text is None else digest_of(text)
    east = NOW.astimezone(timezone(timedelta(hours=5))).isoformat()
    with store.deed("default", "ann", NOW) as deed:
        revision = Revision("SLO", "checkout", number, NOW, NOW, "ann", digest, text)
        store.revisions.put(deed.connection, "default", revision)
        said = {"kind": "SLO", "name": "checkout", "revision": number, "effective_from": east, "digest": digest}
        deed.tell(kind, "SLO checkout", said)


@pytest.fixture
def kept(store):
    """Two revisions and a retirement, ann, a token that holds and one that was revoked by its prefix."""
    apply(store, 1, "target: 99.9%")
    apply(store, 2, "target: 99.5%")
    apply(store, 3, None, kind="definition.retired")
    with store.deed("default", "ann", NOW) as deed:
        store.accounts.add(deed.connection, Person("default", "ann", "viewer"), "correct horse battery", NOW)
        deed.tell("person.added", "person ann", {"name": "ann", "role": "viewer"})
        for name in ("ci", "old"):
            token = Token("default", name, "", ("see", "ingest"), "ann", NOW, LATER, None)
            secret = store.accounts.make_token(deed.connection, token)
            said = {"name": name, "scopes": ["see", "ingest"], "expires": LATER.isoformat()}
            deed.tell("token.made", f"token {name}", said)
        prefix = secret[:12]
        assert store.accounts.revoke(deed.connection, "default", prefix, NOW)
        deed.tell("token.revoked", f"token {prefix}", {"name": prefix})
    return store


def found(store):
    return [(p.where, p.code) for p in store.verify("default", digest_of=digest_of)[1]]


def test_records_that_are_as_the_journal_tells_verify(kept):
    assert kept.verify("default", digest_of=digest_of) == (7, [])


@pytest.mark.parametrize(
    ("statement", "where", "code"),
    [
        ("UPDATE revisions SET document = 'target: 0.9' WHERE number = 1", "revisions SLO checkout 1", "record-changed"),
        ("UPDATE revisions SET document = 'no definition' WHERE number = 1", "revisions SLO checkout 1", "record-changed"),
        ("UPDATE revisions SET document = NULL WHERE number = 2", "revisions SLO checkout 2", "record-changed"),
        ("UPDATE revisions SET effective_from = 0 WHERE number = 2", "revisions SLO checkout 2", "record-changed"),
        ("UPDATE revisions SET document = 'x' WHERE number = 3", "revisions SLO checkout 3", "record-changed"),
        ("DELETE FROM revisions WHERE number = 2", "revisions SLO checkout 2", "record-gap"),
        ("UPDATE people SET role = 'admin'", "people ann", "record-changed"),
        ("UPDATE tokens SET scopes = 'see ingest define' WHERE name = 'ci'", "tokens ci", "record-changed"),
        ("UPDATE tokens SET expires_at = expires_at + 1 WHERE name = 'ci'", "tokens ci", "record-changed"),
        ("UPDATE tokens SET revoked_at = NULL WHERE name = 'old'", "tokens old", "record-changed"),
        ("DELETE FROM tokens WHERE name = 'old'", "tokens old", "record-gap"),
    ],
)  # fmt: skip
def test_a_record_changed_or_removed_by_hand_is_named(kept, statement, where, code):
    change(kept, statement)
    assert found(kept) == [(where, code)]


def test_a_record_inserted_by_hand_is_named(kept):
    columns = "role, password_hash, created_at, failures"
    change(kept, f"INSERT INTO people (tenant, name, {columns}) SELECT tenant, 'eve', {columns} FROM people")
    assert found(kept) == [("people eve", "record-inserted")]


def test_a_person_whose_fact_was_deleted_under_a_rule_is_not_taken_for_an_intruder(kept):
    with kept.deed("default", "bob", NOW) as deed:
        deed.delete_payload(4, "personal data")
    assert found(kept) == []


def test_rows_that_cannot_even_be_read_are_named(kept):
    if kept._engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps no text in a number")
    change(
        kept,
        "UPDATE facts SET at = 'yesterday' WHERE number = 1",
        "UPDATE facts SET author = x'00ff' WHERE number = 2",
        "UPDATE payloads SET body = x'00ff' WHERE number = 3",
        "UPDATE revisions SET effective_from = 1e300 WHERE number = 1",
    )
    assert {
        ("journal default fact 1", "journal-changed"),
        ("journal default fact 2", "journal-changed"),
        ("journal default fact 3", "payload-changed"),
        ("revisions SLO checkout 1", "record-changed"),
    } <= set(found(kept))
