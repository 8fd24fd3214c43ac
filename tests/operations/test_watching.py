"""Warm sums say what evaluate says, whatever came late, was excluded or was lost on the way."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nines.definitions.load import load_texts
from nines.evaluation.burn import burn_of
from nines.evaluation.sweep import OWN
from nines.journal.folds import exclusion_payload
from nines.objectives.exclusion import Exclusion
from nines.objectives.objective import BURN_WINDOWS
from nines.operations import defining, ingesting, standings
from nines.operations.house import local_principal, open_house
from nines.operations.watching import Watch
from nines.spans import MINUTE, Span

NOON = datetime(2026, 3, 28, 12, tzinfo=UTC)
WHO = local_principal("default")
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: events, heartbeat: {gap: 3m}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: late}
spec: {type: events, settle: 3m}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: works}
spec: {source: shop, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: fast}
spec: {source: late, good: http_status < 400}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: works}
spec: {service: shop, indicator: works, target: 99%, windows: [4h, {calendar: day, timezone: Europe/Berlin}]}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: slices}
spec:
  {service: shop, indicator: works, target: 90%, window: 6h, budgetingMethod: Timeslices, timeSliceTarget: 80%,
   sliceLength: 5m, missing: last}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: fast}
spec: {service: shop, indicator: fast, target: 95%, window: 5h, budgetingMethod: RatioTimeslices, missing: bad}
---
apiVersion: nines/v1
kind: Composite
metadata: {name: both}
spec: {service: shop, op: and, members: [works, fast], target: 90%, window: 4h, sliceLength: 5m}
"""


@pytest.fixture
def house(tmp_path):
    found = open_house(tmp_path, now=NOON)
    begins = NOON - timedelta(days=3)
    texts = load_texts([("slo.yaml", DEFINITIONS)])
    assert texts.errors == ()
    defining.apply_definitions(found, WHO, texts, now=begins, effective_from=begins)
    yield found
    found.lake.inbox.close()


def send(house, source, rows, now):
    body = [{"time": at.isoformat(), "http_status": status} for at, status in rows]
    if body:
        ingesting.ingest_rows(house, WHO, source, body, now=now, key=None)
        ingesting.flush(house, now=now)


def agree(house, watch, at):
    """Hold every figure of the warm sums against a fresh evaluation."""
    answers, work = watch.answer(at), standings.bench(house, WHO, at=at, known_at=None)
    for place, objective in enumerate(answers.objectives):
        fresh = work.standing(objective, at, None)
        for window in BURN_WINDOWS:
            warm = burn_of(answers.sums_of(place, window))
            assert warm == fresh.burn_rates[window], (objective.key, window, at)
        own = answers.sums_of(place, OWN)
        assert (own.good, own.bad) == (fresh.outcome.units_good, fresh.outcome.units_bad), (objective.key, at)


STATUS = st.sampled_from([200, 200, 200, 404, 500, None])
STEP = st.tuples(
    st.integers(0, 40),  # minutes that pass
    st.lists(st.tuples(st.sampled_from(["shop", "late"]), st.integers(-400, 0), STATUS), max_size=12),
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP, min_size=2, max_size=7), st.integers(0, 1400))
def test_what_is_kept_warm_is_what_a_fresh_question_gives(tmp_path_factory, steps, begin):
    folder, at = tmp_path_factory.mktemp("house"), NOON + timedelta(minutes=begin)
    house = open_house(folder, now=NOON)
    begins = NOON - timedelta(days=3)
    defining.apply_definitions(house, WHO, load_texts([("s.yaml", DEFINITIONS)]), now=begins, effective_from=begins)
    watch = Watch(house, WHO)
    for minutes, rows in steps:
        at += minutes * MINUTE
        for source in ("shop", "late"):
            some = [(at + ago * MINUTE + MINUTE / 2, status) for name, ago, status in rows if name == source]
            send(house, source, [r for r in some if r[0] < at], at)
        agree(house, watch, at)
    house.lake.inbox.close()


def steady(start, minutes, bad=0):
    return [(start + n * MINUTE, 500 if n < bad else 200) for n in range(minutes)]


def test_minutes_that_pass_are_taken_in_without_reading_all_anew(house):
    send(house, "shop", steady(NOON - 300 * MINUTE, 300, bad=20), NOON)
    watch = Watch(house, WHO)
    agree(house, watch, NOON)
    for n in range(1, 4):
        send(house, "shop", steady(NOON + (n - 1) * MINUTE, 1), NOON + n * MINUTE)
        agree(house, watch, NOON + n * MINUTE)
    assert watch.rebuilt == 1


def test_minutes_that_were_missed_are_answered_one_by_one(house):
    send(house, "shop", steady(NOON - 100 * MINUTE, 130, bad=30), NOON + 30 * MINUTE)
    watch, first = Watch(house, WHO), int(NOON.timestamp()) // 60
    rates = [burn_of(a.sums_of(0, "1h")).rate for a in watch.answers(range(first, first + 30))]
    work = standings.bench(house, WHO, at=NOON, known_at=None)
    objective = watch.objectives[0]
    assert rates == [work.standing(objective, NOON + n * MINUTE, None).burn_rates["1h"].rate for n in range(30)]


def test_rows_hours_late_change_what_they_touch_and_no_more(house):
    send(house, "shop", steady(NOON - 300 * MINUTE, 300), NOON)
    watch = Watch(house, WHO)
    agree(house, watch, NOON)
    send(house, "shop", [(NOON - 200 * MINUTE, 500)] * 7, NOON)
    agree(house, watch, NOON)
    assert watch.rebuilt == 1


def test_an_exclusion_recorded_afterwards_is_applied(house):
    send(house, "shop", steady(NOON - 300 * MINUTE, 300, bad=40), NOON)
    watch = Watch(house, WHO)
    agree(house, watch, NOON)
    span = Span(NOON - 290 * MINUTE, NOON - 280 * MINUTE)
    with house.store.deed("default", "ann", NOON) as deed:
        deed.tell("exclusion.recorded", "exclusion x", exclusion_payload(Exclusion(name="x", spans=(span,))))
    send(house, "shop", steady(NOON, 2, bad=1), NOON + 2 * MINUTE)
    agree(house, watch, NOON + 2 * MINUTE)


def test_another_definition_is_taken_up(house):
    send(house, "shop", steady(NOON - 300 * MINUTE, 300, bad=40), NOON)
    watch = Watch(house, WHO)
    agree(house, watch, NOON)
    changed = DEFINITIONS.replace("http_status < 500", "http_status < 300")
    later = NOON + MINUTE
    defining.apply_definitions(house, WHO, load_texts([("slo.yaml", changed)]), now=later, effective_from=later)
    send(house, "shop", steady(NOON, 2, bad=1), NOON + 2 * MINUTE)
    agree(house, watch, NOON + 2 * MINUTE)
