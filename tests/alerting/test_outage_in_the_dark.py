"""An outage, then half an hour without data, then recovery: nothing resolves in the dark, and blindness is told."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from nines.alerting.decide import Reading, decide
from nines.alerting.life import Alert, advance
from nines.alerting.loss import BlindRule, blind
from nines.alerting.policy import BurnPolicy, default_policy
from nines.evaluation.tally import Sums, Tally
from nines.objectives.objective import Term

NOON, MINUTE, MONTH = datetime(2026, 1, 1, 12, tzinfo=UTC), timedelta(minutes=1), timedelta(days=30)
RULE, BUDGET = default_policy(MONTH).rules[0], Fraction(1, 1000)
POLICY = BurnPolicy("p", (RULE,))
#: Minute -> what it was: an hour of calm, 20 minutes of outage, 30 of silence, an hour and a half of calm.
STORY = "g" * 60 + "b" * 20 + "?" * 30 + "g" * 90


def reading(end, length):
    """Read a lookback; each known minute has 100 events, and silence hid as many as the known minutes' mean."""
    part = STORY[end - length : end]
    good, bad, silent = (Fraction(part.count(c)) for c in "gb?")
    hidden = silent * 100 if good + bad or not silent else None
    tally = Tally(Term(1 - BUDGET), good * 100, bad * 100, Fraction(0), hidden)
    return Reading.of(Sums((tally,), int(good + bad), length, int(silent)))


def lived():
    alerts, told, shown = {"rule": Alert("shop/page-1h"), "blind": Alert("shop/blind")}, [], {}
    for end in range(60, len(STORY) + 1):
        at = NOON + end * MINUTE
        decision = decide(RULE, POLICY, MONTH, BUDGET, reading(end, 60), reading(end, 5))
        seen = blind(BlindRule(), [decision], heard=STORY[end - 1] != "?")
        for name, one in (("rule", decision), ("blind", seen)):
            alerts[name], changes = advance(alerts[name], one, at)
            told += [(end, name, c.kind) for c in changes]
        shown[end] = alerts["rule"].shown
    return told, shown


def test_the_outage_is_told_blindness_is_told_and_the_end_only_when_it_is_seen():
    told, shown = lived()
    fired, blinded, seeing, resolved = told
    assert fired[1:] == ("rule", "fired")
    assert 60 < fired[0] <= 62
    assert blinded[1:] == ("blind", "fired")
    assert 90 <= blinded[0] <= 92  # ten minutes after the last word
    assert {seeing[1:], resolved[1:]} == {("blind", "resolved"), ("rule", "resolved")}
    assert 110 < resolved[0] <= 115  # the short lookback is wholly seen again
    assert {shown[end] for end in range(86, 111)} == {"unknown"}
