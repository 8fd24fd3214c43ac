"""Silence that repeats what came before, beyond one tick: many minutes at once, and minutes corrected late.

Both find for each lost slice the last decided one before it, and count it where the window's reach allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nines.evaluation.sweep_fill import Facts, Move, chunks
from nines.evaluation.sweep_last import NEVER, Repeats, Seen, spans
from nines.evaluation.sweep_parts import ENDLESS, Grid
from nines.telemetry.series import Flags, Ints


def carry_on(repeats: Repeats, grid: Grid, move: Move, end: int, facts: Facts) -> None:
    """Bring what silence repeats from one end to another.

    Args:
        repeats: changed in place.
        grid: where the windows of all columns lie now.
        move: from where to where.
        end: grid minute after the last one.
        facts: the minutes that come and go.
    """
    mine, move = grid.only(repeats.which), move.only(repeats.which)
    reaches, length = mine.reaches(end), repeats.columns.length
    stale = (repeats.tail[:, 0] > NEVER) & (repeats.tail[:, 0] < reaches)
    going = ~move.anew & ((move.begins > move.old_begins) | stale)
    oldest = np.minimum(move.begins, np.maximum(reaches + (mine.phase - reaches) % length, move.first))
    starts = np.where(move.changed, oldest, np.where(going, move.old_begins, move.old_ends))
    # The last decided slice before the start: none, the head, or the tail of the window itself.
    slots = np.arange(len(starts))[:, None] + 1
    source = np.where(move.changed, -1, np.where(going, slots, 0))
    repeats.held.transpose(0, 2, 1)[move.anew | going] = 0
    relaid = move.changed[:-1].any(axis=0) if len(starts) > 1 else move.changed[-1]
    repeats.head[0, relaid] = NEVER
    head, tail = repeats.head.copy(), repeats.tail.copy()
    repeats.tail[:, 0][move.anew] = NEVER
    keys = np.stack([np.broadcast_to(length, starts.shape), starts, source])
    for key in np.unique(keys.reshape(3, -1), axis=1).T.tolist():
        active = (keys == np.array(key)[:, None, None]).all(axis=0)
        some = np.flatnonzero(active.any(axis=0))
        heads = (np.full_like(head, NEVER), head, *tail)[key[2] + 1][:, some]
        _stream(repeats, move.only(some), reaches[:, some], some, active[:, some], key[1], heads, facts)
    repeats.tail[:, 0][repeats.tail[:, 0] < reaches] = NEVER


def _stream(
    repeats: Repeats, move: Move, reaches: Ints, some: Ints, active: Flags, start: int, head: Ints, facts: Facts
) -> None:
    """Take slices into windows from a start on; `move`, `reaches`, `active` and `head` are of some columns."""
    end, columns = int(move.ends[0]), repeats.columns.take(some)
    edges = np.unique(move.begins[active])
    for low, high in pairwise([start, *edges[(edges > start) & (edges < end)].tolist(), end] if start < end else []):
        slots, places = np.nonzero(active & (move.begins == low))
        repeats.tail[slots, :, some[places]] = head[:, places].T
        counting = active & (move.begins <= low)
        for x, y in chunks(columns, low, high):
            head = _pass(
                repeats, some, Seen.of(columns.objective, facts.judged(columns, x, y)), x, head, (counting, reaches)
            )
    later = head[0] > repeats.head[0, some]
    repeats.head[:, some[later]] = head[:, later]


def _pass(repeats: Repeats, some: Ints, seen: Seen, low: int, head: Ints, into: tuple[Flags, Ints]) -> Ints:
    """Count the lost slices of a chunk in the windows they go into, and return the last decided slice after it."""
    counting, reaches = into
    length = int(repeats.columns.length[some[0]])
    last = np.where(seen.decided, np.arange(len(seen.decided))[:, None], -1)
    first = np.where(last.max(axis=0) >= 0, low + seen.decided.argmax(axis=0) * length, repeats.first[some])
    repeats.first[some] = np.minimum(repeats.first[some], first)
    if seen.lost.any():
        last = np.maximum.accumulate(last, axis=0)
        known = last >= 0
        where = np.where(known, low + last * length, head[0])
        bad = np.where(known, np.take_along_axis(seen.bad, np.maximum(last, 0), axis=0), head[1])
        for slot in np.flatnonzero(counting.any(axis=1)).tolist():
            counted = seen.lost & counting[slot] & (where >= reaches[slot])
            repeats.held[slot][:, some] += [counted.sum(axis=0), (bad * counted).sum(axis=0)]
        return np.stack([where[-1], bad[-1]])
    final = last.max(axis=0)
    bad = seen.bad[np.maximum(final, 0), np.arange(len(some))]
    return np.where(final >= 0, [low + final * length, bad], head)


@dataclass(slots=True, eq=False)
class Mend:
    """One minute corrected: what its slice was repeated for before, so that it can be told after.

    Attributes:
        repeats: changed by `after`.
        grid: of the columns concerned.
        some: these columns, among those that repeat.
        starts: where the slice of the minute begins, per column.
        earlier: the last decided slice before it.
        seen: the slice as it was before.
        end: grid minute after the last one.
        facts: the minutes.
    """

    repeats: Repeats
    grid: Grid
    some: Ints
    starts: Ints
    earlier: Ints
    seen: Seen
    end: int
    facts: Facts

    def after(self) -> None:
        """Count anew what repeats the slice, now that its minute is corrected."""
        if not len(self.some):
            return
        ends, begins, reaches = self.grid.ends(self.end), self.grid.begins(self.end), self.grid.reaches(self.end)
        follow = self.starts + self.grid.columns.length
        lost, found = self.repeats.lost_ahead(self.some, follow, ends, np.maximum(begins, follow), self.facts)
        now = _seen(self.repeats, self.some, self.starts, self.facts)
        for sign, seen in ((-1, self.seen), (1, now)):
            what = np.where(seen.decided, [self.starts, seen.bad], self.earlier)
            counted = np.where(what[0] >= reaches, lost + (seen.lost & (begins <= self.starts)), 0)
            self.repeats.held[:, :, self.some] += sign * np.stack([counted, counted * what[1]], axis=1)
        before = (begins > self.starts) & (found >= begins)
        kept = np.where(what[0] >= reaches, what[0], NEVER), np.broadcast_to(what[1], reaches.shape)
        for row in range(2):
            self.repeats.tail[:, row, self.some] = np.where(before, kept[row], self.repeats.tail[:, row, self.some])
        newest = found > self.end
        self.repeats.head[:, self.some[newest]] = what[:, newest]
        self.repeats.first[self.some] = np.minimum(
            self.repeats.first[self.some], np.where(now.decided, self.starts, ENDLESS)
        )


def mend(
    repeats: Repeats, grid: Grid, concerned: Flags, minute: int, fed: tuple[int, int, int], facts: Facts
) -> Mend | None:
    """Look at a minute that is about to be corrected.

    Args:
        repeats: what silence repeats.
        grid: of all columns.
        concerned: which of all columns are corrected.
        minute: grid minute.
        fed: grid minute fed first, the first one still in the ring, and the minute after the last.
        facts: the minutes.

    Returns:
        What `Mend.after` needs, or None when what its silence repeats has left the ring.
    """
    begin, oldest, end = fed
    some = np.flatnonzero(concerned[repeats.which])
    mine = grid.only(repeats.which[some])
    length = mine.columns.length
    starts = minute - (minute - mine.phase) % length
    reach = mine.reaches(end).min(axis=0, initial=end)
    used = (starts >= np.maximum(reach, begin)) & (starts + length <= end)
    if (used & (starts < oldest)).any():
        return None
    some, mine, starts, reach = some[used], mine.only(np.flatnonzero(used)), starts[used], reach[used]
    oldest = max(begin, oldest)
    floors = oldest + (mine.phase - oldest) % mine.columns.length
    earlier = repeats.before(some, starts, floors, facts)
    older = (reach <= floors - mine.columns.length) & (repeats.first[some] < floors)
    unsure = older & (earlier[0] == NEVER) & (repeats.head[0, some] >= starts)
    if unsure.any():
        return None
    return Mend(repeats, mine, some, starts, earlier, _seen(repeats, some, starts, facts), end, facts)


def _seen(repeats: Repeats, some: Ints, starts: Ints, facts: Facts) -> Seen:
    """Return one slice of each column."""
    size = len(some)
    found = Seen(np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.bool_))
    for place, low, high in spans(repeats.columns.length[some], starts, starts + repeats.columns.length[some]):
        columns = repeats.columns.take(some[place])
        seen = Seen.of(columns.objective, facts.judged(columns, low, high)[:, 0])
        found.decided[place], found.bad[place], found.lost[place] = seen.decided, seen.bad, seen.lost
    return found
