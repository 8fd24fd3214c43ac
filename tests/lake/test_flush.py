"""The flush: everything once, under one number, however often it stops on the way."""

from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.batches import BOTH, FAST, NOON, OK, SOURCE, WANTED, counted, events, sequences, stored
from nines.lake.counting import Wanted
from nines.lake.lake import Lake

STEPS = ("events", "pulses", "counts", "flushes", "forgotten")
MORE = {"acme": Wanted({OK.identity: OK, FAST.identity: FAST}, {"web": SOURCE})}


class StoppedError(Exception):
    """The process ends here, as far as the lake can tell."""


@pytest.fixture
def lake(tmp_path):
    made = Lake(tmp_path / "lake")
    yield made
    made.inbox.close()


def send(lake, *rows, tenant="acme", source="web", **more):
    return lake.append(tenant, source, events(*rows), arrival=NOON, **more)


def test_a_flush_says_its_number_its_rows_and_the_last_batch_it_took(lake):
    send(lake, (0, 200), (0, 503))
    send(lake, (1, 200))
    done = lake.flush(BOTH, NOON)
    assert (done.seq, done.rows, done.duplicates, done.last_id) == (1, 3, 0, 2)
    assert counted(lake) == {0: (1, 1, 0), 1: (1, 0, 0)}
    assert lake.inbox.pending() == {}


def test_a_flush_with_nothing_to_do_takes_no_number(lake):
    assert lake.flush(BOTH, NOON).seq == 0
    send(lake, (0, 200))
    assert [lake.flush(BOTH, NOON).seq for _ in range(3)] == [1, 1, 1]
    send(lake, (0, 200))
    assert lake.flush(BOTH, NOON).seq == 2
    assert sequences(lake) == [1, 2]


def test_an_event_sent_twice_in_one_flush_counts_once(lake):
    send(lake, (0, 200, "a"), (0, 200, "a"))
    send(lake, (0, 200, "a"), (0, 200, "b"))
    done = lake.flush(BOTH, NOON)
    assert (done.rows, done.duplicates) == (2, 2)
    assert counted(lake) == {0: (2, 0, 0)}


def test_an_event_sent_again_after_a_flush_counts_once_and_as_it_was_first(lake):
    send(lake, (0, 200, "a"))
    lake.flush(BOTH, NOON)
    send(lake, (0, 503, "a"), (0, 503, "b"))
    done = lake.flush(BOTH, NOON)
    assert (done.rows, done.duplicates) == (1, 1)
    assert counted(lake) == {0: (1, 1, 0)}


def test_events_without_an_id_all_count(lake):
    send(lake, (0, 200), (0, 200))
    send(lake, (0, 200))
    lake.flush(BOTH, NOON)
    assert counted(lake) == {0: (3, 0, 0)}


def test_one_id_of_two_tenants_or_of_two_sources_is_two_events(lake):
    send(lake, (0, 200, "a"))
    send(lake, (0, 503, "a"), tenant="bolt")
    send(lake, (0, 503, "a"), source="app")
    assert lake.flush(BOTH, NOON).duplicates == 0
    assert counted(lake) == {0: (1, 0, 0)}
    assert counted(lake, tenant="bolt") == {0: (0, 1, 0)}
    assert stored(lake) == {0: 2}


def test_late_rows_are_further_increments_and_earlier_knowledge_stays(lake):
    send(lake, (3, 200))
    lake.flush(BOTH, NOON)
    send(lake, (3, 503), (1, 200))
    lake.flush(BOTH, NOON + timedelta(minutes=5))
    assert counted(lake, seq=0) == {}
    assert counted(lake, seq=1) == {3: (1, 0, 0)}
    assert counted(lake, seq=2) == {1: (1, 0, 0), 3: (1, 1, 0)}


def test_what_was_known_at_an_instant_is_the_last_flush_until_then(lake):
    for minute in (0, 5, 10):
        send(lake, (minute, 200))
        lake.flush(BOTH, NOON + timedelta(minutes=minute))
    asked = (-1, 0, 4, 5, 9, 10, 99)
    assert [lake.sequence_at(NOON + timedelta(minutes=m)) for m in asked] == [0, 1, 1, 2, 2, 3, 3]


def test_a_new_indicator_gets_the_past_under_each_rows_own_sequence_and_only_once(lake):
    send(lake, (0, 200, None, 100.0), (0, 200, None, 900.0))
    lake.flush(BOTH, NOON)
    send(lake, (0, 200, None, 100.0), (1, 200))
    lake.flush(BOTH, NOON)
    send(lake, (2, 200, None, 900.0))
    for _ in range(2):
        lake.flush(MORE, NOON)
    assert counted(lake, indicator=FAST, seq=1) == {0: (1, 1, 0)}
    assert counted(lake, indicator=FAST, seq=2) == {0: (2, 1, 0), 1: (0, 0, 1)}
    assert counted(lake, indicator=FAST) == {0: (2, 1, 0), 1: (0, 0, 1), 2: (0, 1, 0)}


def test_an_indicator_whose_source_is_defined_later_is_not_counted_twice(lake):
    early = {"acme": Wanted({OK.identity: OK}, {})}
    send(lake, (0, 200))
    lake.flush(early, NOON)
    send(lake, (1, 503))
    lake.flush(BOTH, NOON)
    assert counted(lake) == {0: (1, 0, 0), 1: (0, 1, 0)}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("wanted", [{"acme": WANTED}, MORE], ids=["same", "with a new indicator"])
def test_a_flush_that_stopped_after_a_step_is_finished_by_the_next_one_and_nothing_counts_twice(step, wanted, tmp_path):
    def observe(name):
        if name == step and armed:
            raise StoppedError

    armed = []
    lake = Lake(tmp_path / "lake", observe)
    send(lake, (0, 200, "a", 100.0))
    lake.flush({"acme": WANTED}, NOON)
    send(lake, (0, 503, "b", 900.0), (0, 200, "a", 100.0), (1, 200, None, 5.0))
    send(lake, (1, 200))
    armed.append(step)
    with pytest.raises(StoppedError):
        lake.flush({"acme": WANTED}, NOON)
    send(lake, (2, 503, "c", 900.0))
    again = Lake(tmp_path / "lake")
    for _ in range(3):
        again.flush(wanted, NOON)
    assert counted(again, seq=1) == {0: (1, 0, 0)}
    assert counted(again, seq=2) == {0: (1, 1, 0), 1: (2, 0, 0)}
    assert counted(again) == {0: (1, 1, 0), 1: (2, 0, 0), 2: (0, 1, 0)}
    assert stored(again) == {0: 2, 1: 2, 2: 1}
    assert sequences(again) == [1, 2, 3]
    if wanted is MORE:
        assert counted(again, indicator=FAST, seq=1) == {0: (1, 0, 0)}
        assert counted(again, indicator=FAST, seq=2) == {0: (1, 1, 0), 1: (1, 0, 1)}
        assert counted(again, indicator=FAST) == {0: (1, 1, 0), 1: (1, 0, 1), 2: (0, 1, 0)}


def test_counts_that_a_source_made_itself_are_kept_under_the_flush_that_brought_them(lake):
    table = pa.table({
        "indicator": [OK.identity], "minute": pa.array([29541600], pa.int64()), "weight_num": [1], "weight_den": [1],
        "good": [7], "bad": [2], "unknown": [0],
    })  # fmt: skip
    lake.append("acme", "web", table, arrival=NOON, kind="counts")
    send(lake, (0, 200))
    assert lake.flush(BOTH, NOON).rows == 2
    minute = lake.series("acme", OK, SOURCE, 29541600, 29541601)
    assert (minute.good.tolist(), minute.bad.tolist()) == ([7], [2])


rows = st.tuples(st.integers(0, 9), st.sampled_from([200, 503, None]), st.sampled_from([None, None, "a", "b", "c"]))
steps = st.one_of(
    st.tuples(st.sampled_from(["acme", "bolt"]), st.lists(rows, max_size=6)),
    st.sampled_from(["flush", "compact", "vacuum", "reopen"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, max_size=12))
def test_counts_are_those_of_a_plain_count_however_batches_and_flushes_fall(tmp_path_factory, plan):
    folder = tmp_path_factory.mktemp("lake")
    lake, waiting, seen, known = Lake(folder), [], set(), [{"acme": {}, "bolt": {}}]

    def flush():
        if waiting:
            now = {tenant: dict(minutes) for tenant, minutes in known[-1].items()}
            for tenant, (minute, status, name) in waiting:
                if name is None or (tenant, minute, name) not in seen:
                    seen.add((tenant, minute, name))
                    good, bad, unknown = now[tenant].get(minute, (0, 0, 0))
                    now[tenant][minute] = (good + (status == 200), bad + (status == 503), unknown + (status is None))
            known.append(now)
        lake.flush(BOTH, NOON)
        waiting.clear()

    empty = False
    for step in [*plan, "flush"]:
        if step == "flush":
            if empty and not waiting:  # batches without rows make a flush of their own
                known.append(known[-1])
            flush()
            empty = False
        elif step == "compact":
            lake.compact(every=2)
        elif step == "vacuum":
            lake.vacuum(timedelta())
        elif step == "reopen":
            lake.inbox.close()
            lake = Lake(folder)
        else:
            tenant, sent = step
            send(lake, *sent, tenant=tenant)
            waiting += [(tenant, row) for row in sent]
            empty = empty or not sent
    lake.inbox.close()
    assert sequences(lake) == list(range(1, len(known)))
    for seq, truth in enumerate(known):
        for tenant, minutes in truth.items():
            assert counted(lake, tenant=tenant, seq=seq) == minutes
