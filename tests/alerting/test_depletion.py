"""Budgets running out: each share once, in order, and again only after a recovery or in a new period."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nines.alerting.depletion import BudgetState, Depletion, Spent, deplete, enforce, in_force, ruling, told
from nines.alerting.policy import BudgetException, BudgetStep, ErrorBudgetPolicy
from nines.evaluation.standing import Exhaustion

NOON, HOUR = datetime(2026, 1, 1, 12, tzinfo=UTC), timedelta(hours=1)


def spent(percent, worst=None, period=""):
    low = None if percent is None else Fraction(percent, 100)
    return Spent(low, low if worst is None else Fraction(worst, 100), period)


def run(*values):
    state, heard = Depletion(), []
    for n, value in enumerate(values):
        state, notices = deplete(state, value if isinstance(value, Spent) else spent(value), NOON + n * HOUR)
        heard += [f"{n.kind} {int(n.share * 100)}" for n in notices]
    return heard


@pytest.mark.parametrize(
    ("values", "heard"),
    [
        ([49], []),
        ([50], ["crossed 50"]),
        ([50, 60, 70], ["crossed 50"]),
        ([95], ["crossed 50", "crossed 75", "crossed 90"]),
        ([120, 300], ["crossed 50", "crossed 75", "crossed 90", "crossed 100"]),
        ([50, 49, 50, 46, 51], ["crossed 50"]),  # it hovers on the line
        ([50, 45, 50], ["crossed 50", "recovered 50", "crossed 50"]),  # it came back by five points
        ([80, 40], ["crossed 50", "crossed 75", "recovered 75", "recovered 50"]),
        ([80, None, 80], ["crossed 50", "crossed 75"]),
        ([spent(49, 100)], []),  # the worst case crosses nothing
        ([spent(60), spent(40, 60)], ["crossed 50"]),  # and the best case leaves nothing
    ],
)
def test_shares_are_told_once_in_order(values, heard):
    assert run(*values) == heard


def test_a_new_period_arms_everything_without_a_word():
    may, june = spent(80, period="May"), spent(0, period="June")
    assert run(may, june, june) == ["crossed 50", "crossed 75"]
    assert run(may, june, spent(55, period="June"))[2:] == ["crossed 50"]


def forecast(*hours):
    """Walk forecasts: each is (middle, latest) in hours ahead, or None for never."""
    state, heard = Depletion(), []
    for n, (middle, latest) in enumerate(hours):
        at = NOON + n * HOUR
        ahead = Exhaustion(*(None if h is None else at + h * HOUR for h in (middle, middle, latest)), formula="")
        state, notices = deplete(state, spent(10), at, ahead)
        heard += [x.kind for x in notices]
    return heard


@pytest.mark.parametrize(
    ("hours", "heard"),
    [
        ([(50, 72)], ["exhausting"]),
        ([(50, 73)], []),  # one lookback still sees it last
        ([(50, None)], []),
        ([(50, 60), (80, 90), (50, 60)], ["exhausting"]),  # 80 hours is neither near nor far
        ([(50, 60), (96, 99), (50, 60)], ["exhausting", "lasting", "exhausting"]),
        ([(50, 60), (None, None)], ["exhausting", "lasting"]),
    ],
)
def test_a_forecast_is_told_once_and_taken_back_once(hours, heard):
    assert forecast(*hours) == heard


def test_what_is_gone_already_is_not_forecast():
    ahead = Exhaustion(NOON, NOON, NOON, "")
    assert [n.kind for n in deplete(Depletion(), spent(100), NOON, ahead)[1]] == ["crossed"] * 4


VALUES = st.lists(st.tuples(st.integers(0, 130), st.integers(0, 40), st.sampled_from(["a", "b"])), max_size=40)


@settings(deadline=None)
@given(VALUES)
def test_the_state_is_the_fold_of_what_was_told_within_a_period(values):
    state, facts = Depletion(), []
    for n, (low, more, _) in enumerate(values):
        state, notices = deplete(state, spent(low, low + more), NOON + n * HOUR)
        facts += notices
    assert told(facts) == state


@settings(deadline=None)
@given(VALUES)
def test_crossed_and_recovered_alternate_for_every_share(values):
    state, heard = Depletion(), {}
    for n, (low, more, _) in enumerate(values):
        state, notices = deplete(state, spent(low, low + more), NOON + n * HOUR)
        for notice in notices:
            assert heard.get(notice.share, "recovered") != notice.kind
            heard[notice.share] = notice.kind


STEPS = (BudgetStep(Fraction(1, 2), "notify"), BudgetStep(Fraction(9, 10), "review"), BudgetStep(Fraction(1), "freeze"))
POLICY = ErrorBudgetPolicy("careful", ("checkout",), STEPS)


def enforced(*values):
    state, facts = BudgetState(), []
    for n, value in enumerate(values):
        state, changes = enforce(state, POLICY, "checkout@30d", value, NOON + n * HOUR)
        facts += changes
    return state, facts


def test_a_freeze_comes_with_the_last_of_the_budget_and_goes_five_points_below():
    state, facts = enforced(spent(60), spent(100), spent(96), spent(95))
    assert [f"{f.kind} {f.step.consequence}" for f in facts] == [
        "entered notify", "entered review", "entered freeze", "left freeze",
    ]  # fmt: skip
    assert ruling(state, "checkout", NOON).consequence == "review"


def test_a_new_period_lifts_everything():
    state, facts = enforced(spent(100, period="May"), spent(0, period="June"))
    assert [f.kind for f in facts[3:]] == ["left"] * 3
    assert ruling(state, "checkout", NOON).consequence == ""


def test_a_step_taken_out_of_the_policy_ends():
    state, _ = enforced(spent(100))
    short = ErrorBudgetPolicy("careful", ("checkout",), STEPS[:1])
    _, changes = enforce(state, short, "checkout@30d", spent(100), NOON)
    assert [(c.kind, c.step.consequence) for c in changes] == [("left", "freeze"), ("left", "review")]


@settings(deadline=None)
@given(VALUES)
def test_the_steps_in_force_are_the_fold_of_the_facts(values):
    state, facts = enforced(*(spent(low, low + more, period) for low, more, period in values))
    assert {s.spent for s in in_force(facts).steps} == {s.spent for s in state.steps}


def exception(consequence, start, end, *names):
    return BudgetException(consequence, NOON + start * HOUR, NOON + end * HOUR, "ann", "a security fix", names)


@pytest.mark.parametrize(
    ("exceptions", "consequence", "lifted"),
    [
        ([], "freeze", 0),
        ([exception("freeze", -1, 1)], "review", 1),
        ([exception("freeze", -2, 0)], "freeze", 0),  # it ended this instant
        ([exception("freeze", 0, 1)], "review", 1),
        ([exception("freeze", -1, 1, "search")], "freeze", 0),
        ([exception("freeze", -1, 1, "checkout"), exception("review", -1, 1)], "notify", 2),
        ([exception("review", -1, 1)], "freeze", 0),
    ],
)
def test_a_dated_exception_lifts_one_consequence_while_it_holds(exceptions, consequence, lifted):
    state, _ = enforced(spent(100))
    found = ruling(state, "checkout", NOON, exceptions)
    assert (found.consequence, len(found.lifted)) == (consequence, lifted)
    assert found.frozen == (consequence == "freeze")
