"""The policy workbench: what a burn policy would have told over a past, to be changed and looked at again.

One rule: the address holds every choice, so that a policy somebody tried is a link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from nines.alerting.policy import BurnPolicy, BurnRule
from nines.alerting.scoring import Incident, Score
from nines.errors import InputError, Problem
from nines.operations import workbench as asking
from nines.operations.workbench import Tried, Workbench
from nines.pages.charts import BROAD, NARROW
from nines.pages.drawing import draw
from nines.pages.objective import Figure, Line
from nines.pages.row import objective_url
from nines.pages.visit import Visit
from nines.pages.workbench_charts import burn_chart, lane_chart, pareto_chart
from nines.reading import duration, duration_text, instant
from nines.showing import burn, count, length, percent

_SIZES = ((BROAD, "broad"), (NARROW, "narrow"))
#: Days of the past that are offered.
DAYS = (1, 7, 14, 30, 60, 90)
#: Incidents that one address may hold.
MOST_INCIDENTS = 200
#: A share in per cent, or a factor.
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,9})?")
#: Lines of the table of episodes.
MOST_EPISODES = 300


def workbench_list(visit: Visit) -> Response:
    """Return the list of objectives that a policy can be tried on."""
    found = asking.watched(visit.house, visit.who, at=visit.now)
    rows = [
        {"objective": o.key, "service": o.service, "target": percent(o.terms[-1].target), "url": workbench_url(o.key),
         "policy": p.name if p else "", "rules": len(p.rules) + len(p.counts) if p else 0}
        for o, p in found
    ]  # fmt: skip
    return visit.page("workbench_list.html", {"rows": rows}, here="/workbench")


def workbench_url(key: str) -> str:
    """Return the address of an objective's workbench.

    Example:
        >>> workbench_url("checkout@30d")
        '/workbench/checkout%4030d'
    """
    return f"/workbench/{quote(key, safe='')}"


def workbench_page(visit: Visit) -> Response:
    """Return the workbench of one objective."""
    words, wrong = visit.words, list[Problem]()
    objective, base = asking.chosen(visit.house, visit.who, visit.parts["key"], words.get("policy", ""), at=visit.now)
    policy, days = changed(base, words, wrong), _days(words.get("days", ""), wrong)
    incidents = incidents_of(words.get("incidents", ""), wrong)
    if wrong:
        raise InputError(*wrong)
    policies = [policy]
    if words.get("against"):
        policies.append(asking.chosen(visit.house, visit.who, objective.key, words["against"], at=visit.now)[1])
    found = asking.workbench(
        visit.house, visit.who, objective, policies, at=visit.now, days=days, incidents=incidents,
        search=words.get("search") == "1", known="now" if words.get("known") == "now" else "then",
    )  # fmt: skip
    ask = {
        "policy": words.get("policy") or base.name, "against": words.get("against", ""), "days": str(days),
        "known": words.get("known", ""),
        "incidents": words.get("incidents", ""),
    }  # fmt: skip
    return visit.page("workbench.html", {"ask": ask, **bench_values(found, base, ask)}, here="/workbench")


def changed(base: BurnPolicy, words: Mapping[str, str], wrong: list[Problem]) -> BurnPolicy:
    """Return a policy with what an address changes of it; a rule whose share or factor is empty is left out.

    Args:
        base: the chosen policy.
        words: `share1`, `factor1`, `window1`, `short1`, `lasts1` of its first rule and so on, `comparison`, `k`.
        wrong: takes what cannot be read.

    Example:
        >>> from nines.alerting.policy import default_policy
        >>> policy = changed(default_policy(timedelta(days=30)), {"share1": "4", "share2": ""}, [])
        >>> [(r.name, str(r.share)) for r in policy.rules]
        [('page-1h', '1/25'), ('ticket-1d', '1/10'), ('ticket-3d', '1/10')]
    """
    rules = tuple(r for n, rule in enumerate(base.rules, 1) if (r := _rule(rule, str(n), words, wrong)) is not None)
    compared = words.get("comparison", "")
    if compared not in {"", "gt", "gte"}:
        wrong.append(Problem("comparison", "it is neither gt nor gte", "choose one of them", code="bad-value"))
    low, k = base.low_traffic, words.get("k", "")
    if k and (not k.isdecimal() or not 1 <= int(k[:9]) <= 10**6):
        wrong.append(Problem("k", f"{k[:20]!r} is no number of bad events", "write a number from 1", code="bad-value"))
    elif k:
        low = replace(low, least_bad=int(k))
    if not rules and not base.counts:
        wrong.append(Problem("share1", "no rule is left", "give one rule a share", code="bad-value"))
    comparison = base.comparison if compared not in {"gt", "gte"} else "gt" if compared == "gt" else "gte"
    return replace(base, rules=rules, comparison=comparison, low_traffic=low)


def _rule(rule: BurnRule, n: str, words: Mapping[str, str], wrong: list[Problem]) -> BurnRule | None:
    name = "factor" if rule.share is None else "share"
    text = words.get(f"{name}{n}")
    if text is not None and not text.strip():
        return None
    value = _amount(name + n, text, wrong) if text is not None else None
    share, stated = rule.share, rule.stated
    if value is not None:
        share, stated = (value / 100, None) if name == "share" else (None, value)
    long, short, lasts = (
        _length(field + n, words.get(field + n, ""), now, wrong)
        for field, now in (("window", rule.long), ("short", rule.short), ("lasts", rule.lasts))
    )
    if share is not None and share > 1:
        wrong.append(Problem(f"share{n}", "it is more than all of the budget", "write 100 or less", code="bad-value"))
    if not timedelta() < short <= long:
        what = "the short lookback is longer than the long one, or nothing"
        wrong.append(Problem(f"short{n}", what, "shorten it", code="bad-value"))
    return replace(rule, share=share, stated=stated, long=long, short=short, lasts=lasts)


def _amount(name: str, text: str, wrong: list[Problem]) -> Fraction | None:
    value = Fraction(text.strip()) if _NUMBER.fullmatch(text.strip()) else Fraction(0)
    if not value:
        what = f"{text[:20]!r} is no number above 0"
        wrong.append(Problem(name, what, "write a number like 2.5", code="bad-value"))
        return None
    return value


def _length(name: str, text: str, otherwise: timedelta, wrong: list[Problem]) -> timedelta:
    if not text.strip():
        return otherwise
    if name.startswith("lasts") and text.strip() in {"0", "0s", "0m"}:
        return timedelta()
    try:
        found = duration(text.strip())
    except (ValueError, OverflowError) as error:
        wrong.append(Problem(name, str(error), "write a length like 30m", code="bad-value"))
        return otherwise
    if found % timedelta(minutes=1) or found > timedelta(days=90):
        wrong.append(
            Problem(name, "it is no whole number of minutes up to 90d", "write one like 30m", code="bad-value")
        )
        return otherwise
    return found


def _days(text: str, wrong: list[Problem]) -> int:
    if not text:
        return 30
    if not text.isdecimal() or not 1 <= int(text[:9]) <= asking.LONGEST.days:
        wrong.append(Problem("days", f"{text[:20]!r} is no number of days", "write 1 to 92", code="bad-value"))
        return 30
    return int(text)


def incidents_of(text: str, wrong: list[Problem]) -> tuple[Incident, ...]:
    """Return incidents, from a line each: start, "/", end, and perhaps a name.

    Args:
        text: the lines.
        wrong: takes lines that cannot be read.

    Example:
        >>> [i.name for i in incidents_of("2026-03-03T10:00:00Z/2026-03-03T11:00:00Z the database", [])]
        ['the database']
    """
    found = []
    for line in [t.strip() for t in text.splitlines() if t.strip()][:MOST_INCIDENTS]:
        span, _, name = line.partition(" ")
        start, _, end = span.partition("/")
        try:
            one = Incident(instant(start), instant(end), name.strip())
        except (ValueError, OverflowError) as error:
            fix = "write it like 2026-03-01T12:00:00Z/2026-03-01T13:00:00Z name"
            wrong.append(Problem("incidents", f"{line[:60]!r}: {error}", fix, code="bad-incident"))
            continue
        if one.end <= one.start:
            what = f"{line[:60]!r} ends before it begins"
            wrong.append(Problem("incidents", what, "turn its ends around", code="bad-incident"))
            continue
        found.append(one)
    return tuple(found)


def bench_values(found: Workbench, base: BurnPolicy, ask: Mapping[str, str]) -> dict[str, Any]:
    """Return the workbench as the values of its template.

    Args:
        found: what was found.
        base: the policy before it was changed.
        ask: the question, for links.
    """
    first = found.tried[0]
    window = found.objective.window.nominal
    return {
        "objective": found.objective.key, "url": objective_url(found.objective.key),
        "here_url": workbench_url(found.objective.key), "span": found.span, "known": found.known,
        "policy": first.policy,
        "own": first.policy != base, "present": found.present.name if found.present else "", "names": found.names,
        "days": DAYS, "rules": [_field(r, n, first.policy, window) for n, r in enumerate(base.rules, 1)],
        "k": first.policy.low_traffic.least_bad, "found": [p for t in found.tried for p in t.problems],
        "sentence": sentence(first), "heads": [t.policy.name for t in found.tried], "scores": scores(found.tried),
        "burn": _burn_figure(found), "lanes": _lane_figure(found),
        "episodes": count(sum(len(t.told.episodes) for t in found.tried)), "most": MOST_EPISODES,
        "long_enough": found.span.length >= timedelta(weeks=asking.WEEKS),
        "incidents": len(found.incidents), "pareto": _pareto_figure(found, ask) if found.tuning else None,
        "search_url": f"{workbench_url(found.objective.key)}?{urlencode({**ask, 'search': '1'})}",
        "tuning": _tuning(found) if found.tuning else None,
    }  # fmt: skip


def _field(rule: BurnRule, n: int, now: BurnPolicy, window: timedelta) -> dict[str, Any]:
    """Return the fields of one rule, as it is in the policy that was tried."""
    held = next((r for r in now.rules if (r.severity, r.long) == (rule.severity, rule.long)), None)
    held = held or (now.rules[n - 1] if len(now.rules) >= n else rule)
    share = "" if held.share is None else f"{float(held.share * 100):g}"
    return {
        "n": n, "name": held.name, "severity": held.severity, "share": share,
        "factor": f"{float(held.stated):g}" if held.share is None and held.stated is not None else "",
        "window": duration_text(held.long), "short": duration_text(held.short), "lasts": duration_text(held.lasts),
        "fires": burn(held.factor(window)), "of": percent(held.share_on(window)),
    }  # fmt: skip


def sentence(tried: Tried) -> str:
    """Say in one sentence what a policy would have told.

    Args:
        tried: the policy over the past.
    """
    pages, tickets = len(tried.score.pages), sum(e.severity == "ticket" for e in tried.told.episodes)
    often = f"{tried.score.pages_per_week:.1f} a week"
    caught = f", and caught {tried.score.found} of {len(tried.score.caught)} incidents" if tried.score.caught else ""
    page, ticket = "page" if pages == 1 else "pages", "ticket" if tickets == 1 else "tickets"
    return f"{tried.policy.name} would have made {pages} {page} ({often}) and {tickets} {ticket}{caught}."


def scores(tried: Sequence[Tried]) -> list[tuple[str, list[str]]]:
    """Return the lines of the table of scores, a cell for each policy.

    Args:
        tried: policies over the same past.
    """
    every = [t.score for t in tried]
    lines = [
        ("pages", [count(len(s.pages)) for s in every]),
        ("pages a week", [_weekly(s) for s in every]),
        ("tickets", [count(sum(e.severity == "ticket" for e in t.told.episodes)) for t in tried]),
        ("pages in hours of sleep", [count(s.asleep) for s in every]),
        ("near misses", [count(s.near) for s in every]),
    ]
    if any(s.caught for s in every):
        lines += [
            ("incidents caught", [f"{s.found} of {len(s.caught)}" for s in every]),
            ("recall", [_between(s.recall) for s in every]),
            ("pages that were right", [f"{s.right} of {len(s.pages)}" for s in every]),
            ("precision", [_between(s.precision) for s in every]),
            ("median delay", ["none" if s.delay is None else _signed(s.delay) for s in every]),
            ("median reset", ["none" if s.reset is None else _signed(s.reset) for s in every]),
            ("budget lost before a page", [percent(s.lost, decimals=1) for s in every]),
        ]
    return lines


def _weekly(score: Score) -> str:
    held = score.pages_interval
    return f"{score.pages_per_week:.1f}" + (f" ({held[0]:.1f}-{held[1]:.1f})" if held is not None else "")


def _between(limits: tuple[Fraction, Fraction]) -> str:
    return f"{percent(limits[0], decimals=0)} to {percent(limits[1], decimals=0)}"


def _signed(value: timedelta) -> str:
    return f"-{length(-value)}" if value < timedelta() else length(value)


def _burn_figure(found: Workbench) -> Figure:
    curve, span = found.curve, found.span
    caption = f"Over {duration_text(curve.over)}, the highest in each {length(curve.step)}; dashed lines are factors."
    if found.incidents:
        caption += " Grey bands are incidents."
    label = f"Burn rate over {duration_text(curve.over)}. The figures stand in the table below."
    broad, narrow = (draw(partial(burn_chart, found, size), label, css) for size, css in _SIZES)
    rows = tuple(
        Line(_place(at, span.start, span.end), (f"{at:%-d %b %H:%M}", "unknown" if y is None else f"{y:.2f}"))
        for at, y in curve.points
    )
    return Figure("Burn rate", caption, ("up to", "burn rate"), rows, broad, narrow)


def _lane_figure(found: Workbench) -> Figure:
    title, heads = "What each rule would have told", ("fired", "rule", "policy", "until", "lasted")
    label = "A lane for each rule with the stretches in which it would have fired; the table below has them."
    broad, narrow = (draw(partial(lane_chart, found, size), label, css) for size, css in _SIZES)
    told = sorted(
        ((s, e, t.policy.name) for t in found.tried for e in t.told.episodes for s in e.told), key=lambda x: x[0].start
    )
    rows = tuple(
        Line(
            _place(s.start, found.span.start, found.span.end),
            (f"{s.start:%-d %b %H:%M}", e.rule, name, f"{s.end:%-d %b %H:%M}" if s.end else "fires still",
             length((s.end or found.span.end) - s.start)),
        )
        for s, e, name in told[:MOST_EPISODES]
    )  # fmt: skip
    return Figure(title, "Red bars page, amber ones are tickets.", heads, rows, broad, narrow)


def _pareto_figure(found: Workbench, ask: Mapping[str, str]) -> Figure:
    tuning = found.tuning
    assert tuning is not None
    label = "Pages a week against budget lost, of the policies that none beats in both; the table below has them."
    broad, narrow = (draw(partial(pareto_chart, found, size), label, css) for size, css in _SIZES)
    rows = tuple(
        Line(f"{n / max(len(tuning.front) - 1, 1):.4f}", (
            _rules_text(c.policy), f"{c.score.pages_per_week:.1f}", percent(c.score.lost, decimals=1),
            f"{c.score.found} of {len(c.score.caught)}",
        ))
        for n, c in enumerate(tuning.front)
    )  # fmt: skip
    del ask
    caption = "Each disc is a policy that no other beats in both; the square is the policy above. Early weeks only."
    return Figure(
        "What a search found", caption, ("rules", "pages a week", "budget lost", "caught"), rows, broad, narrow
    )


def _rules_text(policy: BurnPolicy) -> str:
    pages = (r for r in policy.rules if r.severity == "page")
    rules = ", ".join(f"{percent(r.share)} in {duration_text(r.long)}/{duration_text(r.short)}" for r in pages)
    return f"{rules}; k {policy.low_traffic.least_bad}" if policy.low_traffic.least_bad > 1 else rules


def _tuning(found: Workbench) -> dict[str, Any]:
    tuning = found.tuning
    assert tuning is not None
    pairs = [("this policy", *tuning.before)]
    if tuning.chosen is not None and tuning.tuned is not None and tuning.held is not None:
        pairs.append((_rules_text(tuning.chosen), tuning.tuned, tuning.held))
    rows = [
        {"name": name, "cells": [f"{s.pages_per_week:.1f} a week, {percent(s.lost, decimals=1)} lost" for s in held]}
        for name, *held in pairs
    ]
    return {"searched": count(tuning.searched), "parted": tuning.parted, "rows": rows}


def _place(at: datetime, start: datetime, end: datetime) -> str:
    return f"{(at - start) / (end - start):.4f}" if end > start else "0"
