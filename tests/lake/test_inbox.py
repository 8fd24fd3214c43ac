"""The inbox: acknowledged means on the disk, once."""

import os
import queue
import sqlite3
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lake.batches import NOON, events
from nines.errors import OverloadedError
from nines.lake.inbox import Inbox, packed
from parts import require

NOBODY = 65534


@pytest.fixture
def inbox(tmp_path):
    made = Inbox(tmp_path / "inbox.sqlite")
    yield made
    made.close()


def send(inbox, *rows, tenant="acme", source="web", key=None):
    return inbox.append(tenant, source, events(*(rows or [(0, 200)])), arrival=NOON, key=key)


def test_a_receipt_says_the_number_and_the_rows(inbox):
    receipt = send(inbox, (0, 200), (1, 503))
    assert (receipt.id, receipt.rows, receipt.duplicate) == (1, 2, False)


def test_what_was_acknowledged_is_read_back_as_it_was_sent_even_by_another_opening(inbox, tmp_path):
    sent = events((0, 200), (1, 503, "a", 12.5))
    inbox.append("acme", "web", sent, arrival=NOON, kind="events")
    (batch,) = Inbox(tmp_path / "inbox.sqlite").waiting(0)
    assert (batch.id, batch.tenant, batch.source, batch.kind) == (1, "acme", "web", "events")
    assert batch.arrival == int(NOON.timestamp()) * 1_000_000
    assert batch.table.equals(sent)


def test_the_same_key_counts_once_and_is_told_the_first_receipt(inbox):
    first = send(inbox, (0, 200), (0, 200), key="k")
    send(inbox)
    again = send(inbox, (5, 503), key="k")
    assert (again.id, again.rows, again.duplicate) == (first.id, 2, True)
    assert [b.id for b in inbox.waiting(0)] == [1, 2]


def test_a_key_is_one_source_of_one_tenants_own(inbox):
    kept = [send(inbox, tenant=t, source=s, key="k") for t, s in (("acme", "web"), ("acme", "app"), ("bolt", "web"))]
    assert not any(r.duplicate for r in kept)
    assert inbox.pending() == {("acme", "web"): 1, ("acme", "app"): 1, ("bolt", "web"): 1}


def test_a_key_outlives_its_batch_and_is_forgotten_when_it_is_old(inbox):
    first = send(inbox, key="k")
    inbox.forget(first.id)
    assert send(inbox, key="k").duplicate
    inbox.forget(first.id, keys_before=int(NOON.timestamp()) * 1_000_000 + 1)
    assert not send(inbox, key="k").duplicate


def test_a_key_is_still_known_after_a_restart(inbox, tmp_path):
    send(inbox, key="k")
    inbox.close()
    assert send(Inbox(tmp_path / "inbox.sqlite"), key="k").duplicate


def test_ids_are_never_used_again_after_all_batches_were_forgotten_and_the_file_was_opened_again(inbox, tmp_path):
    last = [send(inbox).id for _ in range(3)][-1]
    inbox.forget(last)
    assert inbox.last_id() == 0
    assert send(inbox).id == 4
    inbox.forget(4)
    assert send(Inbox(tmp_path / "inbox.sqlite")).id == 5


def test_forgetting_leaves_later_batches_alone(inbox):
    for _ in range(4):
        send(inbox)
    inbox.forget(2)
    assert [b.id for b in inbox.waiting(0)] == [3, 4]
    assert [b.id for b in inbox.waiting(3)] == [4]
    assert [b.id for b in inbox.waiting(0, until=3)] == [3]


def test_callers_in_several_threads_each_get_their_own_number_and_nothing_is_lost(inbox):
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda n: send(inbox, *[(n % 10, 200)] * (n % 4 + 1)), range(200)))
    assert sorted(r.id for r in receipts) == list(range(1, 201))
    rows = {b.id: b.table for b in inbox.waiting(0)}
    assert all(rows[r.id].equals(events(*[(n % 10, 200)] * (n % 4 + 1))) for n, r in enumerate(receipts))


def test_one_key_sent_from_several_threads_at_once_counts_once(inbox):
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: send(inbox, key="k"), range(40)))
    assert [r.duplicate for r in receipts].count(False) == 1
    assert {r.id for r in receipts} == {1}
    assert inbox.pending() == {("acme", "web"): 1}


def test_batches_that_wait_at_the_same_moment_share_one_commit(inbox, tmp_path):
    send(inbox)
    with (
        closing(sqlite3.connect(tmp_path / "inbox.sqlite", isolation_level=None)) as other,
        ThreadPoolExecutor(16) as pool,
    ):
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.execute("BEGIN IMMEDIATE")  # the writer waits, and what comes meanwhile queues up behind it
        futures = [pool.submit(send, inbox) for _ in range(16)]
        end = time.monotonic() + 10
        while inbox._queue.qsize() < 12 and time.monotonic() < end:
            pass
        other.execute("COMMIT")
        assert sorted(f.result().id for f in futures) == list(range(2, 18))
        _, frames, _ = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    assert frames < 16  # sixteen commits would have written several pages each


def test_two_openings_of_one_inbox_never_give_one_number_twice(inbox, tmp_path):
    other = Inbox(tmp_path / "inbox.sqlite")
    assert other.app_id == inbox.app_id
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(lambda n: send(inbox if n % 2 else other), range(60)))
    assert sorted(r.id for r in receipts) == list(range(1, 61))


def test_a_full_inbox_refuses_stores_nothing_and_takes_more_once_it_was_emptied(tmp_path):
    size = len(packed(events((0, 200))))
    inbox = Inbox(tmp_path / "inbox.sqlite", most_bytes=2 * size)
    assert [send(inbox).id, send(inbox).id] == [1, 2]
    with pytest.raises(OverloadedError) as refused:
        send(inbox, key="k")
    assert refused.value.problems[0].code == "inbox-full"
    assert [b.id for b in inbox.waiting(0)] == [1, 2]
    inbox.forget(2)
    receipt = send(inbox, key="k")
    assert (receipt.id, receipt.duplicate) == (3, False)


def test_what_another_process_put_in_fills_the_inbox_too_once_it_is_added_up_again(tmp_path, monkeypatch):
    size = len(packed(events((0, 200))))
    mine, other = (Inbox(tmp_path / "inbox.sqlite", most_bytes=3 * size) for _ in range(2))
    assert [send(mine).id, send(other).id, send(other).id] == [1, 2, 3]
    monkeypatch.setattr("nines.lake.inbox.SUMMED_S", 0)
    with pytest.raises(OverloadedError):
        send(mine)
    other.forget(1)
    assert send(mine).id == 4


@contextmanager
def powerless():
    """Be nobody for a while: the superuser may write what is read-only."""
    require("root", os.geteuid() == 0, "only root can become somebody with fewer rights and return")
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def answered(inbox, **more):
    """Send one batch and return the receipt or raise the refusal, whichever comes within a minute."""
    answers = queue.SimpleQueue()

    def work():
        try:
            answers.put(send(inbox, **more))
        except OverloadedError as refusal:
            answers.put(refusal)

    threading.Thread(target=work, daemon=True).start()
    answer = answers.get(timeout=60)
    if isinstance(answer, OverloadedError):
        raise answer
    return answer


def test_a_file_that_cannot_be_written_refuses_and_recovers_when_it_can():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inbox = Inbox(folder / "inbox.sqlite")
        folder.chmod(0o755)
        with powerless(), pytest.raises(OverloadedError) as refused:
            answered(inbox, key="k")
        assert refused.value.problems[0].code == "inbox-unwritable"
        assert list(inbox.waiting(0)) == []
        assert send(inbox, key="k").id == 1


def test_a_file_that_became_unusable_is_answered_and_not_waited_for(tmp_path):
    file = tmp_path / "inbox.sqlite"
    inbox = Inbox(file)
    file.rename(tmp_path / "aside")
    file.mkdir()
    with pytest.raises(OverloadedError):
        answered(inbox)
    file.rmdir()
    (tmp_path / "aside").rename(file)
    assert send(inbox).id == 1


def test_a_text_that_no_database_takes_is_answered_and_the_next_batch_goes_in(inbox):
    with pytest.raises(OverloadedError):
        answered(inbox, source="\ud800")
    assert answered(inbox).id == 1


def test_what_was_not_stored_is_counted_by_source_and_reason_and_survives(inbox, tmp_path):
    inbox.append("acme", "web", events((0, 200)), arrival=NOON, key="k", unkept={"refused": 2, "unnamed": 0})
    inbox.tally("acme", "web", {"refused": 3}, arrival=NOON)
    inbox.tally("bolt", "web", {"unnamed": 5}, arrival=NOON)
    found = {key: tally.number for key, tally in Inbox(tmp_path / "inbox.sqlite").tallies("acme").items()}
    assert found == {("web", "refused"): 5}


def test_a_repeated_batch_counts_its_rows_as_repeated_and_nothing_of_it_twice(inbox):
    for _ in range(3):
        inbox.append("acme", "web", events((0, 200), (1, 200)), arrival=NOON, key="k", unkept={"refused": 1})
    found = {key: tally.number for key, tally in inbox.tallies("acme").items()}
    assert found == {("web", "refused"): 1, ("web", "repeated"): 4}


def test_a_tally_stores_no_batch(inbox):
    inbox.tally("acme", "web", {"refused": 3}, arrival=NOON)
    assert inbox.last_id() == 0
    assert inbox.pending() == {}
