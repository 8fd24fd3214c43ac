"""What alerting puts on record is read back as it was, and is of a kind the journal knows."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from nines.alerting.decide import Decision
from nines.alerting.depletion import Notice, StepChange
from nines.alerting.life import Alert, advance
from nines.alerting.loss import BlindRule
from nines.alerting.payloads import (
    alert_json,
    alert_of,
    change_json,
    change_kind,
    change_of,
    exception_json,
    exception_of,
    notice_json,
    notice_kind,
    notice_of,
    step_json,
    step_kind,
    step_of,
)
from nines.alerting.policy import BudgetException, BudgetStep, BurnRule
from nines.journal.facts import KINDS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULE = BurnRule("page", Fraction(2, 100), timedelta(hours=1), timedelta(minutes=5))


def through_json(value):
    return json.loads(json.dumps(value))


def fire(key="shop/page-1h", rule=RULE):
    decision = Decision(rule, "over", None, None, "burning", {"factor": Fraction(72, 5), "burn_short": None})
    alert, changes = advance(Alert(key), decision, NOON)
    return advance(alert, decision, NOON + timedelta(minutes=11)) if not changes else (alert, changes)


def test_an_alert_and_its_change_come_back_as_they_were():
    alert, (change,) = fire()
    assert alert_of(through_json(alert_json(alert))) == alert
    assert change_of(through_json(change_json(change))) == change
    assert alert_of(through_json(alert_json(Alert("new")))) == Alert("new")


def test_blindness_has_a_fact_of_its_own():
    assert change_kind(fire()[1][0]) == "alert.fired"
    assert change_kind(fire("shop/blind", BlindRule())[1][0]) == "alert.blind"


@pytest.mark.parametrize(
    "notice",
    [
        Notice("crossed", NOON, "", Fraction(1, 2), Fraction(51, 100)),
        Notice("recovered", NOON, "May", Fraction(1, 2), None),
        Notice("exhausting", NOON, "", spent=Fraction(1, 3), until=NOON),
        Notice("lasting", NOON, ""),
    ],
)
def test_notices_come_back_and_have_a_kind(notice):
    assert notice_of(through_json(notice_json(notice))) == notice
    assert notice_kind(notice) in KINDS


@pytest.mark.parametrize("move", ["entered", "left"])
@pytest.mark.parametrize("consequence", ["notify", "review", "freeze"])
def test_steps_come_back_and_have_a_kind(move, consequence):
    change = StepChange(move, NOON, "careful", "shop@30d", BudgetStep(Fraction(6, 5), consequence), "", Fraction(1))
    assert step_of(through_json(step_json(change))) == change
    assert step_kind(change) in KINDS


def test_an_exception_comes_back():
    exception = BudgetException("freeze", NOON, NOON + timedelta(days=1), "ann", "a security fix", ("shop",))
    assert exception_of(through_json(exception_json(exception))) == exception
