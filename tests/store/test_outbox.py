"""The outbox: every message leaves in its order, from one sender at a time, and none is lost."""

from datetime import timedelta

import pytest

from nines.errors import ConflictError
from nines.store.outbox import LEASE, Put
from nines.store.ticking import Tick
from store.chained import NOW

MINUTE = timedelta(minutes=1)


def body(number, thread="checkout", name="m"):
    return {"id": f"{name}-{thread}-{number}", "thread": thread, "number": number, "objective": "checkout@30d"}


def put(store, *numbers, thread="checkout", target="ops", due=NOW, group=None, now=NOW, **more):
    with store.deed("default", "worker", now) as deed:
        rows = [Put(target, body(n, thread), "all", group or body(n, thread)["id"], "", due, **more) for n in numbers]
        return store.outbox.put(deed, rows)


def numbers(rows):
    return [r.number for r in rows]


def end(store, rows, how="sent", now=NOW):
    with store.deed("default", "worker", now) as deed:
        getattr(store.outbox, how)(deed, rows, "said so")


def test_messages_of_a_thread_leave_one_after_the_other(store):
    put(store, 1, 2)
    first = store.outbox.claim(NOW)
    assert numbers(first) == [1]
    assert store.outbox.claim(NOW) == []
    end(store, first)
    assert numbers(store.outbox.claim(NOW)) == [2]


def test_a_message_that_is_there_already_is_not_put_in_again(store):
    assert put(store, 1) == 1
    assert put(store, 1) == 0
    assert len(store.outbox.log("default")) == 1


def test_threads_and_targets_do_not_wait_for_each_other(store):
    put(store, 1)
    put(store, 1, thread="cart")
    put(store, 1, target="chat")
    claimed = [store.outbox.claim(NOW)[0] for _ in range(3)]
    assert {(r.thread, r.target) for r in claimed} == {("checkout", "ops"), ("cart", "ops"), ("checkout", "chat")}
    assert store.outbox.claim(NOW) == []


def test_nothing_leaves_before_it_is_due(store):
    put(store, 1, due=NOW + MINUTE)
    assert store.outbox.claim(NOW) == []
    assert numbers(store.outbox.claim(NOW + MINUTE)) == [1]


def test_what_a_sender_that_died_had_in_hand_is_claimed_again_and_marked(store):
    put(store, 1)
    assert store.outbox.claim(NOW)[0].repeated is False
    assert store.outbox.claim(NOW + LEASE - MINUTE) == []
    (again,) = store.outbox.claim(NOW + LEASE)
    assert (again.repeated, again.attempts) == (True, 2)


def test_a_claim_whose_lease_is_over_and_taken_by_another_says_nothing_any_more(store):
    put(store, 1)
    late = store.outbox.claim(NOW)
    store.outbox.claim(NOW + LEASE)
    end(store, late)
    assert store.outbox.log("default")[0].state == "claimed"


def test_one_that_failed_is_tried_later_and_its_thread_waits_with_it(store):
    put(store, 1, 2)
    store.outbox.later(store.outbox.claim(NOW), "it answered 503", NOW + MINUTE)
    assert store.outbox.claim(NOW) == []
    assert numbers(store.outbox.claim(NOW + MINUTE)) == [1]


def test_one_that_was_given_up_lets_its_thread_go_on_and_can_be_tried_again(store):
    put(store, 1, 2)
    end(store, store.outbox.claim(NOW), "dead")
    assert numbers(store.outbox.claim(NOW)) == [2]
    with store.deed("default", "ann", NOW) as deed:
        assert store.outbox.again(deed, body(1)["id"], "ops")
        assert not store.outbox.again(deed, body(2)["id"], "ops")
    assert numbers(store.outbox.claim(NOW)) == [1]


def test_a_group_is_told_together_in_order_when_the_first_of_it_is_due(store):
    put(store, 1, due=NOW + MINUTE, group="team=shop")
    put(store, 2, due=NOW + 3 * MINUTE, group="team=shop", now=NOW + MINUTE / 2)
    put(store, 1, thread="cart", due=NOW + 3 * MINUTE, group="team=shop", now=NOW + MINUTE / 2)
    claimed = store.outbox.claim(NOW + MINUTE)
    assert sorted((r.thread, r.number) for r in claimed) == [("cart", 1), ("checkout", 1), ("checkout", 2)]


def test_what_is_silenced_or_taken_by_nobody_is_kept_and_never_leaves(store):
    put(store, 1, state="silenced")
    put(store, 1, thread="cart", state="unrouted")
    assert store.outbox.claim(NOW + LEASE) == []
    assert store.outbox.counts() == {"silenced": 1, "unrouted": 1}


def failing_deed(store):
    with store.deed("default", "worker", NOW) as deed:
        store.outbox.put(deed, [Put("ops", body(1), "all", "g", "", NOW)])
        deed.tell("no.kind", "x", {})


def test_a_deed_that_fails_puts_nothing_in(store):
    with pytest.raises(ValueError, match="no kind"):
        failing_deed(store)
    assert store.outbox.log("default") == []


def mark(store, minute, changed):
    with store.deed("default", "worker", NOW) as deed:
        store.ticking.mark(deed, Tick(minute, 7, NOW), changed)


def test_a_minute_is_judged_once_and_alerts_stand_as_it_left_them(store):
    mark(store, 10, {"a": {"state": "firing"}, "b": {"state": "ok"}})
    with pytest.raises(ConflictError, match="judged already"):
        mark(store, 10, {"a": {"state": "ok"}})
    assert store.ticking.last("default") == Tick(10, 7, NOW)
    mark(store, 11, {"b": None})
    assert store.ticking.alerts("default") == {"a": {"state": "firing"}}
