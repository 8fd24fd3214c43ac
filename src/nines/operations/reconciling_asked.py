"""What is asked of a reconciliation: which SLIs, by what, over which time, against which target.

One rule: every mistake of a question is told at once, and whatever was not said is chosen by a stated rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from fractions import Fraction

from nines.definitions.load import Definitions
from nines.errors import InputError, NotFoundError, Problem
from nines.objectives.indicator import (
    CombinedIndicator,
    EventIndicator,
    Indicator,
    QuorumIndicator,
    SampleIndicator,
    members,
)
from nines.objectives.method import Occurrences
from nines.predicates import Key, parse_key
from nines.spans import minute_of

Counted = EventIndicator | SampleIndicator
#: How much time is looked at unless it is said, and how much at most.
USUAL, LONGEST = timedelta(days=7), timedelta(days=92)
#: Minutes of a block of time, and blocks there are at least where the time is short.
BLOCK, LEAST = 60, 14
#: What the usual dimensions are read from unless it is said.
READ_FROM = {"route": "operation", "region": "coalesce(region, site)", "device": "attributes['device']"}
#: Dimensions a cell has at most.
MOST = 3
_NAMED = re.compile(r"\s*([A-Za-z_][\w.-]*)\s*=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dimension:
    """What must be equal for two measurements to be comparable.

    Attributes:
        name: what it is called.
        key: what is read from a row.
    """

    name: str
    key: Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked.

    Attributes:
        users: name of an SLI that counts what users had; or of a combination, whose two sides are taken.
        probes: name of an SLI that counts tries; "" for a combination.
        expected: name of an SLI whose events are what users should have been heard of, as pages answered; or "".
        by: dimensions, parted by commas, each a name or NAME=KEY; "" for one cell.
        by_probes: dimensions that the tries' rows say in another way, as NAME=KEY; or "".
        start: first instant; seven days before the end unless given.
        end: instant after the last; `at` unless given.
        target: good ratio the difference is held against, or None for that of an objective.
    """

    users: str
    probes: str = ""
    expected: str = ""
    by: str = "route,region,device"
    by_probes: str = ""
    start: datetime | None = None
    end: datetime | None = None
    target: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Sides:
    """The SLIs of a question.

    Attributes:
        users, probes: those held against each other.
        expected: the one that says what should have been heard, or None.
    """

    users: Counted
    probes: Counted
    expected: Counted | None


def dimensions(text: str, usual: tuple[Dimension, ...] = (), where: str = "by") -> tuple[Dimension, ...]:
    """Return the dimensions a text names.

    Args:
        text: names or NAME=KEY parted by commas; commas within brackets and quotes part nothing.
        usual: dimensions that hold where the text does not name them; it may then name no others.
        where: what to call the text in problems.

    Raises:
        InputError: a key cannot be read, a name stands twice, or there are more than three.

    Example:
        >>> [(d.name, d.key.text) for d in dimensions("route, plan=coalesce(attributes['plan'], 'free')")]
        [('route', 'operation'), ('plan', "coalesce(attributes['plan'], 'free')")]
    """
    problems: list[Problem] = []
    found: dict[str, Dimension] = {d.name: d for d in usual}
    said: set[str] = set()
    for part in _parts(text):
        named = _NAMED.fullmatch(part)
        name, key = (named[1], named[2].strip()) if named else (part, READ_FROM.get(part, part))
        if name in said or (usual and name not in found):
            what = f"{name!r} stands twice" if name in said else f"{name!r} is no dimension asked for"
            fix = "name each once" if name in said else f"name one of {', '.join(d.name for d in usual)}"
            problems.append(Problem(where, what, fix, code="bad-dimension"))
            continue
        said.add(name)
        try:
            found[name] = Dimension(name, parse_key(key, where=where))
        except InputError as error:
            problems += error.problems
    if len(found) > MOST:
        what = f"a cell has at most {MOST} dimensions, and there are {len(found)}"
        problems.append(Problem(where, what, "leave some out", code="bad-dimension"))
    if problems:
        raise InputError(*problems)
    return tuple(found.values())


def _parts(text: str) -> list[str]:
    """Return the parts between commas that stand outside brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        depth += (sign in "([") - (sign in ")]") if not quote else 0
        if sign == "," and not quote and depth <= 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def sides_of(definitions: Definitions, asked: Question) -> Sides:
    """Return the SLIs of a question.

    Args:
        definitions: in force.
        asked: names them.

    Raises:
        NotFoundError: there is none of a name.
        InputError: one counts no single events, or both sides are the same.
    """
    first = _named(definitions, asked.users)
    if not asked.probes and isinstance(first, CombinedIndicator):
        users, probes = _counted(first.users), _counted(first.probes)
    elif not asked.probes:
        fix = "name a second SLI, or one with combine"
        raise InputError(Problem(asked.users, "it is held against nothing", fix, code="one-side"))
    else:
        users, probes = _counted(first), _counted(_named(definitions, asked.probes))
    if users.identity == probes.identity:
        raise InputError(Problem(asked.users, "both sides are the same SLI", "name two", code="member-twice"))
    return Sides(users, probes, _counted(_named(definitions, asked.expected)) if asked.expected else None)


def _named(definitions: Definitions, name: str) -> Indicator:
    found = definitions.indicators.get(name)
    if found is None:
        near = get_close_matches(name, sorted(definitions.indicators), 1, 0.6)
        fix = f"did you mean {near[0]}?" if near else "`nines check` shows what the definitions hold"
        raise NotFoundError(Problem(name, "there is no such SLI in force", fix, code="no-indicator"))
    return found


def comparable(found: Indicator) -> Counted | None:
    """Return the SLI whose single events an SLI counts: itself, or what a quorum is of; None where there are none."""
    if isinstance(found, QuorumIndicator):
        found = found.of
    if isinstance(found, EventIndicator) and found.session is not None:
        return None
    return found if isinstance(found, EventIndicator | SampleIndicator) else None


def _counted(found: Indicator) -> Counted:
    of = comparable(found)
    if of is None:
        what = "it counts no single events that can be told apart by cell"
        raise InputError(Problem(found.name, what, "name an SLI with good: over rows of events", code="no-events"))
    return of


def span_of(asked: Question, at: datetime) -> tuple[int, int]:
    """Return the first grid minute of a question and the one after its last.

    Args:
        asked: says from when to when.
        at: instant asked about.

    Raises:
        InputError: the time is none, or longer than 92 days.
    """
    end = asked.end or at
    start = asked.start or end - USUAL
    if not timedelta() < end - start <= LONGEST:
        what = f"from {start.isoformat()} to {end.isoformat()} is no time, or more than {LONGEST.days} days"
        raise InputError(Problem("from", what, "ask about a shorter time that ends after it begins", code="bad-span"))
    return minute_of(start), max(minute_of(end), minute_of(start) + 1)


def block_of(minutes: int) -> int:
    """Return the minutes of a block: an hour, or so many that a shorter time has 14 blocks.

    Example:
        >>> block_of(7 * 1440), block_of(60)
        (60, 4)
    """
    return BLOCK if minutes >= BLOCK * LEAST else max(minutes // LEAST, 1)


def target_of(definitions: Definitions, sides: Sides, asked: Question, at: datetime) -> tuple[Fraction, str]:
    """Return the target the difference is held against, and the key of the objective it is taken from, or "".

    Unless it is stated, it is the strictest of the objectives over the users' SLI; where there are none, of those over
    the other.

    Args:
        definitions: in force.
        sides: the SLIs.
        asked: may state it.
        at: instant asked about.

    Raises:
        InputError: it is not between 0 and 1, or nobody says one.
    """
    if asked.target is not None:
        if not 0 < asked.target < 1:
            what, fix = f"{float(asked.target):g} leaves no budget to compare with", "give one as 99.9%"
            raise InputError(Problem("target", what, fix, code="target"))
        return asked.target, ""
    for side in (sides.users, sides.probes):
        found = [
            (o.term_at(at).target, o.key)
            for o in definitions.objectives
            if o.bound is None
            and isinstance(o.term_at(at).method, Occurrences)
            and _over(definitions, o.indicator, side)
        ]
        usable = [f for f in found if 0 < f[0] < 1]
        if usable:
            return max(usable, key=lambda f: (f[0], f[1]))
    what = f"no objective over {sides.users.name} or {sides.probes.name} says a share of events"
    raise InputError(Problem("target", what, "state one as 99.9%", code="target"))


def _over(definitions: Definitions, name: str, side: Counted) -> bool:
    found = definitions.indicators.get(name)
    return found is not None and any(m.identity == side.identity for m in members(found))
