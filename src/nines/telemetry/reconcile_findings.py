"""What a comparison of two sources comes to, told with its evidence and the cells that carry it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from nines.showing import percent
from nines.telemetry.reconcile_capture import LEAST_CAPTURE, Capture, Side, could_explain
from nines.telemetry.reconcile_cells import Cell, Tally
from nines.telemetry.reconcile_compare import CellComparison
from nines.telemetry.reconcile_overall import Comparison, Weights, Whole

Kind = Literal["capture-loss", "blind-spot", "probe-fault", "mix", "agree", "cannot-tell"]
#: What the dimensions of a cell are called.
Names = tuple[str, str, str]
NAMES: Names = ("route", "region", "device")
#: Cells named in a sentence; all stand in the finding.
_NAMED = 3
_HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that holds of two sources.

    Attributes:
        kind: "blind-spot" (users fare worse than the probes show), "probe-fault" (the probes fare worse than users),
            "mix" (cells agree, but the sources weigh them differently), "capture-loss" (a source misses events and is
            not trusted), "agree" or "cannot-tell".
        reason: one sentence without a full stop.
        cells: the cells that carry it; () where only the whole shows it.
        evidence: the figures, one sentence each.
        difference: users' good ratio less the probes' over what carries it, exact; None for a loss.
        more: how many times as much data would decide, for "cannot-tell"; None when nobody would wait so long.
        untrusted: source not to be trusted, for "capture-loss"; else "".
    """

    kind: Kind
    reason: str
    cells: tuple[Cell, ...] = ()
    evidence: tuple[str, ...] = ()
    difference: Fraction | None = None
    more: float | None = None
    untrusted: Side | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Words:
    """How differences are told: against the budget.

    Attributes:
        target: good ratio aimed at, 0 < T < 1.
        names: what the three dimensions of a cell are called.
    """

    target: Fraction
    names: Names = NAMES

    def points(self, difference: Fraction) -> str:
        """Return a difference of ratios in points and in budgets, without its sign."""
        budgets = abs(difference) / (1 - self.target)
        return f"{_short(abs(difference) * _HUNDRED)} points, {_short(budgets)} times the budget"

    def cell(self, found: CellComparison) -> str:
        """Return what one cell shows."""
        return (
            f"{found.cell}: users {self.ratio(found.users)}, probes {self.ratio(found.probes)}, difference "
            f"{_signed(found.difference)} points, {_interval(found.low, found.high, found.confidence)}"
            + (f", carried by {len(found.bursts)} of {len(found.users.blocks)} blocks of time" if found.bursts else "")
        )

    def ratio(self, tally: Tally) -> str:
        """Return a good ratio with its counts."""
        return f"{percent(tally.ratio, against=self.target)} of {tally.total}"

    def overall(self, name: str, found: Comparison) -> str:
        """Return what the whole shows."""
        return f"{name}: {_signed(found.difference)} points, {_interval(found.low, found.high, found.confidence)}"


def loss_finding(side: Side, losses: Sequence[Capture]) -> Finding:
    """Return that a source misses events.

    Args:
        side: which source.
        losses: where, at least one.
    """
    name = {"users": "beacons per page the servers answered", "probes": "results per try scheduled"}[side]
    cells = tuple(c.cell for c in losses if c.cell is not None)
    below = [c for c in losses if not c.falling or c.rate < LEAST_CAPTURE]
    what = f"fewer than {percent(LEAST_CAPTURE)} {name}" if below else f"{name} fall over the time"
    evidence = []
    for found in losses:
        times = ""
        if found.earlier is not None and found.later is not None:
            times = f"; first half {percent(found.earlier)}, second half {percent(found.later)}"
        where = found.cell or "all cells"
        evidence.append(f"{where}: {percent(found.rate)}, {found.heard} of {found.expected} {name}{times}")
    reason = f"{what}{_in(cells)}; what is missed is more often bad, so the {side}' ratio is too high and not trusted"
    return Finding("capture-loss", reason, cells, tuple(evidence), untrusted=side)


def cells_finding(
    kind: Kind, carrying: Sequence[CellComparison], all_cells: Sequence[CellComparison], words: Words
) -> Finding:
    """Return that one source is worse than the other in some cells.

    Args:
        kind: "blind-spot" or "probe-fault".
        carrying: the cells, at least one.
        all_cells: all cells compared, to tell what the carrying ones have in common.
        words: how to tell.
    """
    cells = tuple(c.cell for c in carrying)
    worst = max(carrying, key=lambda c: abs(c.difference))
    head = "users fare worse than the probes show" if kind == "blind-spot" else "the probes fare worse than users do"
    reason = f"{head}{_in(cells)}, by up to {words.points(worst.difference)}"
    evidence = [words.cell(c) for c in carrying]
    if kind == "probe-fault":
        missed = [c for c in carrying if c.users.expected and could_explain(c.users, c.probes)]
        evidence += [f"{c.cell}: the beacons missed would explain it, had all of them been bad" for c in missed]
    common = in_common(cells, [c.cell for c in all_cells], words.names)
    return Finding(kind, reason, cells, (*common, *evidence), worst.difference)


def spread_finding(kind: Kind, compared: Sequence[CellComparison], found: Comparison, words: Words) -> Finding:
    """Return that one source is worse over all cells though no single cell shows it.

    Args:
        kind: "blind-spot" or "probe-fault".
        compared: all cells the comparison rests on.
        found: the comparison, re-weighted.
        words: how to tell.
    """
    head = "users fare worse than the probes show" if kind == "blind-spot" else "the probes fare worse than users do"
    reason = f"{head} over all cells, by {words.points(found.difference)}; no cell alone shows it"
    seen = sum(c.users.total for c in compared)
    leading = _carrying({c.cell: c.difference * Fraction(c.users.total, seen) for c in compared}, found.difference)
    by_cell = {c.cell: c for c in compared}
    evidence = (words.overall("re-weighted", found), *(words.cell(by_cell[c]) for c in leading))
    return Finding(kind, reason, (), evidence, found.difference)


def unprobed_finding(cells: Sequence[tuple[Cell, Tally]], words: Words) -> Finding:
    """Return that users fail where no probe looks.

    Args:
        cells: the cells with the users' counts, at least one.
        words: how to tell.
    """
    names = tuple(c for c, _ in cells)
    evidence = tuple(f"{cell}: users {words.ratio(tally)}, no probe" for cell, tally in cells)
    return Finding("blind-spot", f"users miss the target where no probe looks{_in(names)}", names, evidence)


def mix_finding(compared: Sequence[CellComparison], found: Whole, words: Words) -> Finding:
    """Return that the sources differ by what they weigh, not by what they see.

    Args:
        compared: the cells the comparison rests on.
        found: the comparison of the whole.
        words: how to tell.
    """
    ours, theirs = found.users_share, found.probes_share
    mean = Fraction(sum(c.probes.bad for c in compared), sum(c.probes.total for c in compared))
    parts = {
        c.cell: (theirs[c.cell] - ours[c.cell]) * (Fraction(c.probes.bad, c.probes.total) - mean) for c in compared
    }
    carrying = _carrying(parts, found.mix.difference)
    dimension, value = _telling_dimension(compared, found, words.names)
    reason = (
        f"the sources differ by {words.points(found.crude.difference)} as they stand and agree once the probes are "
        f"re-weighted to the users' mix; {value or 'the mix of ' + dimension + 's'} tells most of it"
    )
    evidence = (
        words.overall("as they stand", found.crude),
        words.overall("re-weighted", found.reweighted),
        words.overall("the mix alone", found.mix),
        *(f"{cell}: {percent(ours[cell])} of users' events, {percent(theirs[cell])} of tries" for cell in carrying),
    )
    return Finding("mix", reason, carrying, evidence, found.crude.difference)


def in_common(cells: Sequence[Cell], everything: Sequence[Cell], names: Names = NAMES) -> tuple[str, ...]:
    """Return what some cells have in common that not all have, one sentence per dimension.

    Args:
        cells: those that carry a finding.
        everything: all that were compared.
        names: what the dimensions are called.

    Example:
        >>> in_common([Cell("/", "eu"), Cell("/buy", "eu")], [Cell("/", "eu"), Cell("/buy", "eu"), Cell("/", "us")])
        ('all in region eu: 2 of its 2 cells',)
    """
    said = []
    for at, name in enumerate(names):
        values = {c[at] for c in cells}
        if len(values) == 1 and len({c[at] for c in everything}) > 1:
            value = values.pop()
            said.append(f"all in {name} {value}: {len(cells)} of its {sum(c[at] == value for c in everything)} cells")
    return tuple(said)


def _carrying(parts: dict[Cell, Fraction], whole: Fraction) -> tuple[Cell, ...]:
    """Return the fewest cells that make at least half of the whole."""
    sign, chosen, made = (1 if whole > 0 else -1), [], Fraction(0)
    for cell in sorted(parts, key=lambda c: (-sign * parts[c], c)):
        if sign * made * 2 >= abs(whole):
            break
        chosen.append(cell)
        made += parts[cell]
    return tuple(chosen)


def _telling_dimension(compared: Sequence[CellComparison], found: Whole, names: Names) -> tuple[str, str]:
    """Return the dimension whose mix alone tells most, and its most shifted value in words."""
    best, name, value = Fraction(-1), "", ""
    for at, dimension in enumerate(names):
        made, shifts = Fraction(0), {}
        for key in sorted({c.cell[at] for c in compared}):
            group = [c for c in compared if c.cell[at] == key]
            seen = sum((found.users_share[c.cell] for c in group), Fraction(0))
            tried = sum((found.probes_share[c.cell] for c in group), Fraction(0))
            made += (tried - seen) * Fraction(sum(c.probes.bad for c in group), sum(c.probes.total for c in group))
            shifts[key] = (seen - tried, seen, tried)
        told = made if found.mix.difference > 0 else -made
        if told > best:
            key = max(shifts, key=lambda k: (abs(shifts[k][0]), shifts[k][1]))
            best, name = told, dimension
            value = (
                f"{dimension} {key} ({percent(shifts[key][1])} of users' events, {percent(shifts[key][2])} of tries)"
            )
    return name, value


def _in(cells: Iterable[Cell]) -> str:
    names = [str(c) for c in cells]
    if not names:
        return ""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return " in " + ", ".join(names[:_NAMED]) + more


def _short(value: Fraction) -> str:
    return f"{float(value):.3g}"


def _signed(value: Fraction) -> str:
    return f"{float(value * _HUNDRED):+.3g}"


def _interval(low: float, high: float, confidence: float) -> str:
    return f"{confidence * _HUNDRED:.4g} % interval {low * _HUNDRED:+.3g} to {high * _HUNDRED:+.3g}"


__all__ = [
    "Finding",
    "Kind",
    "Weights",
    "Words",
    "cells_finding",
    "in_common",
    "loss_finding",
    "mix_finding",
    "spread_finding",
    "unprobed_finding",
]
