"""A gate is told what a spent budget asks now; what lifts it is dated, answered for, and on record."""

from datetime import timedelta

import pytest

from nines.definitions.load import load_texts
from nines.errors import InputError, NotFoundError
from nines.operations import budget_policies as gates
from nines.operations import defining
from nines.operations.alerting import Alarms
from nines.operations.house import open_house
from nines.spans import MINUTE
from operations.test_alerting import DEFINITIONS, NOON, WHO, traffic

POLICY = """
---
apiVersion: nines/v1
kind: ErrorBudgetPolicy
metadata: {name: care}
spec: {objectives: [checkout], steps: [{spent: 50%, consequence: review}, {spent: 100%, consequence: freeze}]}
"""


@pytest.fixture
def house(tmp_path):
    found, begins = open_house(tmp_path, now=NOON), NOON - timedelta(days=31)
    texts = load_texts([("slo.yaml", DEFINITIONS.replace("URL", "http://127.0.0.1:9") + POLICY)])
    defining.apply_definitions(found, WHO, texts, now=begins, effective_from=begins)
    yield found
    found.lake.inbox.close()


def spent(house, minutes):
    """A hundred minutes, of which so many were bad: 30 days at 99.9 % allow 43.2 of them."""
    traffic(house, NOON - 100 * MINUTE, 100 - minutes)
    traffic(house, NOON - minutes * MINUTE, minutes, bad=100)


def asked(house, **more):
    return gates.rulings(house, WHO, at=NOON, **more)


def lifting(start=NOON, hours=1, approver="ann", reason="a fix", objectives=()):
    return gates.lifting("freeze", start, start + timedelta(hours=hours), approver, reason, objectives)


def test_an_unspent_budget_asks_nothing(house):
    spent(house, 0)
    assert [(r.ruling.consequence, r.stops) for r in asked(house)] == [("", False)]
    assert gates.exit_code(asked(house)) == 0


def test_half_a_budget_asks_for_an_approval_of_each_change(house):
    spent(house, 25)
    assert [r.ruling.consequence for r in asked(house)] == ["review"]
    assert gates.exit_code(asked(house, change="pr/7")) == 1
    gates.approve(house, WHO, "care", "pr/7", "it lowers the load", now=NOON)
    assert gates.exit_code(asked(house, change="pr/7")) == 0
    assert gates.exit_code(asked(house, change="pr/8")) == 1


def test_a_spent_budget_freezes_without_any_worker_and_says_why(house):
    spent(house, 50)
    (ruled,) = asked(house)
    assert ruled.ruling.frozen
    assert "no changes" in ruled.reason
    gates.approve(house, WHO, "care", "pr/7", "urgent", now=NOON)
    assert gates.exit_code(asked(house, change="pr/7")) == 1


def test_an_exception_lifts_a_freeze_while_it_holds_and_can_be_withdrawn(house):
    spent(house, 50)
    number = gates.except_from(house, WHO, "care", lifting(), now=NOON)
    assert [r.ruling.consequence for r in asked(house)] == ["review"]
    assert [r.ruling.consequence for r in gates.rulings(house, WHO, at=NOON + timedelta(hours=1))] == ["freeze"]
    gates.withdraw(house, WHO, number, now=NOON)
    assert gates.exit_code(asked(house)) == 1
    kinds = [f.kind for f in house.store.journal("default")]
    assert {"budget.exception", "budget.exception-withdrawn"} <= set(kinds)


def test_a_freeze_that_was_told_holds_until_the_budget_is_five_points_below(house):
    spent(house, 50)
    Alarms(house, "default").tick(NOON)
    assert "budget.frozen" in {f.kind for f in house.store.journal("default")}
    assert asked(house)[0].ruling.frozen


def test_a_budget_that_nobody_knows_is_no_yes(house):
    (ruled,) = asked(house)
    assert ruled.unknown
    assert gates.exit_code([ruled]) == 3


@pytest.mark.parametrize(
    "wrong", [{"start": NOON - timedelta(days=2)}, {"approver": " "}, {"reason": ""}, {"objectives": ("cart",)}]
)
def test_an_exception_that_nobody_answers_for_is_refused(house, wrong):
    with pytest.raises(InputError):
        gates.except_from(house, WHO, "care", lifting(**wrong), now=NOON)


def test_what_is_not_there_is_said(house):
    for deed in (
        lambda: asked(house, policy="none"),
        lambda: gates.approve(house, WHO, "none", "pr/7", "x", now=NOON),
        lambda: gates.withdraw(house, WHO, 99, now=NOON),
    ):
        with pytest.raises(NotFoundError):
            deed()
