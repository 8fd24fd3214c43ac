"""Label sets that selectors mean: the least that makes a test's series match, and one that matches all but the bad."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

from nines.telemetry.readings import NAME
from nines.telemetry.selecting import Matcher, Sides, Term

#: Values tried for a label that must not match.
_OTHERS = ("other", "200", "0", "x")


def sample(expression: str) -> str:
    """Return a text that an expression matches as a whole.

    Raises:
        ValueError: none was found.

    Example:
        >>> sample("(5..|429)"), sample("/api.*")
        ('500', '/api')
    """
    text = _of(_parser.parse(expression))
    if re.fullmatch(expression, text) is None:
        msg = f"no text was found for {expression!r}"
        raise ValueError(msg)
    return text


def _of(parts: Any) -> str:  # noqa: ANN401 - the parser's own nodes
    return "".join(_one(op, argument) for op, argument in parts)


def _one(op: Any, argument: Any) -> str:  # noqa: ANN401
    taken = _TAKEN.get(op)
    return "" if taken is None else taken(argument)


#: Kind of a part -> what takes the least text that it matches.
_TAKEN: dict[Any, Callable[[Any], str]] = {
    ops.LITERAL: chr,
    ops.ANY: lambda _: "0",
    ops.IN: lambda a: _one(*a[0]),
    ops.RANGE: lambda a: chr(a[0]),
    ops.BRANCH: lambda a: _of(a[1][0]),
    ops.SUBPATTERN: lambda a: _of(a[-1]),
    ops.MAX_REPEAT: lambda a: _of(a[2]) * int(a[0]),
    ops.MIN_REPEAT: lambda a: _of(a[2]) * int(a[0]),
    ops.CATEGORY: lambda a: "0" if a is ops.CATEGORY_DIGIT else "a",
}


def labels_of(*terms: Term) -> dict[str, str]:
    """Return labels that every one of some terms means.

    Raises:
        ValueError: none were found.
    """
    found: dict[str, str] = {}
    matchers = [m for t in terms for m in t.matchers]
    for matcher in sorted(matchers, key=lambda m: m.op != "="):
        if matcher.op == "=" or (matcher.op == "=~" and not matcher.holds(found)):
            found[matcher.name] = matcher.value if matcher.op == "=" else sample(matcher.value)
        elif not matcher.holds(found):
            found[matcher.name] = _against(matcher)
    if not all(t.means(found) for t in terms):
        msg = "no labels were found that all selectors mean"
        raise ValueError(msg)
    return found


def _against(matcher: Matcher) -> str:
    return next((v for v in _OTHERS if matcher.holds({matcher.name: v})), "other")


def pair(sides: Sides) -> tuple[dict[str, str], dict[str, str]]:
    """Return labels of the part's series (good or bad, whichever is named) and of the rest's, of one metric or two.

    With two metrics the second is the one of everything.

    Raises:
        ValueError: a side is a sum of several, or none were found.
    """
    parts = sides.bad or sides.good
    if len(parts) != 1 or len(sides.total) != 1:
        msg = "a side is made of several selectors"
        raise ValueError(msg)
    part, total = parts[0], sides.total[0]
    if part.metric != total.metric:
        return labels_of(part), labels_of(total)
    both = labels_of(part, total)
    shared = {(m.name, m.op, m.value) for m in total.matchers}
    for matcher in (m for m in part.matchers if (m.name, m.op, m.value) not in shared and m.name != NAME):
        for value in _OTHERS:
            rest = {**both, matcher.name: value}
            if total.means(rest) and not part.means(rest):
                return both, rest
    msg = "no labels were found that tell the part from the rest"
    raise ValueError(msg)
