"""Beacons and pushes over HTTP, as browsers and monitors send them."""

import json

import httpx
import pytest

from receivers.serving import served

DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: pages}
spec:
  type: rum
  options: {key: shop-pages, origins: "https://shop.example https://beta.shop.example", routes: "/product/{id}"}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: monitors}
spec: {type: push}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: paints-fast}
spec: {source: pages, where: "attributes['metric'] = 'LCP'", good: value <= 2500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: backup-up}
spec: {source: monitors, where: "operation = 'core_backup'", states: {good: state = 'up', maxHold: 1h}}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: paints-fast}
spec: {service: shop, indicator: paints-fast, target: 75%, window: 1h}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: backup-up}
spec: {service: shop, indicator: backup-up, target: 99%, window: 1h}
"""
SHOP = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain;charset=UTF-8"}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with served(tmp_path_factory.mktemp("house"), DEFINITIONS) as found:
        yield found


def vital(number, value, name="LCP"):
    identity = f"v6-1772323200000-{number:013}"
    return {
        "name": name,
        "value": value,
        "delta": value,
        "id": identity,
        "navigationType": "navigate",
        "rating": "good",
    }


def send(house, body, headers=SHOP, key="shop-pages"):
    return httpx.post(f"{house.url}/rum?key={key}", content=json.dumps(body), headers=headers)


def test_the_last_report_of_a_vital_counts_and_the_page_may_send_from_its_origin(house):
    before = house.total("paints-fast")
    answers = [send(house, [vital(1, 1200), vital(2, 4000), vital(3, 900, "CLS")]), send(house, vital(1, 3000))]
    assert [a.status_code for a in answers] == [204, 204]
    assert answers[0].headers["access-control-allow-origin"] == "https://shop.example"
    assert [b - a for a, b in zip(before, house.total("paints-fast"), strict=True)] == [0, 2, 0]


def test_a_page_of_another_origin_and_an_unknown_key_are_refused(house):
    assert send(house, vital(9, 1), SHOP | {"Origin": "https://evil.example"}).status_code == 401
    assert send(house, vital(9, 1), key="other").status_code == 404
    assert httpx.post(f"{house.url}/rum?key=shop-pages", content=b"}{", headers=SHOP).status_code == 400


def test_a_browser_is_told_beforehand_that_it_may_send(house):
    asked = SHOP | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    answer = httpx.options(f"{house.url}/rum", headers=asked)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, "https://shop.example")
    module = httpx.get(f"{house.url}/rum/nines-rum.js")
    assert module.headers["content-type"].startswith("text/javascript")
    assert b"export function start" in module.content


def test_gatus_and_uptime_kuma_push_states(house):
    url = f"{house.url}/api/v1/endpoints/core_backup/external?success=true&duration=12ms"
    assert httpx.post(url, headers=house.headers).status_code == 200
    assert httpx.post(url).status_code == 401
    assert httpx.post(url.replace("true", "maybe"), headers=house.headers).status_code == 400
    assert httpx.post(url, content=b"x" * 65_537, headers=house.headers).status_code == 413
    push = f"{house.url}/api/push/{house.token}"
    assert httpx.get(f"{push}?status=down&msg=oh&monitor=core_backup").json() == {"ok": True}
    assert httpx.get(f"{house.url}/api/push/wrong?status=up").status_code == 404
    house.total("paints-fast")  # a flush
    rows = house.house.lake._ask(
        f"SELECT operation, state, duration_ms FROM {house.house.lake.tables.events.relation()} "
        "WHERE source = 'monitors' ORDER BY time"
    ).to_pylist()
    assert [(r["operation"], r["state"], r["duration_ms"]) for r in rows] == [
        ("core_backup", "up", 12.0), ("core_backup", "down", None),
    ]  # fmt: skip
