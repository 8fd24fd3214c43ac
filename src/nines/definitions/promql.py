"""PromQL as nines reads it: a selector, or `sum [by]` of one, joined by + or -.

Anything richer would sum before increments are taken, which loses every reset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from nines.telemetry.readings import NAME
from nines.telemetry.selecting import Matcher, Sides, Term

_OPS: dict[str, Literal["=", "!=", "=~", "!~"]] = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}


def selectors(text: str) -> list[tuple[int, str]]:
    """Return the selectors of an expression with their sign.

    Args:
        text: PromQL.

    Returns:
        (+1 or -1, selector without a range), in order.

    Raises:
        ValueError: it cannot be parsed, or is richer than sums of selectors.

    Example:
        >>> selectors('sum(a{x="1"}) - b')
        [(1, 'a{x="1"}'), (-1, 'b')]
    """
    import promql_parser

    try:
        parsed = promql_parser.parse(text)
    except Exception as error:
        msg = f"this is not PromQL: {error}"
        raise ValueError(msg) from error
    try:
        return list(_walk(parsed, 1))
    except RecursionError as error:
        msg = "it is nested too deeply"
        raise ValueError(msg) from error


def _walk(node: Any, sign: int) -> Iterator[tuple[int, str]]:  # noqa: ANN401 - the parser's own nodes
    kind = type(node).__name__
    if kind == "VectorSelector":
        if getattr(node, "offset", None) or getattr(node, "at", None):
            msg = "offset and @ cannot be read into increments"
            raise ValueError(msg)
        yield sign, node.prettify()
    elif kind == "ParenExpr" or (kind == "AggregateExpr" and str(node.op).lower().endswith("sum")):
        yield from _walk(node.expr, sign)
    elif kind == "BinaryExpr" and str(node.op) in {"+", "-"}:
        yield from _walk(node.lhs, sign)
        yield from _walk(node.rhs, sign if str(node.op) == "+" else -sign)
    else:
        msg = f"{kind} is more than a selector, or sum of one, joined by + or -"
        raise ValueError(msg)


def terms(text: str) -> tuple[Term, ...]:
    """Return the selectors of an expression as conditions on labels.

    Args:
        text: PromQL, as for `selectors`; "" gives none.

    Raises:
        ValueError: it cannot be parsed, is richer, or an expression in it cannot be read.

    Example:
        >>> [(t.sign, t.metric) for t in terms('sum(a{x=~"1|2"}) - b')]
        [(1, 'a'), (-1, 'b')]
    """
    import promql_parser

    found = []
    for sign, selector in selectors(text) if text else ():
        node: Any = promql_parser.parse(selector)
        named = [Matcher(NAME, "=", node.name)] if node.name else []
        others = [Matcher(m.name, _OPS[str(m.op)], m.value) for m in node.matchers.matchers]
        for matcher in others:
            if matcher.op in {"=~", "!~"}:
                _compiled(matcher.value)
        found.append(Term(sign, (*named, *others)))
    return tuple(found)


def _compiled(expression: str) -> None:
    try:
        re.compile(expression)
    except re.error as error:
        msg = f"{expression!r} cannot be read as an expression: {error}"
        raise ValueError(msg) from error


def sides(good: str, bad: str, total: str) -> Sides:
    """Return the counters of an indicator as terms; each text is PromQL or ""."""
    return Sides(terms(good), terms(bad), terms(total))


def selector_problem(text: str) -> str | None:
    """Return what is wrong with a counter expression, or None."""
    try:
        selectors(text)
    except ValueError as error:
        return str(error)
    return None
