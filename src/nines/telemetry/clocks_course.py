"""How the offset of two hosts went over a longer time, told so that a person can act on it.

One rule: bounds that leave no single offset are never averaged away. They are drift, a step or a wrong parent link, and
which of these is said with its proof; and no skew is claimed where the bounds contain zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from nines.errors import Problem
from nines.spans import instant_of
from nines.telemetry.clocks import RHO_PPM, Bounds, Exchanges, Interval
from nines.telemetry.clocks_drift import Line, line_of
from nines.telemetry.clocks_spans import Pairing
from nines.telemetry.clocks_steps import Breaks, Step, breaks_of
from nines.telemetry.series import Ints

#: steady: one offset fits all. drift: none does, and the clocks' rates explain it. step: a clock was set. link: one
#: fits once a few exchanges are left out, so their parent links are wrong. unbounded: one side has no bound at all.
CourseKind = Literal["steady", "drift", "step", "link", "unbounded"]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What the bounds of one pair of hosts prove over their whole time.

    Attributes:
        bounds: what was judged.
        kind: see `CourseKind`.
        whole: all bounds together; empty unless the course is steady or unbounded.
        line: a straight drift that keeps all bounds, where there is one; None for a rate that changed.
        steps: clocks that were set, by time.
        odd: rows of exchanges that contradict the rest one by one.
    """

    bounds: Bounds
    kind: CourseKind
    whole: Interval
    line: Line | None
    steps: tuple[Step, ...]
    odd: Ints


def course_of(bounds: Bounds, rho_ppm: int = RHO_PPM) -> Course:
    """Return whether one offset fits all bounds and, if none does, why.

    A straight line comes before steps: clocks may drift faster than rho. Steps and wrong links are what remains
    impossible for any two clocks of that rate; what is possible for them, and on no line, is a drift that changed.

    Args:
        bounds: of one pair of hosts.
        rho_ppm: greatest error of one clock's rate, parts per million, >= 0.
    """
    whole = bounds.within()
    none = Breaks((), bounds.low_row[:0])
    if whole.low is None or whole.high is None:
        return Course(bounds, "unbounded", whole, None, (), none.odd)
    if not whole.empty:
        return Course(bounds, "steady", whole, None, (), none.odd)
    if (line := line_of(bounds)) is not None:
        return Course(bounds, "drift", whole, line, (), none.odd)
    breaks = breaks_of(bounds, rho_ppm)
    if breaks.steps:
        return Course(bounds, "step", whole, None, breaks.steps, breaks.odd)
    rest = bounds.without(breaks.odd) if len(breaks.odd) else bounds
    if len(breaks.odd) and not rest.within().empty:
        return Course(bounds, "link", whole, None, (), breaks.odd)
    return Course(bounds, "drift", whole, line_of(rest), (), breaks.odd)


def course_problems(courses: Iterable[Course], exchanges: Exchanges, most: int = 20) -> tuple[Problem, ...]:
    """Return what to tell about some pairs of hosts; nothing for those whose bounds contain zero.

    Args:
        courses: of any number of pairs.
        exchanges: what their bounds were made from, to name wrong links.
        most: wrong links named per pair at most; the rest are counted.
    """
    told: list[Problem] = []
    for course in courses:
        where = f"clocks of {course.bounds.first} and {course.bounds.second}"
        told += _pair_problems(where, course)
        told += [_odd_link(where, exchanges.name(int(row))) for row in course.odd[:most]]
        if len(course.odd) > most:
            what = f"{len(course.odd) - most} more exchanges contradict those around them"
            told.append(Problem(where, what, "", "warning", "clock-wrong-parent"))
    return tuple(told)


def impossible_problems(pairing: Pairing, names: Iterable[str], most: int = 20) -> tuple[Problem, ...]:
    """Return the children that start before the parent that caused them, named, and how many more there are.

    Args:
        pairing: what spans showed.
        names: id of every span of the pairing, by row.
        most: children named at most.
    """
    rows = pairing.impossible.tolist()
    if not rows:
        return ()
    ids = list(names)
    first = ", ".join(ids[row] for row in rows[:most]) + (f" and {len(rows) - most} more" if len(rows) > most else "")
    what = f"{len(rows)} spans start before the span on another host that caused them: {first}"
    return (Problem("spans", what, "compare the clocks of these hosts", "warning", "span-before-its-cause"),)


def _pair_problems(where: str, course: Course) -> list[Problem]:
    whole = course.whole
    if course.kind == "step":
        return [_step(where, step) for step in course.steps]
    if course.kind == "drift":
        rate = "at a rate that changed"
        if course.line is not None:
            rate = f"at {_ppm(course.line.slowest)} to {_ppm(course.line.fastest)} ppm"
        apart = _ms((whole.low or 0) - (whole.high or 0))
        what = f"no single offset fits: bounds contradict by {apart} ms, so the clocks drifted {rate}"
        return [Problem(where, what, "judge latencies across these hosts minute by minute", "warning", "clock-drift")]
    if whole.skewed:
        what = f"the clock of {course.bounds.second} is {_reach(whole)}"
        return [Problem(where, what, "synchronise them", "warning", "clock-skew")]
    return []


def _step(where: str, step: Step) -> Problem:
    low, high = step.change.low, step.change.high
    size = f"by {_ms(low)} to {_ms(high)} ms" if low is not None and high is not None else "by an unknown amount"
    when = instant_of(step.minute).strftime("%Y-%m-%dT%H:%MZ")
    return Problem(
        where, f"a clock was set {size} at {when}", "look for a restart or a time step", "warning", "clock-step"
    )


def _odd_link(where: str, name: str) -> Problem:
    what = f"{name} contradicts the exchanges around it, so its parent link is wrong"
    return Problem(where, what, "repair how the context is passed on", "warning", "clock-wrong-parent")


def _reach(offset: Interval) -> str:
    """Return how far a clock is ahead or behind for certain, as the bounds exclude zero."""
    ahead = offset.low is not None and offset.low > 0
    least, most = (offset.low, offset.high) if ahead else (_turned(offset.high), _turned(offset.low))
    reach = f"{_ms(least)} ms or more" if most is None else f"{_ms(least)} to {_ms(most)} ms"
    return f"{'ahead' if ahead else 'behind'} by {reach}"


def _turned(nanoseconds: int | None) -> int | None:
    return None if nanoseconds is None else -nanoseconds


def _ms(nanoseconds: int | None) -> str:
    return "unknown" if nanoseconds is None else f"{nanoseconds / 1_000_000:.3f}"


def _ppm(rate: Fraction) -> str:
    return f"{float(rate * 1_000_000):.3f}"
