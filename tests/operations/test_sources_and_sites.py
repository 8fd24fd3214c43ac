"""What is said of sources, of sites and of agents, from a house that really took rows in."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from nines.definitions.load import load_texts
from nines.errors import InputError
from nines.operations import defining, ingesting
from nines.operations.house import local_principal, open_house
from nines.operations.sites import sites
from nines.operations.sources import sources

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WHO = local_principal("default")
TEXT = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: tills}
spec: {type: events, sites: [berlin, oslo, porto], heartbeat: {gap: 2m}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: counted}
spec: {type: statsd}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: paid}
spec: {source: tills, good: http_status < 500}
"""


@pytest.fixture
def house(tmp_path):
    made = open_house(tmp_path, now=NOON)
    found = load_texts([("a.yaml", TEXT)])
    assert not found.errors
    defining.apply_definitions(made, WHO, found, now=NOON, effective_from=NOON)
    return made


def send(house, site, minutes, *, per_minute=1, late=timedelta(seconds=1), status=200):
    for n in minutes:
        at = NOON + n * MINUTE
        rows = pa.table({
            "time": pa.array([at] * per_minute, pa.timestamp("us", tz="UTC")), "http_status": [status] * per_minute,
            "site": [site] * per_minute,
        })  # fmt: skip
        house.lake.append("default", "tills", rows, arrival=at + late)


def report(house, name, at):
    return next(r for r in sources(house, WHO, at=at) if r.name == name)


def codes(found):
    return [p.code for p in found.problems]


def test_a_silent_site_is_named_with_what_its_silence_leaves_unknown(house):
    send(house, "berlin", range(10), per_minute=4)
    send(house, "oslo", range(4), per_minute=2)
    ingesting.flush(house, now=NOON + 10 * MINUTE)
    found = sites(house, WHO, at=NOON + 10 * MINUTE)
    seen = {r.seen.site: (r.seen.silent, r.seen.rows, r.seen.silent_minutes, r.seen.unknown) for r in found.sites}
    # Porto, never heard, is taken to be like the mean of the others: (4 + 2) / 2 a minute.
    assert seen == {"berlin": (False, 40, 0, 0), "oslo": (True, 8, 6, 12), "porto": (True, 0, 10, 30)}
    assert [p.where for p in found.problems] == ["tills at oslo", "tills at porto"]


def test_a_source_of_one_place_has_no_sites(house):
    assert {r.source for r in sites(house, WHO, at=NOON).sites} == {"tills"}


def test_a_protocol_without_identity_is_marked_lossy(house):
    assert "lossy" in codes(report(house, "counted", NOON))
    assert "lossy" not in codes(report(house, "tills", NOON))


def test_refused_and_repeated_rows_are_counted(house):
    rows = [{"time": "2026-03-02T12:00:00Z", "http_status": 200}]
    for _ in range(3):
        ingesting.ingest_rows(house, WHO, "tills", rows, now=NOON, key="k")
    with pytest.raises(InputError):
        ingesting.ingest_rows(house, WHO, "tills", [{"time": "no time"}], now=NOON, key=None)
    found = report(house, "tills", NOON)
    assert (found.unkept.repeated, found.unkept.refused, found.freshness.pending) == (2, 1, 1)
    assert "rows-refused" in codes(found)


def test_a_wait_shorter_than_the_lateness_learned_is_told(house):
    send(house, "berlin", range(60))
    send(house, "berlin", range(60), status=503, late=4 * MINUTE)
    ingesting.flush(house, now=NOON + 70 * MINUTE)
    assert "settle-short" not in codes(report(house, "tills", NOON + 70 * MINUTE))
    found = report(house, "tills", NOON + 130 * MINUTE)
    (told,) = [p for p in found.problems if p.code == "settle-short"]
    assert told.what == "it is waited for 0 s, but 99 % of its events take 4 min"
    assert found.settling.learnt.lateness.bad.total == 60


def test_nobody_without_the_right_sees_sites_or_sources(house):
    from nines.errors import NinesError
    from nines.people.rights import Principal

    for question in (sites, sources):
        with pytest.raises(NinesError):
            question(house, Principal.sender("default", "statsd"), at=NOON)
