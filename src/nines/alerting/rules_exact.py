"""Rules that count as nines does: minute counts, summed over whole minutes, divided only at the end.

A minute's counts are gauges. Where an objective stands on Prometheus counters a rule makes them from the readings;
for all others nines shows them on its own page of metrics. A window of w is asked as w less one second, so that it
holds exactly its minutes whether ranges are closed (Prometheus 2) or left-open (Prometheus 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from nines.alerting.policy import BurnPolicy, BurnRule, CountRule
from nines.alerting.rules import Exported, Rule, RuleGroup, number_text, selector, span_text
from nines.alerting.rules_counters import each
from nines.errors import Problem, Severity
from nines.objectives.indicator import CounterIndicator
from nines.objectives.method import Occurrences
from nines.objectives.objective import BURN_WINDOWS
from nines.objectives.window import RollingWindow
from nines.reading import duration
from nines.spans import MINUTE


@dataclass(frozen=True, slots=True)
class Gauge:
    """One series that nines shows for each SLI and minute.

    Attributes:
        name: of the series.
        recorded: name of the same figure where a rule makes it from counters.
        words: what it says.
    """

    name: str
    recorded: str
    words: str


#: What nines shows of the last settled minute of each SLI, and what the exact form reads: the one list of these names.
GAUGES: dict[str, Gauge] = {
    "good": Gauge("nines_sli_minute_good", "nines:sli_minute:good", "Good units of the last settled minute."),
    "bad": Gauge("nines_sli_minute_bad", "nines:sli_minute:bad", "Bad units of the last settled minute."),
    "unknown": Gauge("nines_sli_minute_unknown", "", "Units of the last settled minute that could not be judged."),
    "known": Gauge("nines_sli_minute_known", "nines:sli_minute:known", "1 when the minute was measured, else 0."),
}
#: Longest pause between two readings of a counter that is bridged, and the age up to which one makes its minute known.
BRIDGED, FRESH = timedelta(hours=1), timedelta(seconds=90)


def exact_problems(found: Exported) -> tuple[Problem, ...]:
    """Return why an objective cannot be written in the exact form, and what of it is left out."""
    objective = found.objective
    made = []

    def tell(what: str, fix: str, severity: Severity = "error") -> None:
        made.append(
            Problem(objective.key, what, fix, severity, f"export-{'lost' if severity == 'note' else 'refused'}")
        )

    if objective.bound is not None or not isinstance(objective.terms[-1].method, Occurrences):
        tell("the exact form counts occurrences; slices and bounds are judged by nines alone", "export its gauges")
    if objective.missing != "unknown":
        tell(f"missing: {objective.missing} imputes events, which a rule cannot", "keep missing: unknown for it")
    if not isinstance(objective.window, RollingWindow):
        tell("a calendar window has no rule; its lookbacks and alerts are written", "ask nines for the period", "note")
    if len(objective.terms) > 1:
        tell("rules know the newest target only, and judge the past by it too", "", "note")
    policy = found.policy
    if policy and (policy.low_traffic.false_pages is not None or policy.low_traffic.sequential is not None):
        tell("its test for low traffic has no PromQL; least bad events and coverage are written", "", "note")
    if policy and policy.clear:
        tell("how long it must be under before it resolves has no counterpart", "", "note")
    return tuple(made)


def exact_groups(found: Exported) -> list[RuleGroup]:
    """Return the rule groups of one objective; `exact_problems` says what refuses it.

    Args:
        found: an objective that counts occurrences.
    """
    rules = _minutes(found, found.indicator) if isinstance(found.indicator, CounterIndicator) else []
    alerts = _alerts(found, found.policy) if found.policy and found.budget else []
    # one group: its rules run one after the other at one instant, so that none reads the minute before
    return [RuleGroup(f"nines-{found.objective.key}", (*rules, *_windows(found), *alerts), MINUTE)]


def own_labels(found: Exported) -> dict[str, str]:
    """Return the labels that tell an objective's series from others."""
    return {"objective": found.objective.key, "service": found.objective.service, "sli": found.indicator.name}


def _read(found: Exported, kind: str) -> str:
    """Return the selector of a minute's count."""
    if isinstance(found.indicator, CounterIndicator):
        return selector(GAUGES[kind].recorded, own_labels(found))
    return selector(GAUGES[kind].name, {"sli": found.indicator.name, "tenant": found.objective.tenant})


def lag(found: Exported) -> timedelta:
    """Return how long ago the last minute ended that a rule counts.

    Counters are counted at once. A gauge tells of a minute when it has settled, and is read within the next.
    """
    return timedelta() if isinstance(found.indicator, CounterIndicator) else MINUTE + found.objective.settle


def _ranged(found: Exported, kind: str, window: timedelta) -> str:
    """Return a minute's count over exactly the minutes of a window."""
    late = lag(found)
    return f"{_read(found, kind)}[{window_seconds(window)}]" + (f" offset {span_text(late)}" if late else "")


def _minutes(found: Exported, indicator: CounterIndicator) -> list[Rule]:
    """Return the rules that make a minute's counts from counters: increments by series first, sums afterwards."""
    labels = own_labels(found)
    seen: list[str] = []
    each(indicator.total, lambda s: seen.append(s) or s)  # type: ignore[func-returns-value]
    known = f"group({' or '.join(f'last_over_time({s}[{span_text(FRESH)}])' for s in seen)})"
    total = _counted(indicator.total, known)
    part = _counted(indicator.bad or indicator.good, known)
    rest = f"({total}) - ({part})"
    good, bad = (rest, part) if indicator.bad else (part, rest)
    return [
        Rule(GAUGES["good"].recorded, good, labels),
        Rule(GAUGES["bad"].recorded, bad, labels),
        Rule(GAUGES["known"].recorded, known, labels),
    ]


def _counted(counters: str, known: str) -> str:
    """Return what some counters counted in the last minute; none where the target was read and has no such series."""
    return each(counters, lambda s: f"(sum({_increment(s)}) or 0 * {known})")


def _increment(series: str) -> str:
    """Return what each series counted in the last minute, unextrapolated.

    The difference to the reading a minute before; a counter that fell counts whole, and so does one that was not there
    while its target was read.
    """
    before = f"last_over_time({series}[{span_text(BRIDGED)}] offset 1m)"
    return (
        f"({series} - {before} >= 0) or ({series} < {before}) or ({series} and on (job, instance) (up offset 1m == 1))"
    )


def window_seconds(window: timedelta) -> str:
    """Return the range that holds exactly the minutes of a window, at whole minutes.

    Example:
        >>> window_seconds(timedelta(hours=1))
        '3599s'
    """
    return f"{window // timedelta(seconds=1) - 1}s"


def lookbacks(found: Exported) -> list[timedelta]:
    """Return the windows that are summed, shortest first: the standard ones, the policy's, and the rolling period."""
    windows = {duration(w) for w in BURN_WINDOWS}
    if found.policy:
        windows |= {w for r in found.policy.rules for w in (r.short, r.long)}
        windows |= {r.long for r in found.policy.counts}
    if isinstance(found.objective.window, RollingWindow):
        windows.add(found.objective.window.length)
    return sorted(windows)


def sums(found: Exported, kind: str, window: timedelta) -> str:
    """Return the selector of a recorded window's sum, kind "good", "bad" or "known"."""
    return selector(f"nines:sli_window:{kind}", {**own_labels(found), "window": span_text(window)})


def _windows(found: Exported) -> list[Rule]:
    rules = []
    for window in lookbacks(found):
        labels = {**own_labels(found), "window": span_text(window)}
        for kind in ("good", "bad", "known"):
            expr = f"sum without (job, instance) (sum_over_time({_ranged(found, kind, window)}))"
            rules.append(Rule(f"nines:sli_window:{kind}", expr, labels))
    budget = found.budget
    for window in lookbacks(found):
        labels = {**own_labels(found), "window": span_text(window)}
        good, bad, known = (sums(found, k, window) for k in ("good", "bad", "known"))
        total = f"({good} + {bad} > 0)"
        rules.append(Rule("nines:slo:sli", f"{good} / {total}", labels))
        rules.append(Rule("nines:slo:coverage", f"{known} / {window // MINUTE}", labels))
        if budget:
            over, under = budget.denominator, budget.numerator
            rules.append(Rule("nines:slo:burn_rate", f"{bad} * {over} / ({total} * {under})", labels))
    if budget and isinstance(found.objective.window, RollingWindow):
        rate = selector(
            "nines:slo:burn_rate", {**own_labels(found), "window": span_text(found.objective.window.length)}
        )
        rules.append(Rule("nines:slo:budget_remaining", f"1 - {rate}", own_labels(found)))
    return rules


def _alerts(found: Exported, policy: BurnPolicy) -> list[Rule]:
    made = [_burn_alert(found, policy, rule) for rule in policy.rules]
    made += [_count_alert(found, rule) for rule in policy.counts]
    return [*made, _blind(found)]


def _marks(found: Exported, severity: str, rule: str) -> dict[str, str]:
    return {**dict(found.objective.labels), **own_labels(found), "severity": severity, "rule": rule}


def _burn_alert(found: Exported, policy: BurnPolicy, rule: BurnRule) -> Rule:
    nominal = found.objective.window.nominal
    factor = rule.factor(nominal)
    sides = [_over(found, policy, w, factor) for w in (rule.long, rule.short)]
    least = policy.low_traffic.least_bad
    if least > 1:
        sides.append(f"({sums(found, 'bad', rule.long)} >= {least})")
    expr = "\nand ignoring (window)\n".join(sides)
    text = f"{found.objective.key} burns its budget at {number_text(float(factor))} times what it allows, over "
    text += f"{span_text(rule.long)} and {span_text(rule.short)}"
    marks = _marks(found, rule.severity, rule.name)
    return Rule("NinesBudgetBurn", expr, marks, alert=True, annotations={"summary": text}, lasts=rule.lasts)


def _over(found: Exported, policy: BurnPolicy, window: timedelta, factor: Fraction) -> str:
    """Return whether a window burns fast enough, in whole numbers: bad x d over n x all events, for the rate n/d."""
    share = factor * found.budget
    good, bad = sums(found, "good", window), sums(found, "bad", window)
    sign = ">=" if policy.comparison == "gte" else ">"
    whole = f"{bad} * {share.denominator} {sign} {share.numerator} * ({good} + {bad} > 0)"
    if policy.least_coverage:
        least = policy.least_coverage
        whole += f" and {sums(found, 'known', window)} * {least.denominator} >= {least.numerator * (window // MINUTE)}"
    return f"({whole})"


def _count_alert(found: Exported, rule: CountRule) -> Rule:
    text = {"summary": f"{found.objective.key} had {rule.bad} or more bad units within {span_text(rule.long)}"}
    expr, marks = f"{sums(found, 'bad', rule.long)} >= {rule.bad}", _marks(found, rule.severity, rule.name)
    return Rule("NinesBadCount", expr, marks, alert=True, annotations=text, lasts=rule.lasts)


def _blind(found: Exported) -> Rule:
    """Return the alert for ten minutes of which nothing is known."""
    read = _ranged(found, "known", 10 * MINUTE)
    expr = f"absent_over_time({read})"
    if not isinstance(found.indicator, CounterIndicator):
        expr += f" or (sum_over_time({read}) == 0)"
    text = {"summary": f"nothing was measured for {found.objective.key} in ten minutes"}
    return Rule("NinesBlind", expr, _marks(found, "ticket", "blind"), alert=True, annotations=text)
