"""Explain a number: the steps from counts to verdict, each with its figure and the rule behind it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from nines.evaluation.standing import Outcome, Standing
from nines.showing import budget_percent, burn, count, length, percent
from nines.telemetry.settling import Settling


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an explanation.

    Attributes:
        title: what is found in this step.
        figure: the figure as shown.
        how: the rule or arithmetic in words and symbols.
    """

    title: str
    figure: str
    how: str


def explain(standing: Standing) -> tuple[Step, ...]:
    """Return the steps that lead to a standing, from the window to the fingerprint.

    Args:
        standing: the answer to explain.
    """
    outcome = standing.outcome
    steps = [
        _window(standing),
        *_waited(standing),
        *_rule(standing),
        *_counts(standing, outcome),
        *_sli(standing, outcome),
    ]
    if standing.aggregated is not None:
        figure = standing.aggregated
        shown = "unknown" if figure.value is None else f"{float(figure.value):g}"
        steps.append(
            Step(
                figure.aggregate,
                shown,
                f"of {count(figure.samples)} values; kept when {figure.op} {float(figure.bound):g}",
            )
        )
    steps += [*_budget(standing, outcome), *_without(standing)]
    steps.append(Step("verdict", standing.verdict, _why(standing)))
    version = "files read for this question" if standing.data_version is None else f"flush {standing.data_version}"
    steps.append(
        Step(
            "record",
            standing.fingerprint[:16],
            f"revision {standing.revision}, data up to {version}; equal inputs give an equal fingerprint",
        )
    )
    return tuple(steps)


def _window(standing: Standing) -> Step:
    window = standing.window
    return Step(
        "window",
        f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC",
        f"{standing.window_kind} {standing.window_label}, up to the last settled grid edge; half open",
    )


def _waited(standing: Standing) -> list[Step]:
    """Return how long the source was waited for, and what is still to come."""
    found, fresh = standing.settling, standing.newest
    if found is None:
        return []
    steps = [Step("waited for", length(found.settle) if found.settle else "nothing", _wait_rule(found))]
    if fresh is not None and fresh.biased:
        figure = fresh.figure
        here = f"{percent(figure.bad_complete, decimals=1)} of bad, {percent(figure.good_complete, decimals=1)} of good"
        ratio = f"bad there {percent(figure.seen, decimals=2)} seen, {percent(figure.ratio, decimals=2)} corrected"
        steps.append(Step("still arriving", here, f"of the last {fresh.minutes} minutes are here; {ratio}"))
    return steps


def _wait_rule(found: Settling) -> str:
    """Return in words why a source is waited for so long."""
    learnt = found.learnt
    if found.basis == "stated":
        return "the wait that the definitions state"
    if learnt is None:
        return "to be learned, but no closed hour has a row yet; the first takes two hours"
    seen = f"{count(learnt.lateness.good.total)} good and {count(learnt.lateness.bad.total)} bad events"
    of = seen if learnt.apart else f"{count(learnt.seen)} rows"
    since = f"learned from {of} of {learnt.span.start:%Y-%m-%d %H:%M} to {learnt.span.end:%Y-%m-%d %H:%M}"
    if found.basis == "capped":
        return f"{since}; 99 % take longer, but no longer wait is allowed"
    return f"{since}: then 99 % of a minute's events are here"


def _rule(standing: Standing) -> list[Step]:
    name, _, did = standing.rule.partition(": ")
    return [Step("rule", name, did)] if standing.rule else []


def _counts(standing: Standing, outcome: Outcome) -> list[Step]:
    counts = outcome.counts
    steps = [
        Step("good", count(counts.good), "events the indicator calls good"),
        Step("bad", count(counts.bad), "events it calls bad"),
    ]
    if counts.unknown:
        steps.append(Step("unknown", count(counts.unknown), "events it could not judge; neither good nor bad"))
    if counts.excluded or standing.exclusions:
        steps.append(Step("excluded", count(counts.excluded), ", ".join(standing.exclusions)))
    steps.append(Step("coverage", percent(outcome.coverage), "known share of the minutes that count"))
    return steps


def _sli(standing: Standing, outcome: Outcome) -> list[Step]:
    units = f"{count(outcome.units_good)} / ({count(outcome.units_good)} + {count(outcome.units_bad)}) {standing.unit}"
    steps = [Step("SLI", percent(outcome.sli, against=standing.target), f"{standing.method}: {units}")]
    if outcome.bounds is not None and outcome.bounds.low != outcome.bounds.high:
        bounds = outcome.bounds
        steps.append(
            Step(
                "bounds",
                f"{percent(bounds.low)} to {percent(bounds.high)}",
                "if all that is unknown was bad, or all of it good",
            )
        )
    found = standing.interval
    if found is not None:
        low, high = Fraction(found.low), Fraction(found.high)
        sure = f"{percent(found.confidence, decimals=0)} interval: counts are of kept events times their weights"
        steps.append(Step("interval", f"{percent(low)} to {percent(high)}", sure))
    return steps


def _budget(standing: Standing, outcome: Outcome) -> list[Step]:
    period = outcome.period
    if period is None:
        return []
    rate = standing.burn_rates.get("1h")
    steps = [
        Step("target", percent(standing.target), f"budget b = 1 - T = {percent(1 - standing.target, decimals=4)}"),
        Step("allowed", count(period.allowed), f"b x N, N = {count(period.expected_units)}: {period.basis}"),
        Step("spent", f"{count(period.spent)} ({_share(period.spent_ratio)})", "bad units of the window"),
        Step("left", _left(outcome), "1 - spent / allowed; negative when overspent"),
        Step("to date", _share(outcome.to_date_ratio), "bad share so far / b: the pace, not the spending"),
    ]
    if rate is not None:
        steps.append(Step("burn 1h", burn(rate.rate), "bad share of the last hour / b"))
    if standing.exhaustion is not None:
        gone = standing.exhaustion.at
        steps.append(
            Step("runs out", f"{gone:%Y-%m-%d %H:%M} UTC" if gone else "not at this rate", standing.exhaustion.formula)
        )
    return steps


def _left(outcome: Outcome) -> str:
    """Return the share of the budget left; nothing known leaves nothing to say."""
    if outcome.sli is None or outcome.period is None:
        return "unknown"
    return budget_percent(outcome.period.remaining_ratio)


def _share(value: Fraction | None) -> str:
    return "no ratio: nothing is allowed" if value is None else percent(value, decimals=1)


def _without(standing: Standing) -> list[Step]:
    if not standing.exclusions:
        return []
    plain = standing.without_exclusions
    return [
        Step(
            "without exclusions",
            percent(plain.sli, against=standing.target),
            "the same figures as if nothing were excluded",
        )
    ]


def _why(standing: Standing) -> str:
    return {
        "met": "even the worst case of what is unknown keeps the promise",
        "missed": "even the best case of what is unknown breaks it",
        "at-risk": "kept so far, but less than a quarter of the budget is left or it runs out within 72 hours",
        "unknown": "what is unknown could turn it either way, or nothing is known",
    }[standing.verdict]
