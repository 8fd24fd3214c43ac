"""A house in trouble: one alert fires, one burns in the dark, one is pending, one ended; messages in every state."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from contracts.receiving_hooks import Hooks
from nines.definitions.load import load_texts
from nines.operations import defining, ingesting, notifying, silencing
from nines.operations.alerting import Alarms
from nines.operations.house import local_principal, open_house
from nines.spans import MINUTE, Span

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
WHO = local_principal("default")
HOURS = 8
SERVICES = ("checkout", "edge", "search", "pay")


def _service(name):
    return f"""
apiVersion: nines/v1
kind: DataSource
metadata: {{name: {name}}}
spec: {{type: events, heartbeat: {{gap: 2m}}}}
---
apiVersion: nines/v1
kind: Service
metadata: {{name: {name}}}
spec: {{}}
---
apiVersion: nines/v1
kind: SLI
metadata: {{name: {name}-works}}
spec: {{source: {name}, good: http_status < 500}}
---
apiVersion: nines/v1
kind: SLO
metadata: {{name: {name}, labels: {{team: {"shop" if name in {"checkout", "pay"} else "web"}}}}}
spec: {{service: {name}, indicator: {name}-works, target: 99.9%, window: 30d, alerting: {{policy: {"slowly" if name == "pay" else "google-workbook"}, suspectedLoss: false}}}}
---"""


DEFINITIONS = (
    "".join(map(_service, SERVICES))
    + """
apiVersion: nines/v1
kind: BurnPolicy
metadata: {name: slowly}
spec: {rules: [{severity: page, share: 2%, window: 1h, lasts: 30m}]}
---
apiVersion: nines/v1
kind: ErrorBudgetPolicy
metadata: {name: stop-at-80}
spec:
  objectives: [checkout, edge]
  steps: [{spent: 50%, consequence: review}, {spent: 80%, consequence: freeze}]
  exceptions:
    - {consequence: freeze, start: "2026-03-03T00:00:00Z", end: "2026-03-09T00:00:00Z", approver: ann, reason: certificates run out, objectives: [edge]}
---
apiVersion: nines/v1
kind: AlertNotificationTarget
metadata: {name: ops}
spec: {target: webhook, url: "URL/hook"}
---
apiVersion: nines/v1
kind: AlertNotificationTarget
metadata: {name: phone}
spec: {target: webhook, url: "URL/phone/${secret:PHONE}", secret: "${secret:PHONE}"}
---
apiVersion: nines/v1
kind: Route
metadata: {name: pages}
spec: {order: 10, match: {severity: page, team: [shop, web]}, targets: [ops, phone], remindAfter: 15m, escalateTo: [phone]}
---
apiVersion: nines/v1
kind: Route
metadata: {name: mornings}
spec:
  match: {severity: [ticket, note], team: shop}
  targets: [ops]
  quiet: {from: "22:00", to: "07:00", timezone: Europe/Berlin}
  digest: {at: "08:00", timezone: Europe/Berlin}
"""
)


def events(bad=(), until=0, each=60):
    """So many events a minute for eight hours; `bad` are (minutes ago, minutes long, share bad)."""
    ago = np.repeat(np.arange(HOURS * 60, until, -1), each)
    status, place = np.full(ago.size, 200), np.tile(np.arange(each), HOURS * 60 - until)
    for begins, length, share in bad:
        status[(ago <= begins) & (ago > begins - length) & (place < share * each)] = 500
    at = int(NOW.timestamp() * 1e6) - ago * 60_000_000 + place * (60_000_000 // each)
    return pa.table({"time": pa.array(at).cast(pa.timestamp("us", tz="UTC")), "http_status": pa.array(status)})


BURNS = {
    "checkout": events(bad=[(40, 40, 0.9)]),
    "edge": events(bad=[(60, 45, 1.0)], until=15),
    "search": events(bad=[(400, 12, 0.8)]),
    "pay": events(bad=[(12, 12, 0.9)]),
}


def furnish(folder):
    """Open the house, judge its last eight hours, and send what is due: one target takes it, one refuses."""
    house = open_house(folder, now=NOW, open_on_loopback=True)
    with Hooks() as hooks:
        texts = load_texts([("slo.yaml", DEFINITIONS.replace("URL", hooks.url))])
        assert texts.errors == (), texts.errors
        begins = NOW - timedelta(days=31)
        defining.apply_definitions(house, WHO, texts, now=begins, effective_from=begins)
        for name, table in BURNS.items():
            ingesting.ingest_table(house, WHO, name, table, now=NOW, key=name)
        ingesting.flush(house, now=NOW)
        alarms = Alarms(house, "default")
        alarms.tick(NOW - 420 * MINUTE)
        for ago in (380, 330, 50, 45):
            alarms.tick(NOW - ago * MINUTE)
        _send(house, NOW - 44 * MINUTE)
        span = Span(NOW - 30 * MINUTE, NOW + 90 * MINUTE)
        silencing.silence(house, WHO, "we-know", {"service": "checkout"}, span, "the database is moved", now=span.start)
        for ago in (29, 28, 27, 26, 25, 10, 4, 3, 2, 1, 0):  # a budget is looked at every five minutes
            alarms.tick(NOW - ago * MINUTE)
        notifying.tell_test(house, WHO, "ops", now=NOW)
        hooks.answers = [(503, {})] * 50
        _send(house, NOW)
    return house


def _send(house, now):
    notifying.send_due(house, notifying.Means({}, "https://nines.example", lambda: 0), now=now)
