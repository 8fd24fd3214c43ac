"""Deeds and accounts in the corners: what is refused, what is gone for good, who is taken for whom."""

import pytest

from nines.errors import ConflictError, InputError, NotFoundError
from nines.journal.facts import GENESIS
from nines.store.accounts import MOST_FAILURES, Person
from nines.store.store import Store
from store.chained import NOW, note


def test_a_fact_says_what_every_database_can_keep(store):
    for subject in ("", "two\nlines", "x" * 401, "nul\x00"):
        with pytest.raises(InputError), store.deed("default", "ann", NOW) as deed:
            deed.tell("annotation.added", subject, {})
    with pytest.raises(InputError), store.deed("default", "ann", NOW) as deed:
        deed.tell("annotation.added", "checkout", {"text": float("nan")})
    assert store.verify("default") == (0, [])


def test_facts_of_one_deed_follow_each_other_and_are_read_by_subject(store):
    with store.deed("default", "ann", NOW) as deed:
        told = [deed.tell("annotation.added", subject, {"text": ""}) for subject in ("checkout", "search", "checkout")]
    assert [f.previous for f in told] == [GENESIS, told[0].hash, told[1].hash]
    assert [f for f, _ in store.told("default", subject="checkout")] == [told[0], told[2]]
    assert store.verify("default") == (3, [])


def test_a_deletion_names_a_fact_that_is_there_and_not_yet_deleted_and_no_deletion(store):
    note(store, "first")
    for number, refusal in ((9, NotFoundError), (1, None), (1, ConflictError), (2, ConflictError)):
        if refusal is None:
            with store.deed("default", "ann", NOW) as deed:
                deed.delete_payload(number, "retention")
            continue
        with pytest.raises(refusal), store.deed("default", "ann", NOW) as deed:
            deed.delete_payload(number, "retention")
    assert store.verify("default") == (2, [])


def test_what_was_deleted_under_a_rule_is_in_no_file_any_more(tmp_path):
    store = Store.open(tmp_path / "records.sqlite", now=NOW)
    note(store, "the name of somebody")
    with store.deed("default", "ann", NOW) as deed:
        deed.delete_payload(1, "personal data")
    store.close()
    assert not [f for f in tmp_path.iterdir() if b"the name of somebody" in f.read_bytes()]


def test_the_same_name_with_two_tenants_is_two_people_and_neither_locks_the_other_out(store):
    passwords = {"default": "correct horse battery", "bolt": "wrong donkey battery"}
    for tenant, password in passwords.items():
        with store.deed(tenant, "ann", NOW) as deed:
            store.accounts.add(deed.connection, Person(tenant, "ann", "viewer"), password, NOW)
    for _ in range(MOST_FAILURES + 1):
        assert store.accounts.check("ann", passwords["bolt"], NOW) == Person("bolt", "ann", "viewer")
    assert store.accounts.check("ann", passwords["default"], NOW) == Person("default", "ann", "viewer")
    assert store.accounts.check("ann", passwords["default"], NOW, tenant="bolt") is None


def test_a_link_serves_nobody_once_somebody_can_sign_in(store):
    link = store.accounts.make_link("default", NOW)
    with store.deed("default", "ann", NOW) as deed:
        store.accounts.add(deed.connection, Person("default", "ann", "admin"), "correct horse battery", NOW)
        assert store.accounts.use_link(deed.connection, link, NOW) is None
