"""What fires is listed with who has taken it on; taking it on is told within its thread, and holds for one episode."""

import json
from datetime import timedelta

import pytest

from nines.errors import ForbiddenError, InputError, NotFoundError
from nines.operations import alerts, notifying
from nines.operations.alerting import Alarms
from nines.people.rights import Principal
from nines.spans import MINUTE
from operations.test_alerting import NOON, WHO, hooks, house, send, traffic  # noqa: F401 - fixtures

KEY = "checkout@30d/page-1h"


@pytest.fixture
def alarms(house):  # noqa: F811
    traffic(house, NOON - 60 * MINUTE, 60, bad=50)
    found = Alarms(house, "default")
    found.tick(NOON)
    return found


def test_what_fires_is_listed_with_its_figures(house, alarms):  # noqa: F811
    found = {s.alert.key: s for s in alerts.listed(house, WHO)}
    assert set(found) == {f"checkout@30d/{r}" for r in ("page-1h", "page-6h", "ticket-1d", "ticket-3d")}
    told = alerts.alert_json(found[KEY])
    assert (told["state"], told["severity"], told["figures"]["burn_long"]) == ("firing", "page", "500")
    assert alerts.alert_row(found[KEY])["burn"] == "500.0"
    assert json.dumps(told)


def test_taking_an_alert_on_is_told_in_its_thread_and_the_end_follows_it(house, alarms, hooks):  # noqa: F811
    (taken,) = alerts.acknowledge(house, WHO, KEY, "looking", now=NOON)
    assert (taken.taken.by, taken.taken.note) == ("local", "looking")
    traffic(house, NOON, 120)
    for n in range(1, 121):
        alarms.tick(NOON + n * MINUTE)
    send(house, NOON + 121 * MINUTE)
    rows = notifying.log(house, WHO, thread=f"{KEY} #1")
    assert sorted((r.number, r.body["kind"]) for r in rows) == [(1, "fired"), (2, "acknowledged"), (3, "resolved")]
    assert {r.state for r in rows} == {"sent"}
    assert KEY not in {s.alert.key for s in alerts.listed(house, WHO, objective="checkout@30d")}
    assert len(alerts.listed(house, WHO, every=True)) == 4


def test_an_objective_takes_on_all_that_fires_on_it_and_the_first_to_take_it_stays(house, alarms):  # noqa: F811
    ann = Principal("person", "ann", "default", frozenset({"see", "alert"}))
    alerts.acknowledge(house, ann, KEY, now=NOON)
    found = alerts.acknowledge(house, WHO, "checkout@30d", now=NOON + MINUTE)
    assert {s.alert.key: s.taken.by for s in found}[KEY] == "ann"
    assert [s.taken.by for s in found].count("local") == 3
    assert [f.kind for f in house.store.journal("default")].count("alert.acknowledged") == 4


def test_who_may_only_see_takes_nothing_on(house, alarms):  # noqa: F811
    with pytest.raises(ForbiddenError):
        alerts.acknowledge(house, Principal("person", "eve", "default", frozenset({"see"})), KEY, now=NOON)
    with pytest.raises(NotFoundError):
        alerts.acknowledge(house, WHO, "cart@30d/page-1h", now=NOON)
    with pytest.raises(InputError):
        alerts.acknowledge(house, WHO, KEY, "x" * 1001, now=NOON)


def test_an_alert_from_before_a_restart_goes_on_with_the_next_number(house, alarms):  # noqa: F811
    alerts.acknowledge(house, WHO, KEY, now=NOON)
    traffic(house, NOON, 120)
    Alarms(house, "default").tick(NOON + timedelta(hours=2))
    rows = notifying.log(house, WHO, thread=f"{KEY} #1")
    assert sorted(r.number for r in rows) == [1, 2, 3]
