"""Delays of stored rows by hour: good and bad apart, closed once, and the same whether kept or counted again."""

from datetime import timedelta

import pyarrow as pa
import pytest

from lake.batches import NOON, OK, SOURCE, WANTED, events
from nines.lake.lake import Lake
from nines.lake.lateness import Rule, counted, keep_hours, learnt
from nines.objectives.indicator import EventIndicator
from nines.spans import EPOCH
from nines.telemetry.datasource import DataSource
from nines.telemetry.settling import told_by

HOUR = timedelta(hours=1)
NOON_HOUR = (NOON - EPOCH) // HOUR
RULE = Rule.of(SOURCE, [OK])


@pytest.fixture
def lake(tmp_path):
    made = Lake.open(tmp_path / "lake")
    yield made
    made.inbox.close()


def send(lake, minute, status, late_s, *, tenant="acme"):
    """An event some minutes after noon that arrives so many seconds after it happened."""
    came = NOON + timedelta(minutes=minute, seconds=late_s)
    lake.append(tenant, "web", events((minute, status)), arrival=came)


def flush(lake, minute):
    lake.flush({"acme": WANTED}, NOON + timedelta(minutes=minute))


def seen(found):
    return found.lateness.good.total, found.lateness.bad.total


def test_good_and_bad_delays_are_told_apart(lake):
    send(lake, 1, 200, 1)
    send(lake, 2, 503, 40)
    flush(lake, 10)
    found = learnt(lake.tables, "acme", RULE, NOON_HOUR)
    assert seen(found) == (1, 1)
    assert told_by(found.lateness.good, 1) == timedelta(seconds=1)
    assert told_by(found.lateness.bad, 1) == timedelta(seconds=40)
    assert found.span.start == NOON


def test_a_row_is_bad_where_any_indicator_of_its_source_says_so(lake):
    fast = EventIndicator(name="fast", source="web", good="duration_ms <= 300")
    rows = events((1, 200, "a", 100.0), (2, 200, "b", 900.0))
    lake.append("acme", "web", rows, arrival=NOON + timedelta(minutes=3))
    flush(lake, 10)
    assert seen(learnt(lake.tables, "acme", Rule.of(SOURCE, [OK]), NOON_HOUR)) == (2, 0)
    assert seen(learnt(lake.tables, "acme", Rule.of(SOURCE, [OK, fast]), NOON_HOUR)) == (1, 1)


def test_an_hour_is_what_the_last_flush_before_its_close_had_brought(lake):
    send(lake, 1, 200, 1)
    flush(lake, 119)
    send(lake, 2, 200, 1)
    flush(lake, 121)  # an hour after 13:00 the hour is closed
    assert seen(learnt(lake.tables, "acme", RULE, NOON_HOUR)) == (1, 0)


def test_rows_later_than_an_hour_are_a_backlog_and_teach_nothing(lake):
    send(lake, 1, 503, 3600)
    send(lake, 1, 503, 3601)
    flush(lake, 100)
    assert seen(learnt(lake.tables, "acme", RULE, NOON_HOUR)) == (0, 1)


def test_a_delay_goes_into_the_bucket_whose_upper_edge_it_does_not_pass(lake):
    for late in (0, -5, 0.25, 0.251, 0.5):
        send(lake, 1, 200, late)
    flush(lake, 10)
    assert learnt(lake.tables, "acme", RULE, NOON_HOUR).lateness.good.counts[:3] == (2, 1, 2)


def test_kept_hours_say_the_same_as_counting_again_and_are_counted_once(lake):
    for minute in range(0, 240, 7):
        send(lake, minute, 200 if minute % 3 else 503, minute % 50)
        flush(lake, minute + 1)
    before = [learnt(lake.tables, "acme", RULE, NOON_HOUR + n) for n in range(4)]
    assert keep_hours(lake.tables, "acme", RULE, NOON_HOUR + 1) > 0
    assert keep_hours(lake.tables, "acme", RULE, NOON_HOUR + 1) == 0
    assert keep_hours(lake.tables, "acme", RULE, NOON_HOUR + 2) == 1
    assert [learnt(lake.tables, "acme", RULE, NOON_HOUR + n) for n in range(4)] == before
    assert seen(before[3])[0] > seen(before[0])[0] > 0


def test_keeping_hours_of_a_silent_source_is_remembered_too(lake):
    flush(lake, 1)
    keep_hours(lake.tables, "acme", RULE, NOON_HOUR)
    assert keep_hours(lake.tables, "acme", RULE, NOON_HOUR) == 0
    assert learnt(lake.tables, "acme", RULE, NOON_HOUR) is None


def test_another_tenants_rows_teach_nothing(lake):
    send(lake, 1, 200, 1, tenant="bolt")
    flush(lake, 10)
    assert learnt(lake.tables, "acme", RULE, NOON_HOUR) is None


def test_an_event_counted_at_its_start_is_late_by_its_duration_too(lake):
    began = EventIndicator(name="began", source="web", good="http_status < 500", assign="start")
    row = events((59, 503, "a", 120_000.0))  # started at 12:57, ended at 12:59
    lake.append("acme", "web", row, arrival=NOON + timedelta(minutes=59, seconds=5))
    flush(lake, 61)
    found = learnt(lake.tables, "acme", Rule.of(SOURCE, [began]), NOON_HOUR)
    assert told_by(found.lateness.bad, 1) == timedelta(seconds=150)  # 125 s, in the bucket up to 2.5 minutes


def test_readings_of_series_tell_no_outcome_so_one_delay_serves_both(lake):
    scrape = DataSource(name="web", type="scrape")
    at = (NOON - EPOCH) // timedelta(milliseconds=1)
    rows = pa.table({
        "series": pa.array([1], pa.int64()), "time": pa.array([at], pa.int64()), "value": pa.array([1.0]),
        "created": pa.array([0], pa.int64()), "delta": pa.array([False]),
    })  # fmt: skip
    lake.append("acme", "web", rows, arrival=NOON + timedelta(seconds=3), kind="samples")
    flush(lake, 1)
    found = learnt(lake.tables, "acme", Rule.of(scrape, [OK]), NOON_HOUR)
    assert (found.apart, found.seen, seen(found)) == (False, 1, (1, 1))


def test_counting_no_rows_gives_an_empty_table(lake):
    assert counted(lake.tables, "acme", RULE, NOON_HOUR, NOON_HOUR + 3).num_rows == 0
