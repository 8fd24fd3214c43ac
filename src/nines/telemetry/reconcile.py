"""Two sources of one indicator reconciled: what probes show against what users had.

Cells of route x region x device are matched, so that like is held against like. A difference is a discrepancy only if
chance, bursts and the number of cells looked at cannot make it, and if it matters: more than a quarter of the budget.
A latency objective is compared by its good ratios too: they are the distributions of both at the threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from nines.errors import InputError, Problem
from nines.telemetry.reconcile_capture import Capture, Side, capture_losses, could_explain, more_than_expected
from nines.telemetry.reconcile_cells import Block, Cell, Tally, checked, folded, tally_of
from nines.telemetry.reconcile_compare import CellComparison, Noise, Outcome, compare, effective, noise_of
from nines.telemetry.reconcile_findings import (
    NAMES,
    Finding,
    Kind,
    Names,
    Words,
    cells_finding,
    loss_finding,
    mix_finding,
    spread_finding,
    unprobed_finding,
)
from nines.telemetry.reconcile_intervals import at_least_p
from nines.telemetry.reconcile_noise import LEAST_BLOCKS
from nines.telemetry.reconcile_overall import Comparison, Whole, whole

#: A difference matters if it is greater than this share of the budget.
MATTERS = Fraction(1, 4)
#: Chance of any false discrepancy among the cells; losses, the whole and cells without probes have it again each.
ALPHA = 0.005


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Two sources held against each other.

    Attributes:
        target: good ratio aimed at.
        margin: difference that matters, a share of the budget, exact.
        findings: what holds; at least one.
        cells: each cell that both sources counted in.
        whole: both over all these cells; None where there is none.
        losses: where a source misses events.
        unprobed: cells only users were heard in.
        unvisited: cells only probes were heard in.
        noise: how bursty both sources are.
        notes: what else the reader must know, one sentence each.
    """

    target: Fraction
    margin: Fraction
    findings: tuple[Finding, ...]
    cells: tuple[CellComparison, ...]
    whole: Whole | None
    losses: tuple[Capture, ...]
    unprobed: tuple[Cell, ...]
    unvisited: tuple[Cell, ...]
    noise: Noise
    notes: tuple[str, ...]


def reconcile(
    users: Mapping[Cell, Tally],
    probes: Mapping[Cell, Tally],
    *,
    target: Fraction,
    matters: Fraction = MATTERS,
    alpha: float = ALPHA,
    names: Names = NAMES,
) -> Reconciliation:
    """Hold what users had against what probes show, and say what the difference is.

    Args:
        users: counts of real users by cell, over one span.
        probes: counts of synthetic probes by cell, over the same span, in the same blocks of time if any.
        target: good ratio aimed at, 0 < T < 1; the budget is 1 - T.
        matters: share of the budget beyond which a difference matters, > 0.
        alpha: chance of any false discrepancy among the cells, 0 < alpha < 1.
        names: what the three dimensions of a cell are called.

    Raises:
        InputError: the target has no budget, or counts cannot be true.

    Example:
        >>> home, buy = Cell("/", "eu", "phone"), Cell("/buy", "eu", "phone")
        >>> users = {home: Tally.of(49_900, 100), buy: Tally.of(19_000, 1000)}
        >>> probes = {home: Tally.of(10_060, 20), buy: Tally.of(10_065, 15)}
        >>> [(f.kind, f.cells) for f in reconcile(users, probes, target=Fraction("0.99")).findings]
        [('blind-spot', (Cell(route='/buy', region='eu', device='phone'),))]
    """
    if not 0 < target < 1:
        raise InputError(
            Problem("target", f"{target} leaves no budget to compare with", "give one between 0 and 1", code="target")
        )
    checked(users, "users")
    checked(probes, "probes")
    margin, noise = (1 - target) * matters, noise_of(users, probes)
    losses = capture_losses(users, "users", alpha) + capture_losses(probes, "probes", alpha)
    cells = compare(users, probes, noise, margin=margin, alpha=alpha)
    both = {c.cell for c in cells}
    unprobed = {c: users[c] for c in sorted(users) if c not in both and users[c].total}
    unvisited = tuple(c for c in sorted(probes) if c not in both and probes[c].total)
    over_all = whole(cells, noise, margin=margin, alpha=alpha) if cells else None
    case = _Case(Words(target, names), margin, alpha, noise, cells, losses)
    findings = [*case.losses_found(), *case.discrepancies(), *case.unprobed(unprobed), *case.mix()]
    if not findings:
        findings = [case.nothing(over_all)]
    notes = _notes(users, probes, unprobed, unvisited, cells)
    return Reconciliation(
        target, margin, tuple(findings), cells, over_all, losses, tuple(unprobed), unvisited, noise, notes
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """What the findings rest on."""

    words: Words
    margin: Fraction
    alpha: float
    noise: Noise
    cells: tuple[CellComparison, ...]
    losses: tuple[Capture, ...]

    def losses_found(self) -> list[Finding]:
        sides: tuple[Side, Side] = ("users", "probes")
        by_side = [(side, [c for c in self.losses if c.side == side]) for side in sides]
        return [loss_finding(side, found) for side, found in by_side if found]

    def explained(self, found: CellComparison) -> bool:
        """Return whether the better source loses events, and enough of them to be as bad as the other."""
        side: Side = "users" if found.difference > 0 else "probes"
        better, worse = (found.users, found.probes) if side == "users" else (found.probes, found.users)
        lost = any(c.side == side and c.cell in {None, found.cell} for c in self.losses)
        return lost and could_explain(better, worse)

    def trusted(self) -> list[CellComparison]:
        """Return the cells in which neither source loses events; a loss seen in the whole alone may lie anywhere."""
        lossy = {c.cell for c in self.losses}
        if lossy == {None}:
            return []
        return [c for c in self.cells if c.cell not in lossy]

    def discrepancies(self) -> list[Finding]:
        """Return where users or probes are worse: by cells, else over all cells that are trusted."""
        found = []
        for outcome, kind in _KINDS:
            carrying = [c for c in self.cells if c.outcome == outcome and not self.explained(c)]
            if carrying:
                found.append(cells_finding(kind, carrying, self.cells, self.words))
        return found or self._spread()

    def _spread(self) -> list[Finding]:
        rest = self.trusted()
        if not rest:
            return []
        found = whole(rest, self.noise, margin=self.margin, alpha=self.alpha).reweighted
        if not _differs(found, self.margin) or _could_turn(rest):
            return []
        kind = _KINDS[0][1] if found.difference < 0 else _KINDS[1][1]
        return [spread_finding(kind, rest, found, self.words)]

    def unprobed(self, cells: Mapping[Cell, Tally]) -> list[Finding]:
        """Return cells without probes in which users miss the target by what matters."""
        budget, failing = 1 - self.words.target, []
        for cell, tally in cells.items():
            if Fraction(tally.bad, tally.total) - budget > self.margin:
                share = effective(tally, self.noise.users)
                if at_least_p(share, float(budget)) <= self.alpha / len(cells):
                    failing.append((cell, tally))
        return [unprobed_finding(failing, self.words)] if failing else []

    def mix(self) -> list[Finding]:
        """Return that the sources differ as they stand and agree cell by cell, where the cells do agree."""
        rest = [c for c in self.trusted() if c.outcome in {"agree", "cannot-tell"}]
        if not rest:
            return []
        found = whole(rest, self.noise, margin=self.margin, alpha=self.alpha)
        shifted = _differs(found.crude, self.margin) and _differs(found.mix, self.margin)
        same_way = (found.crude.difference > 0) == (found.mix.difference > 0)
        if not shifted or not same_way or _differs(found.reweighted, self.margin):
            return []
        return [mix_finding(rest, found, self.words)]

    def nothing(self, found: Whole | None) -> Finding:
        """Return that the sources agree, or what it would take to tell."""
        if found is None:
            return Finding("cannot-tell", "no cell holds known events of both sources")
        told, thin = found.reweighted, tuple(c.cell for c in self.cells if c.outcome == "cannot-tell")
        evidence = [self.words.overall("re-weighted", told)]
        evidence += [f"{len(thin)} of {len(self.cells)} cells cannot tell on their own"] if thin else []
        doubtful = tuple(c.cell for c in self.cells if c.doubt)
        if told.agrees and not doubtful:
            reason = f"the difference lies within {self.words.points(self.margin)}, with 95 % confidence"
            return Finding("agree", reason, (), tuple(evidence), told.difference)
        if doubtful:
            reason = "events of unknown outcome could turn the difference around; find out why they are unknown"
            return Finding("cannot-tell", reason, doubtful, tuple(evidence), told.difference)
        wait = "more data of this kind would not do" if told.more is None else f"{told.more:.1f} times as much would do"
        reason = f"too little data to show a difference within {self.words.points(self.margin)}; {wait}"
        return Finding("cannot-tell", reason, thin, tuple(evidence), told.difference, told.more)


_KINDS: tuple[tuple[Outcome, Kind], ...] = (("users-worse", "blind-spot"), ("probes-worse", "probe-fault"))


def _differs(found: Comparison, margin: Fraction) -> bool:
    return found.proved and abs(found.difference) > margin


def _could_turn(cells: Sequence[CellComparison]) -> bool:
    """Return whether unknown events of these cells, over all, could turn the sign of the difference."""
    seen = sum(c.users.total for c in cells)
    low = high = Fraction(0)
    for c in cells:
        weight, users, probes = Fraction(c.users.total, seen), c.users, c.probes
        all_users, all_probes = users.total + users.unknown, probes.total + probes.unknown
        low += weight * (Fraction(users.good, all_users) - Fraction(probes.good + probes.unknown, all_probes))
        high += weight * (Fraction(users.good + users.unknown, all_users) - Fraction(probes.good, all_probes))
    return low <= 0 <= high


def _notes(
    users: Mapping[Cell, Tally],
    probes: Mapping[Cell, Tally],
    unprobed: Mapping[Cell, Tally],
    unvisited: Sequence[Cell],
    cells: Sequence[CellComparison],
) -> tuple[str, ...]:
    notes = []
    seen = sum(t.total for t in users.values())
    if unprobed:
        part = float(Fraction(100 * sum(t.total for t in unprobed.values()), seen))
        notes.append(f"{part:.3g} % of the users' events lie in {len(unprobed)} cells that no probe tries")
    if unvisited:
        notes.append(f"{len(unvisited)} cells are tried by probes only")
    if any(min(len(c.users.blocks), len(c.probes.blocks)) < LEAST_BLOCKS for c in cells):
        notes.append(f"some counts come in fewer than {LEAST_BLOCKS} blocks of time: bursts are not allowed for there")
    if any(len(c.users.blocks) != len(c.probes.blocks) for c in cells):
        notes.append("the sources come in different blocks of time: failures both saw at once are not matched")
    if any(c.users.expected is None for c in cells):
        notes.append("nobody says how many pages were answered: what users' beacons miss is not known")
    notes += [f"{c}: more beacons than pages answered" for c in more_than_expected(users)]
    notes += [f"{c}: more tries than scheduled" for c in more_than_expected(probes)]
    return tuple(notes)


__all__ = [
    "ALPHA",
    "MATTERS",
    "Block",
    "Cell",
    "CellComparison",
    "Comparison",
    "Finding",
    "Reconciliation",
    "Tally",
    "folded",
    "reconcile",
    "tally_of",
]
