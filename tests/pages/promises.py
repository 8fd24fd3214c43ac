"""A few promises with thirty days behind them, evaluated by the real thing: what pages are tested with."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np

from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import Evidence
from nines.evaluation.frame import horizon
from nines.evaluation.history import history
from nines.objectives.exclusion import Exclusion
from nines.objectives.objective import Objective, Term
from nines.objectives.window import RollingWindow
from nines.spans import Span, minute_after, minute_of
from nines.telemetry.series import MinuteSeries, MinuteState

AT = datetime(2026, 11, 23, 14, 32, tzinfo=UTC)
HOUR = 60
DAY = 24 * HOUR


def promise(name, service, target="99.9", *, revised=None, labels=(("team", "shop"),), missing="unknown"):
    terms = (Term(Fraction(target) / 100),)
    if revised:
        terms = (
            Term(Fraction(revised[1]) / 100),
            Term(Fraction(target) / 100, effective_from=AT - revised[0], revision=2),
        )
    return Objective(
        name=name,
        service=service,
        indicator=name,
        terms=terms,
        window=RollingWindow(timedelta(days=30)),
        labels=labels,
        missing=missing,
    )


def evidence(objective, *, per_minute=100, bad=(), silent=(), exclusions=()):
    """Evidence with `per_minute` events a minute; `bad` are (minutes ago, minutes long, bad a minute)."""
    span = horizon(objective, AT)
    start, end = minute_of(span.start), minute_after(span.end)
    total = np.full(end - start, per_minute, dtype=np.int64)
    failed, state = np.zeros(end - start, dtype=np.int64), np.full(end - start, MinuteState.ALIVE, dtype=np.uint8)
    here = minute_of(AT) - start
    for ago, length, count in bad:
        failed[here - ago : here - ago + length] = count
    for ago, length in silent:
        total[here - ago : here - ago + length] = 0
        state[here - ago : here - ago + length] = MinuteState.SILENT
    failed = np.minimum(failed, total)
    series = MinuteSeries(start, total - failed, failed, np.zeros_like(total), state, start - DAY)
    return Evidence(series, exclusions, data_version=88142)


MAINTENANCE = Exclusion(
    name="maintenance", spans=(Span(AT - timedelta(days=13), AT - timedelta(days=12, hours=12)),), approver="ann"
)

WORLDS = {
    "checkout": (
        promise("checkout", "shop", "99.9", revised=(timedelta(days=20), "99.5")),
        {
            "bad": [(22 * DAY, 300, 3), (13 * DAY, 300, 40), (9 * DAY, 200, 3), (34, 34, 32)],
            "exclusions": (MAINTENANCE,),
        },
    ),
    "search-latency": (
        promise("search-latency", "shop", "95"),
        {"bad": [(30 * DAY, 30 * DAY, 4), (5 * DAY, 5 * DAY, 7)]},
    ),
    "invoices-fresh": (
        promise("invoices-fresh", "billing", "99.5", labels=(("team", "money"),)),
        {"bad": [(8 * DAY, 600, 50)]},
    ),
    "login": (promise("login", "identity", "99.95"), {"bad": [(11 * DAY, 60, 4)]}),
    "edge-delivery": (
        promise("edge-delivery", "media"),
        {"bad": [(4 * DAY, 120, 9)], "silent": [(3 * DAY, 900), (12, 12)]},
    ),
    "payments": (promise("payments", "cloud"), {"bad": [(3 * DAY, 100, 8)]}),
    "never-heard": (promise("never-heard", "cloud"), {"silent": [(31 * DAY, 31 * DAY)]}),
}


def standing(name):
    objective, facts = WORLDS[name]
    return evaluate(objective, evidence(objective, **facts), AT)


def past(name, step=timedelta(hours=6), last=None):
    objective, facts = WORLDS[name]
    return history(objective, evidence(objective, **facts), AT, step, last=last)


def standings():
    return [standing(name) for name in WORLDS]
