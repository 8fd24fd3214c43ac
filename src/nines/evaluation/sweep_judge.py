"""One slice, or many slices, of every column judged at once.

One rule: what a column makes of a slice is what `judge` makes of it, save for silence that repeats what came before:
there it only counts the lost slices, under `Unit.SILENT`, and `sweep_last` says what they repeat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nines.evaluation.columns import METHODS, MISSING, SHARE_BITS, Columns, Mark
from nines.objectives.method import RatioTimeslices
from nines.telemetry.series import Flags, Ints, MinuteState

#: A minute of which everything counts and everything was heard.
CLEAN = int(MinuteState.ALIVE) | int(Mark.COUNTED)
_RATIO = METHODS.index(RatioTimeslices)
_UNKNOWN, _, _GOOD, _BAD, _LAST = range(len(MISSING))
#: Products beyond this are not left to 64 bits.
_SAFE = 2**61
#: Floats tell sides apart that differ by more than this share of the total.
_APART = 2.0**-40
#: When less than this share of slices has a minute that is not clean, they are judged apart.
_FEW = 0.3


def judge_columns(columns: Columns, facts: Ints, start: int | Ints) -> Ints:
    """Judge slices of every column.

    Args:
        columns: all of one slice length.
        facts: int64 [4, minutes of a slice, columns], or [4, minutes of a slice, slices, columns]; overwritten.
        start: grid minute at which the slice begins, or int64 [slices, 1] for many.

    Returns:
        int64 [7, columns] or [7, slices, columns], rows as `Unit`. A RatioTimeslices slice is 2^SHARE_BITS units, each
        shared out.
    """
    odd = (facts[3] != CLEAN).any(axis=0)
    if not 0 < np.count_nonzero(odd) < _FEW * odd.size:
        return _judged(columns, facts, start)
    apart, starts = facts[:, :, odd], np.broadcast_to(start, odd.shape)[odd]
    facts[3] = CLEAN
    units = _judged(columns, facts, start)
    units[:, odd] = _judged(columns.take(np.nonzero(odd)[-1]), apart, starts)
    return units


def _judged(columns: Columns, facts: Ints, start: int | Ints) -> Ints:
    counts = facts[:3].sum(axis=1) if facts.shape[1] > 1 else facts[:3, 0]
    minutes = _minutes_of(facts[3])
    events = np.stack([*counts, minutes.silent, minutes.known + minutes.forced, minutes.asked, minutes.inside])
    if not columns.method.any():
        units = events
    else:
        slices = _clean_slices(columns, counts, minutes) if minutes.clean else _slices(columns, counts, minutes)
        units = slices if columns.method.all() else np.where(columns.method == 0, events, slices)
    if columns.changing:
        units = units * ((columns.since <= start) & (start < columns.until))
    held: Ints = units
    return held


@dataclass(frozen=True, slots=True, eq=False)
class _Minutes:
    """Minutes of each slice by what is known of them, and whether the slice is among the N of a window."""

    counted: Ints
    asked: Ints
    forced: Ints
    known: Ints
    silent: Ints
    bridged: Ints
    taken: Flags
    inside: Flags
    clean: bool = False


def _minutes_of(marks: Ints) -> _Minutes:
    size, *shape = marks.shape
    if (marks == CLEAN).all():  # nearly always: nothing excluded, nothing missing
        all_of_it, none = np.full(shape, size), np.zeros(shape, dtype=np.int64)
        untaken = np.zeros(shape, dtype=np.bool_)
        return _Minutes(all_of_it, all_of_it, none, all_of_it, none, none, untaken, ~untaken, clean=True)
    state = marks & 3
    counted = (marks & Mark.COUNTED) > 0
    gone = counted & ((marks & (Mark.DROPPED | Mark.SHRUNK)) > 0)
    forced = counted & ((marks & Mark.FORCED) > 0)
    plain = counted & ~gone & ~forced
    lost = (state == MinuteState.SILENT) | (state == MinuteState.BROKEN)
    whole = counted.sum(axis=0)
    shrunk = (counted & ((marks & Mark.SHRUNK) > 0)).sum(axis=0)
    return _Minutes(
        counted=whole,
        asked=(counted & ~gone).sum(axis=0),
        forced=forced.sum(axis=0),
        known=(plain & ~lost).sum(axis=0),
        silent=(plain & lost & ((marks & Mark.UNBORN) == 0)).sum(axis=0),
        bridged=(plain & (state == MinuteState.BRIDGED)).sum(axis=0),
        taken=((marks & Mark.TAKEN) > 0).sum(axis=0) > 0,
        inside=(whole > 0) & (shrunk < whole),
    )


def _clean_slices(columns: Columns, counts: Ints, minutes: _Minutes) -> Ints:
    """Return what slices add of which every minute was heard and none excluded."""
    good, bad, unknown = counts
    total = good + bad + unknown
    measured = total > 0
    ratio = columns.method == _RATIO
    least = measured & _reach(columns, good, total)
    most = least if not unknown.any() else measured & _reach(columns, good + unknown, total)
    is_good = least | (~measured & (columns.quiet == 1))
    is_bad = (measured & ~most) | (~measured & (columns.quiet == 0))
    doubt = np.where(ratio, unknown > 0, most & ~least)
    units = _shared_out(ratio, measured & ratio & (unknown == 0), good, bad, is_good & ~doubt, is_bad & ~doubt)
    return np.stack([*units, doubt, minutes.silent, minutes.asked, minutes.asked, minutes.inside])


def _slices(columns: Columns, counts: Ints, minutes: _Minutes) -> Ints:
    """Return what slices add under the slice methods."""
    good, bad, unknown = counts
    asked = minutes.inside & (minutes.asked > 0)
    whole = asked & (minutes.known + minutes.forced == minutes.asked) & (minutes.bridged == 0)
    missing = asked & ~whole & (minutes.silent + minutes.bridged > 0)
    forced = whole & (minutes.forced == minutes.asked)
    empty = whole & ~forced & (good + bad + unknown == 0)
    measured = whole & ~forced & ~empty
    quiet = empty & ~minutes.taken
    least, most = _reach(columns, good, good + bad + unknown), _reach(columns, good + unknown, good + bad + unknown)
    ratio = columns.method == _RATIO
    is_good = forced | (quiet & (columns.quiet == 1)) | (missing & (columns.missing == _GOOD))
    is_good |= measured & ~ratio & least
    is_bad = (quiet & (columns.quiet == 0)) | (missing & (columns.missing == _BAD))
    is_bad |= measured & ~ratio & ~most
    doubt = missing & (columns.missing == _UNKNOWN)
    doubt |= measured & np.where(ratio, unknown > 0, ~least & most)
    units = _shared_out(ratio, measured & ratio & (unknown == 0), good, bad, is_good, is_bad)
    known = np.where(whole | ~asked, minutes.asked, 0)
    repeating = missing & (columns.missing == _LAST)  # other slices carry their silence as units already
    return np.stack([*units, doubt, repeating, known, minutes.asked, minutes.inside])


def _shared_out(ratio: Flags, shares: Flags, good: Ints, bad: Ints, is_good: Flags, is_bad: Flags) -> tuple[Ints, Ints]:
    """Return good and bad units: whole slices, and slices shared out under RatioTimeslices."""
    units_good, units_bad = is_good.astype(np.int64), is_bad.astype(np.int64)
    if not ratio.any():
        return units_good, units_bad
    scale = np.where(ratio, 1 << SHARE_BITS, 1)
    part = share(np.where(shares, bad, 0), np.where(shares, good + bad, 1))
    return np.where(shares, scale - part, units_good * scale), np.where(shares, part, units_bad * scale)


def _reach(columns: Columns, good: Ints, total: Ints) -> Flags:
    """Return where good/total >= the slice target, exactly."""
    reached: Flags = good * columns.aim_denominator >= total * columns.aim_numerator
    wide = columns.wide.any()
    if not wide and int(total.max(initial=0)) * int(columns.aim_denominator.max(initial=1)) < _SAFE:
        return reached
    hard = columns.wide | (total.astype(np.float64) * columns.aim_denominator >= _SAFE)
    ahead = good - total * columns.aim
    reached = np.where(hard, ahead > 0, reached)
    near = hard & (np.abs(ahead) <= total * _APART)
    aims: npt.NDArray[np.object_] = np.broadcast_to(columns.exact, total.shape)[near]
    reached[near] = [g >= aim * t for g, t, aim in zip(good[near].tolist(), total[near].tolist(), aims, strict=True)]
    return reached


def share(part: Ints, whole: Ints) -> Ints:
    """Return part / whole in units of 2^-SHARE_BITS, rounded down, in two steps that stay within 64 bits.

    Args:
        part: int64, 0..whole.
        whole: int64, > 0.

    Example:
        >>> share(np.array([1]), np.array([4])) == 1 << 38
        array([ True])
    """
    half = SHARE_BITS // 2
    high, rest = np.divmod(part << half, whole)
    found: Ints = (high << half) + (rest << half) // whole
    large = whole > 1 << (62 - half)
    if large.any():
        found[large] = [
            (p << SHARE_BITS) // w for p, w in zip(part[large].tolist(), whole[large].tolist(), strict=True)
        ]
    return found
