"""What is refused on purpose, and what to write instead.

One rule: every refusal a person is likely to meet names the way out.
"""

from __future__ import annotations

from difflib import get_close_matches

from sqlglot import exp

from nines.errors import Problem
from nines.predicates.names import Names
from nines.predicates.syntax import place

_ONE_EVENT = "write one condition over the columns of an event"
_ENGINES = "engines disagree about it"

_REFUSED: tuple[tuple[tuple[type[exp.Expr], ...], str, str], ...] = (
    ((exp.Div, exp.IntDiv, exp.Mod), "division", "multiply the other side instead"),
    ((exp.Pow,), "a power", "multiply, or write the number"),
    ((exp.Query, exp.Subquery, exp.Exists, exp.Unnest), "a subquery", _ONE_EVENT),
    ((exp.Window, exp.Filter, exp.Distinct, exp.Order, exp.Star), "what looks at many rows", _ONE_EVENT),
    (
        (exp.RegexpLike, exp.RegexpILike, exp.SimilarTo, exp.Glob),
        "a regular expression",
        "use LIKE, starts_with or contains",
    ),
    ((exp.ILike,), "ILIKE", "write lower(column) LIKE '...', with the pattern in small letters"),
    ((exp.NullSafeEQ, exp.NullSafeNEQ), "a comparison that takes NULL for a value", "say IS NULL beside ="),
    ((exp.Placeholder, exp.Parameter), "a parameter", "write the value"),
    ((exp.Interval,), "an interval", "compare duration_ms with a number of milliseconds"),
    ((exp.Cast,), "this CAST", "use TRY_CAST(... AS BIGINT), DOUBLE or VARCHAR, which gives NULL where it cannot"),
    (
        (exp.ByteString, exp.RawString, exp.HexString, exp.Concat),
        "this way of writing text",
        "write 'text', with '' for a quote",
    ),
    ((exp.Tuple, exp.Array, exp.Struct), "a list", "use IN ('a', 'b')"),
    ((exp.Any, exp.All), "ANY or ALL", "use IN ('a', 'b'), or OR"),
    ((exp.Collate,), "COLLATE", "use lower(column)"),
    ((exp.Slice,), "a slice", "write attributes['key']"),
)
_MANY = frozenset(
    {"count", "sum", "avg", "mean", "min", "max", "median", "mode", "quantile", "stddev", "first", "last"}
)
_CLOCK = frozenset({"now", "today", "current_date", "current_time", "current_timestamp", "localtimestamp"})
_ROUND = frozenset({"round", "floor", "ceil", "ceiling", "trunc"})


def refusal(node: exp.Expr, names: Names, where: str) -> Problem:
    """Return the problem with a node that is not on the allow-list."""
    if isinstance(node, exp.Anonymous):
        return _function(node, names, where)
    for classes, what, fix in _REFUSED:
        if isinstance(node, classes):
            return Problem(where, f"{what} is not allowed{place(node)}", fix, code="predicate-not-allowed")
    what = type(node).__name__.upper()
    return Problem(
        where, f"{what} is not allowed{place(node)}", "see the reference of predicates", code="predicate-not-allowed"
    )


def _function(node: exp.Anonymous, names: Names, where: str) -> Problem:
    name = node.name.lower()
    near = get_close_matches(name, names.functions, n=1, cutoff=0.7)
    if near:
        fix = f"did you mean {near[0]}?"
    elif name in _MANY:
        fix = "it looks at many rows; " + _ONE_EVENT
    elif name in _CLOCK:
        fix = "a predicate says the same at any time; write TIMESTAMP '2026-01-01T00:00:00Z'"
    elif name in _ROUND:
        fix = f"{_ENGINES}; compare the number itself"
    elif name.startswith("regexp") or name.endswith("like"):
        fix = "use LIKE, starts_with or contains"
    else:
        fix = "use one of " + ", ".join(names.functions)
    return Problem(where, f"the function {name} is not on the list{place(node)}", fix, code="predicate-function")
