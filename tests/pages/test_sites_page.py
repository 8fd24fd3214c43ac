"""The page of sites: silent ones are named with what they leave unknown, agents with what they take of what they may."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from nines.definitions.load import load_texts
from nines.operations import defining, ingesting
from nines.operations.house import local_principal, open_house
from nines.operations.showing_sources import agent_json, agent_row, site_json, site_row, step_rows
from nines.operations.sites import sites
from nines.pages.app import build
from nines.spans import EPOCH
from pages.caller import Caller

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WHO = local_principal("default")
TEXT = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: tills}
spec: {type: events, sites: [berlin, oslo], heartbeat: {gap: 2m}}
"""
FIGURES = {
    "cpu_percent": 3.4, "declared_cpu_percent": 5, "rss_mb": 70, "declared_rss_mb": 64, "queue_bytes": 2**20,
    "queue_bound_bytes": 512 * 2**20, "sent_batches_total": 12345, "lost_rows_total": 7,
}  # fmt: skip


def series(house, rows, labels):
    kind = pa.map_(pa.string(), pa.string())
    sets = pa.table({"series": pa.array(list(labels), pa.int64()), "labels": pa.array(list(labels.values()), kind)})
    house.lake.append("default", "agents", sets, arrival=NOON, kind="series")
    table = pa.table({
        "series": pa.array([r[0] for r in rows], pa.int64()),
        "time": pa.array([(NOON + r[1] * MINUTE - EPOCH) // timedelta(milliseconds=1) for r in rows], pa.int64()),
        "value": pa.array([float(r[2]) for r in rows]), "created": pa.array([0] * len(rows), pa.int64()),
        "delta": pa.array([False] * len(rows)),
    })  # fmt: skip
    house.lake.append("default", "agents", table, arrival=NOON, kind="samples")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    made = open_house(tmp_path_factory.mktemp("sites"), now=NOON, open_on_loopback=True)
    found = load_texts([("a.yaml", TEXT)])
    defining.apply_definitions(made, WHO, found, now=NOON, effective_from=NOON)
    for site, minutes in (("berlin", range(10)), ("oslo", range(4))):
        times = pa.array([NOON + n * MINUTE for n in minutes], pa.timestamp("us", tz="UTC"))
        rows = pa.table({"time": times, "site": [site] * len(times)})
        made.lake.append("default", "tills", rows, arrival=NOON)
    who = [("site", "oslo"), ("instance", "box")]
    labels = {n: [("__name__", f"nines_agent_{name}"), *who] for n, name in enumerate(("step", *FIGURES))}
    told = [(0, 0, 0), (0, 4, 0), (0, 5, 1), *((n, 5, v) for n, v in enumerate(FIGURES.values(), 1))]
    series(made, told, labels)
    ingesting.flush(made, now=NOON + 10 * MINUTE)
    return made


@pytest.fixture
def found(house):
    return sites(house, WHO, at=NOON + 9 * MINUTE)


def test_the_page_names_silent_sites_first(house):
    page = Caller(build(house, lambda: NOON + 9 * MINUTE, hosts=frozenset())).get("/sites").text
    assert "1 of 2 sites silent" in page
    assert "70.0 of 64.0 MiB" in page
    assert "one event in 4" in page


def test_rows_of_sites_and_agents_say_figures_as_people_read_them(found):
    at = NOON + 9 * MINUTE
    oslo = next(r for r in found.sites if r.seen.site == "oslo")
    row = site_row(oslo, at)
    assert (row["state"], row["silent"], row["left unknown"]) == ("silent", "5 min", "5")
    agent = agent_row(found.agents[0], at)
    assert (agent["state"], agent["cpu"], agent["memory"]) == ("degraded", "3.4 of 5.0 %", "70.0 of 64.0 MiB")
    assert (agent["disk"], agent["receipts"], agent["lost rows"]) == ("1.0 of 512 MiB", "12,345", "7")


def test_steps_are_told_newest_first(found):
    assert [r["does"] for r in step_rows(found.agents[0])] == ["one event in 4", "everything"]


def test_json_has_plain_figures(found):
    oslo = next(r for r in found.sites if r.seen.site == "oslo")
    assert site_json(oslo)["silent_minutes"] == 5
    told = agent_json(found.agents[0])
    assert told["declared"] == {"cpu_percent": 5.0, "rss_mb": 64.0}
    assert [p["code"] for p in told["problems"]] == ["agent-degraded", "agent-lost"]


def test_an_agent_that_tells_nothing_any_more_is_silent(house):
    (agent,) = sites(house, WHO, at=NOON + 11 * MINUTE).agents
    assert agent.silent
    assert agent.problems[0].code == "agent-silent"
