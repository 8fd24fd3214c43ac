"""Two SLIs of one service held against each other, cell by cell: what users had and what probes show.

One rule: only what both sources say of a row makes its cell; what cannot be matched is told, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path

from nines.definitions.load import Definitions, load
from nines.errors import InputError, Problem
from nines.lake.cells import CellCounts, stored_cells
from nines.objectives.indicator import CombinedIndicator
from nines.operations.evaluating import after_last, file_rows
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.operations.reconciling_asked import (
    Counted,
    Dimension,
    Question,
    Sides,
    block_of,
    comparable,
    dimensions,
    sides_of,
    span_of,
    target_of,
)
from nines.people.rights import Principal, require
from nines.predicates import Key
from nines.spans import Span, instant_of
from nines.telemetry.datasource import DataSource
from nines.telemetry.reconcile import Cell, Reconciliation, Tally, reconcile
from nines.telemetry.reconcile_cells import tallies_of
from nines.telemetry.reconcile_findings import NAMES, Names
from nines.telemetry.series import Ints, MinuteSeries

__all__ = ["Captured", "Choices", "Question", "Report", "choices", "reconciled", "reconciled_files"]

#: Most cells that are looked at; of more those with the most events of users.
MOST_CELLS = 500
#: Counts by cell of an SLI over its source, given the dimensions and the minutes [start, end).
Fetch = Callable[[Counted, Sequence[Key], int, int], CellCounts]
_ByCell = dict[Cell, MinuteSeries]


@dataclass(frozen=True, slots=True)
class Captured:
    """How much of what happened users were heard of, in one cell.

    Attributes:
        cell: which, or None for all cells of which the expected number is known.
        heard: events heard, of whatever outcome.
        expected: events there were.
    """

    cell: Cell | None
    heard: Fraction
    expected: Fraction

    @property
    def rate(self) -> Fraction | None:
        """Events heard per event expected, >= 0, or None where none were expected."""
        return self.heard / self.expected if self.expected else None


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """Two SLIs held against each other.

    Attributes:
        sides: the SLIs.
        span: time looked at, in whole minutes.
        block: minutes of a block of time.
        names: what the dimensions of a cell are called; "" where there is none.
        folded: name of each dimension that was added up, and who does not say it.
        target: good ratio aimed at.
        objective: key of the objective it was taken from, or "".
        found: what holds.
        users: what users were counted, by cell, in units of 1/`units[0]` events.
        probes: what probes were counted, by cell, in units of 1/`units[1]` tries.
        units: units in an event, and in a try; 1 unless weights are fractions.
        captured: how much was heard, of all cells first; () where nobody says what was expected.
        data_version: last flush seen, or None for files.
        problems: what else the reader must know, and what could not be read.
    """

    sides: Sides
    span: Span
    block: int
    names: tuple[str, ...]
    folded: tuple[tuple[str, str], ...]
    target: Fraction
    objective: str
    found: Reconciliation
    users: Mapping[Cell, Tally]
    probes: Mapping[Cell, Tally]
    units: tuple[int, int]
    captured: tuple[Captured, ...]
    data_version: int | None
    problems: tuple[Problem, ...]

    @property
    def verdict(self) -> str:
        """Return "agree", "cannot-tell", or "differ" where anything was found."""
        kinds = {f.kind for f in self.found.findings}
        return "differ" if kinds - {"agree", "cannot-tell"} else "agree" if kinds == {"agree"} else "cannot-tell"


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be held against what.

    Attributes:
        names: SLIs that count single events, in order.
        pairs: SLIs with combine, each with the SLIs of its two sides, users first.
    """

    names: tuple[str, ...]
    pairs: tuple[tuple[str, str, str], ...]


def choices(house: House, who: Principal, *, at: datetime, known_at: datetime | None = None) -> Choices:
    """Return the SLIs in force that can be held against each other.

    Args:
        house: where they are defined.
        who: who is asking.
        at: instant asked about.
        known_at: as known then, or None for now.
    """
    require(who, "see")
    definitions = in_force(house, who.tenant, at=at, known_at=known_at)
    found = sorted(definitions.indicators.items())
    combined = [(n, i.users, i.probes) for n, i in found if isinstance(i, CombinedIndicator)]
    pairs = [(n, u.name, p.name) for n, u, p in combined if comparable(u) is not None and comparable(p) is not None]
    return Choices(tuple(n for n, i in found if comparable(i) is not None), tuple(pairs))


def reconciled(
    house: House, who: Principal, asked: Question, *, at: datetime, known_at: datetime | None = None
) -> Report:
    """Hold two SLIs in force against each other, from the rows at rest.

    Args:
        house: where they lie.
        who: who is asking.
        asked: which, by what, over which time.
        at: instant asked about.
        known_at: as known then, or None for all that is known.

    Raises:
        NotFoundError: there is no such SLI.
        InputError: they cannot be held against each other so; with every problem found.
    """
    require(who, "see")
    definitions = in_force(house, who.tenant, at=at, known_at=known_at)
    seq = house.lake.last_sequence() if known_at is None else house.lake.sequence_at(known_at)

    def fetch(indicator: Counted, keys: Sequence[Key], start: int, end: int) -> CellCounts:
        source = _source(definitions, indicator)
        return stored_cells(house.lake, who.tenant, indicator, source, keys, start, end, seq)

    return _report(definitions, asked, at, fetch, seq)


def reconciled_files(
    paths: Sequence[Path],
    events: Sequence[tuple[str, Path]],
    asked: Question,
    *,
    at: datetime | None = None,
    known_at: datetime | None = None,
) -> Report:
    """Hold two SLIs against each other from files alone; nothing is stored.

    Args:
        paths: files or folders of definitions.
        events: source (or "" when the definitions have only one) and file of measurements.
        asked: which, by what, over which time.
        at: instant asked about, or None for just after the last row.
        known_at: leave out rows that happened later, or None.

    Raises:
        NotFoundError: there is no such SLI.
        InputError: definitions, files or question are wrong; with every problem found.
    """
    definitions = load(paths)
    if definitions.errors:
        raise InputError(*definitions.problems)
    rows, noted = file_rows(definitions, events, known_at=known_at)

    def fetch(indicator: Counted, keys: Sequence[Key], start: int, end: int) -> CellCounts:
        found = rows.get(indicator.source)
        if found is None:
            what, fix = "no file was given for its source", f"add --events {indicator.source}=FILE"
            raise InputError(Problem(indicator.name, what, fix, code="no-events"))
        return found.by_cell(indicator, definitions.sources[indicator.source], keys, start, end)

    warned = tuple(p for found in noted.values() for p in found)
    return _report(definitions, asked, at or after_last(rows, noted), fetch, None, warned)


def _source(definitions: Definitions, indicator: Counted) -> DataSource:
    return definitions.sources.get(indicator.source) or DataSource(name=indicator.source, type="events")


@dataclass(frozen=True, slots=True)
class _Counts:
    """What one SLI counted, with what it reads its dimensions from."""

    indicator: Counted
    found: CellCounts


def _report(
    definitions: Definitions,
    asked: Question,
    at: datetime,
    fetch: Fetch,
    seq: int | None,
    warned: tuple[Problem, ...] = (),
) -> Report:
    by = dimensions(asked.by)
    by_probes = dimensions(asked.by_probes, by, "by_probes") if asked.by_probes else by
    sides, (start, end) = sides_of(definitions, asked), span_of(asked, at)
    target, objective = target_of(definitions, sides, asked, at)
    of = [(sides.users, by), (sides.probes, by_probes), *([(sides.expected, by)] if sides.expected else [])]
    counts = [_Counts(i, fetch(i, [d.key for d in dims], start, end)) for i, dims in of]
    kept, folded = _kept(by, counts)
    begun = _begun(counts, start, end)
    block = block_of(end - begun)
    blocks = [c.found.by_block(kept, begun, end, block) for c in counts]
    cells = [{_cell(words): one for words, one in series.items()} for series, _ in blocks]
    beyond = _cut(cells)
    expected = _events(cells[2]) if sides.expected else None
    (users, unit), (probes, try_unit) = tallies_of(cells[0], expected), tallies_of(cells[1])
    names = tuple(by[number].name for number in kept)
    found = reconcile(users, probes, target=target, names=_three(names))
    notes = [
        *_late(begun, start), *_unplaced(counts, blocks), *_disjoint(names, users, probes), *_many(beyond),
        *_fractions(sides, unit, try_unit),
    ]  # fmt: skip
    return Report(
        sides, Span(instant_of(begun), instant_of(end)), block, names, folded, target, objective, found, users, probes,
        (unit, try_unit), _captured(users, unit) if expected is not None else (), seq, (*warned, *notes),
    )  # fmt: skip


def _kept(by: tuple[Dimension, ...], counts: Sequence[_Counts]) -> tuple[list[int], tuple[tuple[str, str], ...]]:
    """Return the dimensions that everybody says who was heard, and the others with who does not say them."""
    heard = [c for c in counts if c.found.table.num_rows]
    silent = [", ".join(c.indicator.name for c in heard if not c.found.says(n)) for n in range(len(by))]
    kept = [n for n, who in enumerate(silent) if not who]
    return kept, tuple((by[n].name, who) for n, who in enumerate(silent) if who)


def _begun(counts: Sequence[_Counts], start: int, end: int) -> int:
    """Return from when on everybody was heard who was heard at all, whole blocks after the start.

    Like is held against like in time too: what one source saw before the other began is no difference between them.
    """
    firsts = [first for c in counts if (first := c.found.first) is not None]
    block = block_of(end - start)
    return start + (max([start, *firsts]) - start) // block * block


def _cell(words: tuple[str, ...]) -> Cell:
    return Cell(*words, *[""] * (len(Cell._fields) - len(words)))


def _three(names: tuple[str, ...]) -> Names:
    one, two, three = (*names, *NAMES[len(names) :])
    return one, two, three


def _cut(cells: Sequence[_ByCell]) -> int:
    """Leave the cells with the most events of users, and then of tries; returns how many cells are left out."""
    every = {cell for side in cells for cell in side}
    if len(every) <= MOST_CELLS:
        return 0

    def size(cell: Cell) -> tuple[int, ...]:
        of = (side.get(cell) for side in cells)
        return tuple(-int(one.good.sum() + one.bad.sum()) // one.scale if one is not None else 0 for one in of)

    for cell in sorted(every, key=lambda c: (*size(c), c))[MOST_CELLS:]:
        for side in cells:
            side.pop(cell, None)
    return len(every) - MOST_CELLS


def _events(cells: _ByCell) -> dict[Cell, Ints]:
    """Return how many events there were in each block, of whatever outcome, to the nearest one."""
    return {c: (2 * (s.good + s.bad + s.unknown) + s.scale) // (2 * s.scale) for c, s in cells.items()}


def _captured(users: Mapping[Cell, Tally], unit: int) -> tuple[Captured, ...]:
    each = [
        Captured(cell, Fraction(tally.total + tally.unknown, unit), Fraction(tally.expected, unit))
        for cell, tally in sorted(users.items())
        if tally.expected is not None
    ]
    whole = Captured(None, sum((c.heard for c in each), Fraction(0)), sum((c.expected for c in each), Fraction(0)))
    return (whole, *each)


def _late(begun: int, start: int) -> list[Problem]:
    if begun == start:
        return []
    what = f"not everybody was heard before {instant_of(begun):%Y-%m-%d %H:%M} UTC, so the time before is left out"
    return [Problem("from", what, "", "note", "cut-short")]


def _unplaced(counts: Sequence[_Counts], blocks: Sequence[tuple[object, int]]) -> list[Problem]:
    fix = "give a key with a value for them, as coalesce(region, 'elsewhere')"
    return [
        Problem(
            c.indicator.name, f"{lost} of its events do not say a dimension, and are left out", fix, "note", "no-cell"
        )
        for c, (_, lost) in zip(counts, blocks, strict=True)
        if lost
    ]


def _disjoint(names: Sequence[str], users: Mapping[Cell, Tally], probes: Mapping[Cell, Tally]) -> list[Problem]:
    """Return the dimensions of which both sources say values, and never the same one."""
    found = []
    for at, name in enumerate(names):
        ours, theirs = ({cell[at] for cell in side} for side in (users, probes))
        if ours and theirs and not ours & theirs:
            said = " and ".join(", ".join(sorted(side)[:3]) for side in (ours, theirs))
            what = f"no value is said by both: {said}"
            fix = f"leave it out of by, or say in by_probes which is which, as {name}=CASE WHEN ... THEN ... END"
            found.append(Problem(name, what, fix, "warning", "no-match"))
    return found


def _many(beyond: int) -> list[Problem]:
    what = f"{beyond} cells with the fewest events are left out; at most {MOST_CELLS} are looked at"
    return [Problem("by", what, "name fewer dimensions", "warning", "many-cells")] if beyond else []


def _fractions(sides: Sides, *units: int) -> list[Problem]:
    both = zip((sides.users, sides.probes), units, strict=True)
    return [
        Problem(side.name, f"weights are fractions: counts in findings stand in units of 1/{unit} events", "", "note")
        for side, unit in both
        if unit > 1
    ]
