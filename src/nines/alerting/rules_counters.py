"""Counter expressions into the forms that rules need: a rate over a window, or the series one by one.

They come as `definitions.promql` lets them pass: selectors, or sums of them, joined by + and -.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

#: Where the length of a window stands in a template; written with or without blanks.
WINDOW = "{{.window}}"
_WINDOW = re.compile(r"\{\{\s*\.window\s*\}\}")
_STAND_IN = "7m7s"


def with_window(template: str, length: str) -> str:
    """Return a template with the window's length put in.

    Example:
        >>> with_window("rate(x[{{ .window }}])", "5m")
        'rate(x[5m])'
    """
    return _WINDOW.sub(length, template)


def has_window(template: str) -> bool:
    """Return whether a text has a place for the window's length."""
    return _WINDOW.search(template) is not None


def parsed(text: str) -> Any:  # noqa: ANN401 - the parser's own nodes
    """Return the syntax tree of PromQL.

    Raises:
        ValueError: it cannot be parsed.
    """
    import promql_parser

    try:
        return promql_parser.parse(text)
    except Exception as error:
        msg = f"this is not PromQL: {error}"
        raise ValueError(msg) from error


def rates(counters: str) -> str:
    """Return the rate of a counter expression over a window, as a template.

    Raises:
        ValueError: it is richer than sums of selectors.

    Example:
        >>> rates('sum(a) - b{c="d"}')
        'sum(rate(a[{{.window}}])) - sum(rate(b{c="d"}[{{.window}}]))'
    """
    return each(counters, lambda s: f"sum(rate({s}[{WINDOW}]))")


def each(counters: str, around: Callable[[str], str]) -> str:
    """Return a counter expression with each selector replaced by what is made of it.

    Args:
        counters: selectors, or sums of them, joined by + and -.
        around: selector to an expression of one number.

    Raises:
        ValueError: it is richer, or cannot be parsed.

    Example:
        >>> each("sum(a) - (b + c)", lambda s: f"f({s})")
        'f(a) - (f(b) + f(c))'
    """
    return _each(parsed(counters), around)


def _each(node: Any, around: Callable[[str], str]) -> str:  # noqa: ANN401
    kind = type(node).__name__
    if kind == "VectorSelector":
        return around(_plain(node))
    if kind == "AggregateExpr" and str(node.op) == "sum":
        inner = _each(node.expr, around)
        return inner if type(node.expr).__name__ in {"VectorSelector", "ParenExpr"} else f"({inner})"
    if kind == "ParenExpr":
        return f"({_each(node.expr, around)})"
    if kind == "BinaryExpr" and str(node.op) in {"+", "-"}:
        return f"{_each(node.lhs, around)} {node.op} {_each(node.rhs, around)}"
    msg = f"{kind} is more than a selector, or sum of one, joined by + or -"
    raise ValueError(msg)


def _plain(node: Any) -> str:  # noqa: ANN401
    text: str = node.prettify()
    return text.removesuffix("{}")


def counters(template: str) -> str:
    """Return the counters behind sums of rates: what `rates` would make the template from.

    Args:
        template: PromQL with a place for the window.

    Raises:
        ValueError: it is more than sums of rates or increases of selectors over the window, or cannot be parsed.

    Example:
        >>> counters('sum(rate(a{b="c"}[{{.window}}])) - sum(rate(d[{{.window}}]))')
        'sum(a{b="c"}) - sum(d)'
    """
    return _counters(parsed(with_window(template, _STAND_IN)))


def _counters(node: Any) -> str:  # noqa: ANN401
    kind = type(node).__name__
    if kind == "AggregateExpr" and str(node.op) == "sum" and node.modifier is None:
        if type(node.expr).__name__ == "Call" and node.expr.func.name in {"rate", "increase"}:
            ranged = node.expr.args[0]
            if type(ranged).__name__ == "MatrixSelector" and ranged.prettify().endswith(f"[{_STAND_IN}]"):
                return f"sum({_plain(ranged.vector_selector)})"
    elif kind == "ParenExpr":
        inner = _counters(node.expr)
        return f"({inner})" if type(node.expr).__name__ == "BinaryExpr" else inner
    elif kind == "BinaryExpr" and str(node.op) in {"+", "-"}:
        return f"{_counters(node.lhs)} {node.op} {_counters(node.rhs)}"
    msg = "it is more than sums of rates of selectors over the window"
    raise ValueError(msg)


def halves(template: str) -> tuple[str, str, bool] | None:
    """Return what an error ratio divides, when it is a plain ratio: part, whole, and whether the part is the good one.

    Args:
        template: PromQL with a place for the window, as A / B or 1 - (A / B).

    Returns:
        None when it is richer.

    Example:
        >>> halves("1 - (sum(rate(g[{{.window}}])) / sum(rate(t[{{.window}}])))")
        ('sum(g)', 'sum(t)', True)
    """
    try:
        node, good = _bare(parsed(with_window(template, _STAND_IN))), False
        if _is(node, "-") and type(node.lhs).__name__ == "NumberLiteral" and node.lhs.val == 1:
            node, good = _bare(node.rhs), True
        if not _is(node, "/") or (node.modifier is not None and node.modifier.matching is not None):
            return None
        return _counters(_bare(node.lhs)), _counters(_bare(node.rhs)), good
    except ValueError:
        return None


def _bare(node: Any) -> Any:  # noqa: ANN401
    while type(node).__name__ == "ParenExpr":
        node = node.expr
    return node


def _is(node: Any, op: str) -> bool:  # noqa: ANN401
    return type(node).__name__ == "BinaryExpr" and str(node.op) == op
