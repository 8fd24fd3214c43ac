"""Back-tests of what is stored: as known then, against alerts that really fired, over HTTP, and in a plan."""

from datetime import timedelta

import pytest
import yaml

from nines.api.app import build
from nines.definitions.load import load_texts
from nines.errors import InputError
from nines.operations import defining, ingesting, planning
from nines.operations.alerting import Alarms
from nines.operations.backtest_showing import report_markdown
from nines.operations.backtesting import incidents_of, read_incidents
from nines.operations.house import House, open_house
from nines.operations.pasts import stored_case
from nines.operations.proving import Asked, Stored, prove
from nines.spans import MINUTE
from operations.test_alerting import DEFINITIONS, NOON, WHO, traffic
from pages.caller import Caller

SLO = DEFINITIONS.replace("URL", "http://127.0.0.1:9")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """An hour of quiet, then half an hour judged live minute by minute; from the tenth on half of all fail."""
    found = open_house(tmp_path_factory.mktemp("house"), now=NOON)
    begins = NOON - timedelta(days=31)
    defining.apply_definitions(found, WHO, load_texts([("slo.yaml", SLO)]), now=begins, effective_from=begins)
    traffic(found, NOON - 60 * MINUTE, 60, each=20)
    alarms = Alarms(found, "default")
    for n in range(30):
        traffic(found, NOON + n * MINUTE, 1, bad=10 if 10 <= n < 20 else 0, each=20)
        alarms.tick(NOON + (n + 1) * MINUTE)
    yield found
    found.lake.inbox.close()


def asked(**more):
    return Asked("checkout", NOON - 30 * MINUTE, NOON + 30 * MINUTE, **more)


def test_the_test_tells_every_alert_that_really_fired_in_its_minute(house):
    found = prove(Stored(house, WHO), asked(), [""], now=NOON + 30 * MINUTE)
    assert found.case.known == "then"
    assert found.fired == (4, 4)
    assert "of 4 alerts that really fired, the test tells 4 in the same minute" in report_markdown(found)


def test_what_comes_late_counts_from_when_it_came(house):
    minute = NOON - 20 * MINUTE
    rows = [{"time": (minute + timedelta(seconds=s)).isoformat(), "http_status": 500} for s in range(30)]
    ingesting.ingest_rows(house, WHO, "shop", rows, now=NOON + 31 * MINUTE, key=None)
    ingesting.flush(house, now=NOON + 31 * MINUTE)
    reach = {"start": NOON - 30 * MINUTE, "end": NOON + 30 * MINUTE}
    then, now = (stored_case(house, WHO, "checkout", known=known, **reach).past for known in ("then", "now"))
    bad_then, bad_now = int(then.facts[1].sum()), int(now.facts[1].sum())
    assert bad_now - bad_then == 30
    assert (then.at_last().facts == now.facts).all()


def test_a_changed_target_says_what_it_would_have_paged(house, tmp_path):
    (tmp_path / "slo.yaml").write_text(SLO.replace("99.9%", "99.5%"))
    told = planning.plan_markdown(house, WHO, [tmp_path], now=NOON + 30 * MINUTE)
    assert "**checkout@30d**" in told
    assert "- in force: google-workbook would have paged" in told
    assert "- planned: google-workbook would have paged" in told
    assert "budget lost before detection" in told


def test_over_http_a_policy_is_never_read_from_a_file(house, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: nines/v1\nkind: BurnPolicy\nmetadata: {name: p}\nspec: {rules: [{share: 2%, window: 1h}]}\n"
    )
    opened = House(house.folder, house.store, house.lake, open_on_loopback=True)
    caller = Caller(build(opened, lambda: NOON + 30 * MINUTE, hosts=frozenset()))
    body = {"objective": "checkout", "from": (NOON - 30 * MINUTE).isoformat(), "against": "sloth"}
    answer = caller.post("/api/nines/v1/backtests", json=body)
    assert answer.status_code == 200
    assert [s["policy"] for s in answer.json()["scores"]] == ["google-workbook", "sloth"]
    assert caller.post("/api/nines/v1/backtests", json={**body, "policy": str(policy)}).status_code == 404
    few = caller.post("/api/nines/v1/tunings", json={"objective": "checkout"})
    assert (few.status_code, few.json()["problems"][0]["code"]) == (422, "few-weeks")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("i.csv", "start,end,name\n2026-03-01T10:00:00Z,2026-03-01T11:00:00Z,db\n"),
        ("i.ndjson", '{"start": "2026-03-01T10:00:00Z", "end": "2026-03-01T11:00:00Z", "name": "db"}\n'),
        ("i.yaml", "incidents:\n- {start: 2026-03-01T10:00:00Z, end: 2026-03-01T11:00:00Z, name: db}\n"),
    ],
)
def test_incidents_are_read_from_any_of_three_forms(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (one,) = read_incidents(tmp_path / name)
    assert (one.name, one.end - one.start) == ("db", timedelta(hours=1))


def test_every_wrong_incident_is_named():
    rows = [{"start": "x", "end": "y"}, {"start": "2026-03-01T10:00:00Z", "end": "2026-03-01T09:00:00Z"}]
    with pytest.raises(InputError) as refused:
        incidents_of(rows, "file")
    assert len(refused.value.problems) == 2


def test_a_proposal_is_a_definition_that_loads():
    from nines.alerting.catalogue import published
    from nines.operations.backtest_showing import policy_yaml

    policy = published("sloth", timedelta(days=30))
    text = policy_yaml(policy, ["because"])
    found = load_texts([("p.yaml", text)])
    assert found.errors == ()
    assert found.policies["sloth"].rules == policy.rules
    assert text.startswith("# because\n")
    assert yaml.safe_load(text)["kind"] == "BurnPolicy"
