"""Small definitions for tests: a base to stand on, and documents to put beside it."""

from nines.definitions.load import Definitions, load_texts
from nines.errors import Problem

CONTRACT = """\
apiVersion: nines/v1
kind: DataSource
metadata: {name: access-log}
spec: {type: csv, columns: {time: ts, service: app, http_status: code, duration_ms: ms, session: sid}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: prom}
spec: {type: prometheus, options: {url: "http://127.0.0.1:9090"}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: checkout}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: checkout-success}
spec:
  source: access-log
  where: service = 'checkout'
  good: http_status < 500 and duration_ms < 300
  scope: event
---
apiVersion: nines/v1
kind: SLI
metadata: {name: api-success}
spec:
  source: prom
  bad: sum(http_requests_total{job="api",code=~"5.."})
  total: sum(http_requests_total{job="api"})
---
apiVersion: nines/v1
kind: SLO
metadata: {name: checkout, labels: {team: shop}}
spec:
  service: checkout
  indicator: checkout-success
  target: 99.9%
  windows: [30d, {calendar: month, timezone: Europe/Berlin}]
  budgetingMethod: Occurrences
  missing: unknown
  alerting: {policy: google-workbook}
"""


def doc(kind: str, name: str, spec: str) -> str:
    """Return one definition whose spec is written in flow style."""
    return f"apiVersion: nines/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def join(*documents: str) -> str:
    return "---\n".join(documents)


BASE = join(
    doc("DataSource", "log", "{type: events}"),
    doc("Service", "shop", "{}"),
    doc("SLI", "good", "{source: log, good: http_status < 500}"),
)


def slo(name: str = "a", **fields: str) -> str:
    """Return an SLO with some fields in place of, or beside, the usual ones; "" leaves one out."""
    stated = {"service": "shop", "indicator": "good", "target": "99%", "window": "30d"} | fields
    return doc("SLO", name, "{" + ", ".join(f"{k}: {v}" for k, v in stated.items() if v) + "}")


def read(*documents: str, base: str = BASE) -> Definitions:
    """Load documents beside the base, each from its own file f0.yaml, f1.yaml, ..."""
    return load_texts([("base.yaml", base), *((f"f{n}.yaml", text) for n, text in enumerate(documents))])


def told(found: Definitions) -> list[tuple[str, str]]:
    return [(p.where, p.code) for p in found.errors]


def only(found: Definitions) -> Problem:
    assert len(found.errors) == 1, found.errors
    return found.errors[0]
