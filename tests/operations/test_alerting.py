"""A minute is judged once; what it brings is on record, told once, and never resolved by silence."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from contracts.receiving_hooks import Hooks
from nines.definitions.load import load_texts
from nines.operations import defining, heartbeats, ingesting, notifying, silencing
from nines.operations.alerting import Alarms
from nines.operations.house import local_principal, open_house
from nines.spans import MINUTE, Span

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
WHO = local_principal("default")
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: events, heartbeat: {gap: 2m}}
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
kind: SLO
metadata: {name: checkout, labels: {team: shop}}
spec:
  {service: shop, indicator: works, target: 99.9%, window: 30d, alerting: {policy: google-workbook}}
---
apiVersion: nines/v1
kind: AlertNotificationTarget
metadata: {name: ops}
spec: {target: webhook, url: "URL/hook"}
---
apiVersion: nines/v1
kind: Route
metadata: {name: everything}
spec: {targets: [ops]}
"""


@pytest.fixture
def hooks():
    with Hooks() as found:
        yield found


@pytest.fixture
def house(tmp_path, hooks):
    found = open_house(tmp_path, now=NOON)
    texts = load_texts([("slo.yaml", DEFINITIONS.replace("URL", hooks.url))])
    assert texts.errors == ()
    begins = NOON - timedelta(days=31)
    defining.apply_definitions(found, WHO, texts, now=begins, effective_from=begins)
    yield found
    found.lake.inbox.close()


def traffic(house, begin, minutes, bad=0, each=100):
    """A hundred requests a minute, of which so many are bad."""
    rows = [
        {"time": (begin + n * MINUTE + timedelta(seconds=30)).isoformat(), "http_status": 500 if k < bad else 200}
        for n in range(minutes)
        for k in range(each)
    ]
    now = begin + minutes * MINUTE
    ingesting.ingest_rows(house, WHO, "shop", rows, now=now, key=None)
    ingesting.flush(house, now=now)


def told(hooks):
    return [(m["kind"], m["severity"]) for _, _, b in hooks.requests for m in json.loads(b)["messages"]]


def send(house, now):
    return notifying.send_due(house, notifying.Means({}, "https://nines.example", lambda: 0), now=now)


def kinds(house):
    return [f.kind for f in reversed(house.store.journal("default")) if f.kind.startswith(("alert.", "budget."))]


def test_a_burn_is_told_once_and_its_end_too(house, hooks):
    traffic(house, NOON - 60 * MINUTE, 60)
    alarms = Alarms(house, "default")
    alarms.tick(NOON)
    traffic(house, NOON, 10, bad=100)
    for n in range(1, 11):
        alarms.tick(NOON + n * MINUTE)
    traffic(house, NOON + 10 * MINUTE, 400)
    for n in range(11, 411):
        alarms.tick(NOON + n * MINUTE)
    send(house, NOON + 411 * MINUTE)
    pages = [t for t in told(hooks) if t[1] == "page"]
    assert pages.count(("fired", "page")) == 2  # the rule over an hour, and the one over six
    assert pages.count(("resolved", "page")) == 2
    assert hooks.broken == []


def test_a_minute_is_never_judged_twice_even_by_another_worker(house):
    traffic(house, NOON - 60 * MINUTE, 60, bad=50)
    first, second = Alarms(house, "default"), Alarms(house, "default")
    assert first.tick(NOON).minutes == 1
    assert second.tick(NOON).minutes == 0
    assert kinds(house).count("alert.fired") == 4


def test_a_worker_that_was_away_judges_each_minute_and_tells_each_alert_once(house, hooks):
    traffic(house, NOON - 60 * MINUTE, 60)
    Alarms(house, "default").tick(NOON)
    traffic(house, NOON, 30, bad=100)
    ticked = Alarms(house, "default").tick(NOON + 30 * MINUTE)
    assert ticked.minutes == 30
    send(house, NOON + 30 * MINUTE)
    fired = [m for m in told(hooks) if m[0] == "fired"]
    assert len(fired) == len(set(kinds(house)) & {"alert.fired"}) * kinds(house).count("alert.fired")
    assert all(kinds(house).count(k) <= 4 for k in ("alert.fired", "alert.resolved"))


def test_silence_in_a_burning_outage_resolves_nothing_and_is_a_page_of_its_own(house, hooks):
    traffic(house, NOON - 60 * MINUTE, 60)
    alarms = Alarms(house, "default")
    alarms.tick(NOON)
    traffic(house, NOON, 10, bad=100)
    for n in range(1, 41):
        alarms.tick(NOON + n * MINUTE)
    assert alarms.alerts["checkout@30d/page-1h"].state == "firing"
    assert alarms.alerts["checkout@30d/page-1h"].shown == "unknown"
    assert "alert.resolved" not in kinds(house)
    send(house, NOON + 40 * MINUTE)
    assert ("blind", "page") in told(hooks)


def test_alerts_that_were_lost_with_their_table_are_taken_from_the_journal(house):
    traffic(house, NOON - 60 * MINUTE, 60, bad=50)
    alarms = Alarms(house, "default")
    alarms.tick(NOON)
    with house.store.deed("default", "x", NOON) as deed:
        deed.connection.exec_driver_sql("DELETE FROM alerts")
        deed.connection.exec_driver_sql("DELETE FROM ticks")
    traffic(house, NOON, 1, bad=50)
    again = Alarms(house, "default")
    again.tick(NOON + MINUTE)
    assert again.alerts["checkout@30d/page-1h"].state == "firing"
    assert kinds(house).count("alert.fired") == 4


def test_shares_of_a_budget_are_told_once_each_and_in_order(house, hooks):
    traffic(house, NOON - 60 * MINUTE, 60)
    alarms = Alarms(house, "default")
    traffic(house, NOON, 50, bad=100)
    for n in range(51):
        alarms.tick(NOON + n * MINUTE)
    crossed = [f for f in reversed(house.store.journal("default")) if f.kind == "budget.crossed"]
    shares = [Fraction(p["share"]) for _, p in house.store.told("default", kinds=("budget.crossed",))]
    assert shares == [Fraction(1, 2), Fraction(3, 4), Fraction(9, 10), Fraction(1)]
    assert len(crossed) == len(shares)


def test_silenced_messages_are_kept_and_never_sent(house, hooks):
    span = Span(NOON - MINUTE, NOON + 60 * MINUTE)
    silencing.silence(house, WHO, "night", {"team": "shop"}, span, "we know", now=NOON)
    traffic(house, NOON - 60 * MINUTE, 60, bad=50)
    Alarms(house, "default").tick(NOON)
    assert send(house, NOON + 30 * MINUTE) == 0
    rows = notifying.log(house, WHO)
    assert {r.state for r in rows} == {"silenced"}
    assert "we know" in rows[0].why


def test_what_no_route_takes_is_kept_and_shown(tmp_path):
    house = open_house(tmp_path / "other", now=NOON)
    text, begins = DEFINITIONS.rpartition("---")[0].rpartition("---")[0], NOON - timedelta(days=31)
    defining.apply_definitions(house, WHO, load_texts([("s.yaml", text)]), now=begins, effective_from=begins)
    traffic(house, NOON - 60 * MINUTE, 60, bad=50)
    Alarms(house, "default").tick(NOON)
    assert {(r.state, r.why) for r in notifying.log(house, WHO)} == {("unrouted", "no route takes it")}
    house.lake.inbox.close()


def test_a_target_that_fails_is_tried_again_and_given_up_only_when_it_refuses(house, hooks):
    traffic(house, NOON - 60 * MINUTE, 60, bad=50)
    Alarms(house, "default").tick(NOON)
    hooks.answers = [(503, {})]
    assert send(house, NOON) == len(notifying.log(house, WHO)) - 1
    assert send(house, NOON) == 0
    assert send(house, NOON + MINUTE) == 1
    notifying.tell_test(house, WHO, "ops", now=NOON)
    hooks.answers = [(400, {})]
    send(house, NOON + 2 * MINUTE)
    (dead,) = notifying.log(house, WHO, state="dead")
    assert "400" in dead.said
    notifying.retry(house, WHO, dead.id, "ops", now=NOON + 3 * MINUTE)
    assert send(house, NOON + 3 * MINUTE) == 1


def test_rows_that_come_late_are_told_beside_what_was_told_and_change_none_of_it(house, hooks):
    traffic(house, NOON - 60 * MINUTE, 60)
    alarms = Alarms(house, "default")
    alarms.tick(NOON)
    traffic(house, NOON, 3, bad=60)
    for n in range(1, 4):
        alarms.tick(NOON + n * MINUTE)
    fired = alarms.alerts["checkout@30d/page-1h"].figures
    late = [{"time": (NOON - 30 * MINUTE).isoformat(), "http_status": 500}] * 50
    ingesting.ingest_rows(house, WHO, "shop", late, now=NOON + 3 * MINUTE, key=None)
    ingesting.flush(house, now=NOON + 3 * MINUTE)
    alarms.tick(NOON + 4 * MINUTE)
    told_of = [p for _, p in house.store.told("default", kinds=("alert.fired", "alert.resized"))]
    (resized,) = [p for p in told_of if p["change"] == "resized" and p["alert"]["key"] == "checkout@30d/page-1h"]
    assert Fraction(resized["figures"]["bad"]) == fired["bad"] + 50
    first = next(p for p in told_of if p["alert"]["key"] == "checkout@30d/page-1h")
    assert (first["change"], first["figures"]["bad"]) == ("fired", str(fired["bad"]))
    count = kinds(house).count("alert.resized")
    traffic(house, NOON + 4 * MINUTE, 1, bad=60)
    alarms.tick(NOON + 5 * MINUTE)
    assert kinds(house).count("alert.resized") == count


def test_an_alert_whose_objective_is_in_force_no_longer_is_withdrawn_and_not_resolved(house, hooks):
    traffic(house, NOON - 60 * MINUTE, 60, bad=50)
    alarms = Alarms(house, "default")
    alarms.tick(NOON)
    other = DEFINITIONS.replace("URL", hooks.url).replace("name: checkout,", "name: basket,")
    later = NOON + MINUTE
    texts = load_texts([("slo.yaml", other)])
    defining.apply_definitions(house, WHO, texts, now=later, effective_from=later, prune=True)
    traffic(house, NOON, 1)
    alarms.tick(later)
    assert [k for k in alarms.alerts if k.startswith("checkout")] == []
    assert kinds(house).count("alert.withdrawn") == 4
    assert "alert.resolved" not in kinds(house)
    send(house, later)
    assert [m for m in told(hooks) if m[0] == "withdrawn"] == [("withdrawn", "note")] * 4


def test_a_target_with_a_heartbeat_hears_once_an_interval_that_minutes_are_judged(tmp_path, hooks):
    beating = DEFINITIONS.replace('url: "URL/hook"}', f'url: "{hooks.url}/hook", heartbeat: 5m}}')
    house, begins = open_house(tmp_path / "beating", now=NOON), NOON - timedelta(days=31)
    defining.apply_definitions(house, WHO, load_texts([("s.yaml", beating)]), now=begins, effective_from=begins)
    assert heartbeats.beat(house, "default", now=NOON) == 0  # nobody judges, so nobody says that all is well
    Alarms(house, "default").tick(NOON)
    assert heartbeats.beat(house, "default", now=NOON) == 1
    assert heartbeats.beat(house, "default", now=NOON + 2 * MINUTE) == 0
    send(house, NOON + 2 * MINUTE)
    assert told(hooks) == [("heartbeat", "note")]
    assert heartbeats.beat(house, "default", now=NOON + 30 * MINUTE) == 0  # the last tick is too long ago
    house.lake.inbox.close()


def test_a_target_is_given_secrets_of_its_own_tenant_and_no_others(tmp_path, hooks):
    secret = DEFINITIONS.replace('url: "URL/hook"', f'url: "{hooks.url}/${{secret:HOOK}}"')
    house, begins = open_house(tmp_path / "secret", now=NOON), NOON - timedelta(days=31)
    defining.apply_definitions(house, WHO, load_texts([("s.yaml", secret)]), now=begins, effective_from=begins)
    notifying.tell_test(house, WHO, "ops", now=NOON)
    notifying.send_due(house, notifying.Means({"other": {"HOOK": "stolen"}}, "", lambda: 0), now=NOON)
    (dead,) = notifying.log(house, WHO, state="dead")
    assert "the secret HOOK is missing" in dead.said
    notifying.retry(house, WHO, dead.id, "ops", now=NOON)
    notifying.send_due(house, notifying.Means({"default": {"HOOK": "mine"}}, "", lambda: 0), now=NOON)
    assert [path for path, _, _ in hooks.requests] == ["/mine"]
    house.lake.inbox.close()
