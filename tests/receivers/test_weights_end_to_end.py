"""From a sampled event on the wire to the interval people read: each way of stating a weight, over real receivers."""

import json
import socket
import time
from datetime import UTC, datetime
from fractions import Fraction

import httpx
import pytest
from typer.testing import CliRunner

from nines.cli.main import app
from nines.operations import ingesting, people
from receivers.serving import served, until
from receivers.test_otlp import span, traces

SOURCES = {
    "spans": "{type: otlp, options: {signal: traces}}",
    "lines": "{type: statsd}",
    "stated": "{type: events, sampling: {rate: '10%'}}",
    "strata": "{type: events}",
    "tail": "{type: events, options: {keeps: bad}}",
    "whole": "{type: events}",
}
GOOD = {"spans": "state != 'error'", "lines": "duration_ms <= 300"}
DEFINITIONS = "apiVersion: nines/v1\nkind: Service\nmetadata: {name: shop}\nspec: {}\n" + "".join(
    f"---\napiVersion: nines/v1\nkind: DataSource\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    f"---\napiVersion: nines/v1\nkind: SLI\nmetadata: {{name: {name}}}\n"
    f'spec: {{source: {name}, good: "{GOOD.get(name, "http_status < 500")}"}}\n'
    f"---\napiVersion: nines/v1\nkind: SLO\nmetadata: {{name: {name}}}\n"
    f"spec: {{service: shop, indicator: {name}, target: 90%, window: 1h}}\n"
    for name, spec in SOURCES.items()
)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("house")
    with served(folder, DEFINITIONS, statsd="127.0.0.1:0") as found:
        found.folder = folder
        made = people.make_token(found.house, found.who, "reader", scopes=("see",), days=1, now=datetime.now(UTC))
        found.reader = {"Authorization": f"Bearer {made.secret}"}
        yield found


def push(house, source, *rows):
    """Send events a minute ago: status, weight or None, and how many of them."""
    at = datetime.fromtimestamp(time.time() - 60, UTC).isoformat()
    events = [
        {"time": at, "http_status": status} | ({} if weight is None else {"weight": weight})
        for status, weight, count in rows
        for _ in range(count)
    ]
    answer = httpx.post(f"{house.url}/api/nines/v1/events/{source}", json=events, headers=house.headers, timeout=60)
    assert answer.status_code == 202, answer.text


def standing(house, name):
    """Return a standing as the API gives it, and see that the command line gives the same."""
    now = datetime.now(UTC)
    ingesting.flush(house.house, now=now)
    at = f"{datetime.fromtimestamp(now.timestamp() // 60 * 60 + 60, UTC):%Y-%m-%dT%H:%M:%SZ}"
    told = httpx.get(f"{house.url}/api/nines/v1/standings/{name}?at={at}", headers=house.reader, timeout=60).json()
    words = ["status", name, "--at", at, "--data", str(house.folder), "--format", "json"]
    printed = json.loads(CliRunner().invoke(app, words).stdout)
    assert (printed[0] if isinstance(printed, list) else printed) == told
    return told


def sure(told):
    """Return the limits of the SLI, having seen that those of the budget and of the burn rate say the same."""
    low, high = told["interval"]["low"], told["interval"]["high"]
    assert told["interval"]["confidence"] == 0.95
    assert low <= told["sli"] <= high
    budget = told["budget"]["interval"]
    assert (budget["low"], budget["high"]) == pytest.approx(((1 - high) / 0.1, (1 - low) / 0.1))
    burn = told["burn_rates"]["1h"]
    assert burn["interval"]["low"] <= burn["rate"] <= burn["interval"]["high"]
    return low, high


def test_the_threshold_of_a_span_is_its_weight_in_the_standing(house):
    beyond = "f" * 14  # randomness beyond any threshold
    kept = [span(n, trace=f"{n:018x}{beyond}", state="ot=th:c", status=2 if n <= 10 else 1) for n in range(1, 101)]
    answer = httpx.post(f"{house.url}/v1/traces", json=traces(*kept), headers=house.headers)
    assert answer.json() == {}
    told = standing(house, "spans")
    assert (told["counts"]["bad"], told["counts"]["total"], told["exact"]) == (40, 400, "9/10")
    low, high = sure(told)
    assert low < 0.9 < high


def test_the_rate_of_a_statsd_line_is_its_weight_in_the_standing(house):
    port = house.running.ports.open["statsd"]
    lines = ["shop.pay:900|ms|@0.1"] * 10 + ["shop.pay:20|ms|@0.1"] * 90
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto("\n".join(lines).encode(), port.address)
    until(lambda: port.lines == 100, 20)
    told = standing(house, "lines")
    assert (told["counts"]["bad"], told["counts"]["total"], told["exact"]) == (100, 1000, "9/10")
    low, high = sure(told)
    assert 0.82 < low < 0.85  # 10 of 100 kept: Clopper and Pearson give 0.824 and 0.951
    assert 0.94 < high < 0.96


def test_the_rate_a_source_states_holds_for_rows_that_state_none(house):
    push(house, "stated", (500, None, 10), (200, None, 80), (200, 1, 100))
    told = standing(house, "stated")
    assert (told["counts"]["bad"], told["counts"]["total"], told["exact"]) == (100, 1000, "9/10")
    low, high = sure(told)
    assert low < 0.9 < high


def test_each_stratum_weighs_what_was_seen_by_what_was_kept(house):
    push(house, "strata", (500, 2, 20), (200, 2, 30), (200, 60, 15))  # kept 50 of 100 seen, and 15 of 900
    told = standing(house, "strata")
    assert (told["counts"]["bad"], told["counts"]["total"]) == (40, 1000)
    assert Fraction(told["exact"]) == Fraction(24, 25)
    low, high = sure(told)
    assert low < 0.96 < high


def test_bad_events_all_kept_narrow_the_interval_and_events_all_kept_have_none(house):
    rows = (500, 1, 20), (200, 100, 98)
    push(house, "tail", *rows)
    push(house, "strata", *rows)
    told = standing(house, "tail")
    assert (told["counts"]["bad"], told["counts"]["total"]) == (20, 9820)
    low, high = sure(told)
    assert high - low < 0.002  # every bad event is there: only the number of good ones is estimated
    push(house, "whole", (500, 1, 1), (200, None, 9))
    exact = standing(house, "whole")
    assert (exact["exact"], exact["interval"], exact["budget"]["interval"]) == ("9/10", None, None)


def test_no_bad_event_among_all_bad_ones_kept_is_exactly_none(house):
    now = datetime.now(UTC)
    held = served(house.folder / "other", DEFINITIONS)
    with held as other:
        other.folder = house.folder / "other"
        made = people.make_token(other.house, other.who, "reader", scopes=("see",), days=1, now=now)
        other.reader = {"Authorization": f"Bearer {made.secret}"}
        push(other, "tail", (200, 100, 50))
        told = standing(other, "tail")
        assert (told["sli"], told["interval"]) == (1, None)
        push(other, "strata", (200, 100, 50))
        unsure = standing(other, "strata")
        assert unsure["interval"]["low"] < 1 == unsure["interval"]["high"]
