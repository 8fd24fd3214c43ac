"""The lake: tenants apart, answers unchanged by housekeeping, freshness as it is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from deltalake import DeltaTable

from lake.batches import BOTH, FIRST, NOON, OK, SOURCE, counted, events, sequences, stored
from nines.lake.lake import Lake
from nines.objectives.indicator import ValueIndicator


@pytest.fixture
def lake(tmp_path):
    made = Lake.open(tmp_path / "lake")
    yield made
    made.inbox.close()


def send(lake, *rows, tenant="acme", source="web"):
    return lake.append(tenant, source, events(*rows), arrival=NOON)


def test_an_empty_lake_answers_with_nothing(lake):
    assert counted(lake) == {}
    assert lake.last_sequence() == 0
    assert lake.sequence_at(NOON) == 0
    assert lake.freshness("acme") == []
    assert lake.held_minutes("acme", OK.identity).tolist() == []
    assert lake.compact(every=1) == 0
    assert lake.vacuum(timedelta()) == 0


def test_no_tenant_sees_anothers_rows_by_any_question(lake):
    took = ValueIndicator(name="took", source="web", value="duration_ms")
    send(lake, (0, 200, "a", 100.0), (1, 503, "b", 200.0))
    lake.flush(BOTH, NOON)
    span = (FIRST, FIRST + 10)
    assert counted(lake) == {0: (1, 0, 0), 1: (0, 1, 0)}
    for other in ("bolt", "", "acm", "acme%", "acme' OR 'a' = 'a"):
        series = lake.series(other, OK, SOURCE, *span)
        assert not (series.good + series.bad + series.unknown + series.state).any()
        assert lake.held_minutes(other, OK.identity).tolist() == []
        assert lake.freshness(other) == []
        assert lake.sketch(other, took, SOURCE, *span).count == 0
        assert lake.covered(other, OK, SOURCE, [], *span) == ()
    assert lake.sketch("acme", took, SOURCE, *span).count == 2


def test_rows_that_wait_are_nobody_elses_either(lake):
    send(lake, (0, 200))
    assert lake.freshness("bolt") == []
    (fresh,) = lake.freshness("acme")
    assert (fresh.source, fresh.rows, fresh.pending) == ("web", 0, 1)


def test_a_quote_in_a_name_is_a_name_like_any_other(lake):
    name = "o'neil"
    lake.append(name, "web", events((0, 200)), arrival=NOON)
    lake.flush({name: BOTH["acme"]}, NOON)
    assert counted(lake, tenant=name) == {0: (1, 0, 0)}
    assert counted(lake) == {}


def test_freshness_tells_first_last_and_arrival(lake):
    send(lake, (2, 200), (7, 200))
    lake.flush(BOTH, NOON)
    send(lake, (9, 200))
    (fresh,) = lake.freshness("acme")
    assert (fresh.rows, fresh.pending, fresh.arrival) == (2, 1, NOON)
    assert (fresh.first, fresh.last) == (NOON + timedelta(minutes=2), NOON + timedelta(minutes=7))


def test_minutes_held_are_those_with_counts(lake):
    send(lake, (2, 200), (2, 503), (7, 200))
    lake.flush(BOTH, NOON)
    assert (lake.held_minutes("acme", OK.identity) - FIRST).tolist() == [2, 7]


def test_compaction_and_vacuum_change_no_count_and_no_earlier_knowledge(lake):
    for number in range(6):
        send(lake, (number, 200, f"n{number}"), (0, 503))
        lake.flush(BOTH, NOON + timedelta(minutes=number))
    before = [counted(lake, seq=seq) for seq in range(7)]
    many = len(lake.tables.counts.files())
    assert lake.compact(every=2) == 4
    assert len(lake.tables.counts.files()) < many
    assert lake.vacuum(timedelta()) > 0
    assert [counted(lake, seq=seq) for seq in range(7)] == before
    assert before[6] == {0: (1, 6, 0), **dict.fromkeys(range(1, 6), (1, 0, 0))}
    assert [lake.sequence_at(NOON + timedelta(minutes=n)) for n in range(6)] == [1, 2, 3, 4, 5, 6]


def test_a_repeated_event_is_still_known_after_compaction_and_vacuum(lake):
    for number in range(3):
        send(lake, (number, 200, f"n{number}"))
        lake.flush(BOTH, NOON)
    lake.compact(every=2)
    lake.vacuum(timedelta())
    send(lake, (1, 503, "n1"))
    assert lake.flush(BOTH, NOON).duplicates == 1
    assert counted(lake) == dict.fromkeys(range(3), (1, 0, 0))


def test_the_number_of_a_flush_outlives_checkpoints_of_the_tables(lake):
    for number in range(3):
        send(lake, (number, 200))
        lake.flush(BOTH, NOON)
    for table in (t for t in lake.tables.in_order if t.exists()):
        DeltaTable(table.path).create_checkpoint()
    assert [t.version_of(lake.inbox.app_id) for t in lake.tables.in_order if t.exists()] == [3, 3, 3, 3]
    again = Lake(lake.inbox._path.parent)
    assert again.flush(BOTH, NOON).rows == 0
    assert counted(again) == dict.fromkeys(range(3), (1, 0, 0))


def test_flushes_from_several_threads_and_openings_take_turns(lake):
    other = Lake(lake.inbox._path.parent)

    def work(number):
        send(lake if number % 2 else other, (number % 10, 200))
        return (other if number % 2 else lake).flush(BOTH, NOON).seq

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(20)))
    lake.flush(BOTH, NOON)
    assert counted(lake) == dict.fromkeys(range(10), (2, 0, 0))
    assert stored(lake) == dict.fromkeys(range(10), 2)
    assert sequences(lake) == list(range(1, lake.last_sequence() + 1))
