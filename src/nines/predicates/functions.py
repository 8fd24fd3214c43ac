"""The functions an expression may call, as a table: what they take, what they give, how each engine writes them.

One rule: a function is on the list only if it gives the same value on every engine that may run it, for every
value; so `lower` and `upper` change A-Z only, and `round`, whose halves go three ways, is not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from nines.predicates.forms import Kind

Dialect = Literal["duckdb", "clickhouse", "spark"]
DIALECTS: tuple[Dialect, ...] = ("duckdb", "clickhouse", "spark")

_CAPITALS, _SMALL = "'ABCDEFGHIJKLMNOPQRSTUVWXYZ'", "'abcdefghijklmnopqrstuvwxyz'"


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    Attributes:
        takes: kinds of its arguments in order; "same" are values of one common kind, which it gives back.
        gives: kind of its value, or "same".
        sql: engine to text with {0}, {1} for the arguments, or {all} for all of them.
        meaning: one line for the reference.
        many: whether the last argument may be repeated.
        literal: positions of arguments that must be written text.
    """

    takes: tuple[Kind | Literal["same"], ...]
    gives: Kind | Literal["same"]
    sql: Mapping[Dialect, str]
    meaning: str
    many: bool = False
    literal: frozenset[int] = frozenset()


def _each(duckdb: str, clickhouse: str = "", spark: str = "") -> Mapping[Dialect, str]:
    return MappingProxyType({"duckdb": duckdb, "clickhouse": clickhouse or duckdb, "spark": spark or duckdb})


def _folding(old: str, new: str, clickhouse: str) -> Mapping[Dialect, str]:
    change = f"translate({{0}}, {old}, {new})"
    return _each(change, clickhouse, change)


#: Functions of predicates and values: the same on every engine.
EVERYWHERE: Mapping[str, Function] = MappingProxyType(
    {
        "lower": Function(("text",), "text", _folding(_CAPITALS, _SMALL, "lower({0})"), "A-Z turned into a-z"),
        "upper": Function(("text",), "text", _folding(_SMALL, _CAPITALS, "upper({0})"), "a-z turned into A-Z"),
        "length": Function(
            ("text",),
            "integer",
            _each("length({0})", "toInt64(lengthUTF8({0}))", "CAST(char_length({0}) AS BIGINT)"),
            "number of Unicode code points",
        ),
        "starts_with": Function(
            ("text", "text"),
            "flag",
            _each("starts_with({0}, {1})", "startsWith({0}, {1})", "startswith({0}, {1})"),
            "whether the first text begins with the second",
        ),
        "ends_with": Function(
            ("text", "text"),
            "flag",
            _each("ends_with({0}, {1})", "endsWith({0}, {1})", "endswith({0}, {1})"),
            "whether the first text ends with the second",
        ),
        "contains": Function(
            ("text", "text"),
            "flag",
            _each("contains({0}, {1})", "(position({0}, {1}) > 0)", "contains({0}, {1})"),
            "whether the second text stands somewhere in the first",
        ),
        "coalesce": Function(("same",), "same", _each("coalesce({all})"), "first value that is not NULL", many=True),
        "nullif": Function(
            ("same", "same"),
            "same",
            _each("nullif({0}, {1})", "nullIf({0}, {1})"),
            "NULL where both are equal, else the first",
        ),
        "abs": Function(("number",), "number", _each("abs({0})"), "distance from zero"),
    }
)


def _duckdb(text: str) -> Mapping[Dialect, str]:
    return MappingProxyType({"duckdb": text})


#: Functions that a source's columns may use beside those; they run on DuckDB alone.
OF_SOURCES: Mapping[str, Function] = MappingProxyType(
    {
        "split_part": Function(
            ("text", "text", "integer"),
            "text",
            _duckdb("split_part({0}, {1}, CAST({2} AS BIGINT))"),
            "piece of a text cut at a separator, counted from 1",
        ),
        "substring": Function(
            ("text", "integer", "integer"),
            "text",
            _duckdb("substring({0}, CAST({1} AS BIGINT), CAST({2} AS BIGINT))"),
            "piece of a text from a place, counted from 1, of a length",
        ),
        "replace": Function(
            ("text", "text", "text"),
            "text",
            _duckdb("replace({0}, {1}, {2})"),
            "a text with one piece replaced by another",
        ),
        "trim": Function(("text",), "text", _duckdb("trim({0})"), "a text without blanks at either end"),
        "regexp_extract": Function(
            ("text", "text", "integer"),
            "text",
            _duckdb("regexp_extract({0}, {1}, {2})"),
            "group of the first match of a regular expression (RE2), empty without one",
            literal=frozenset({1, 2}),
        ),
        "strptime": Function(
            ("text", "text"),
            "timestamp",
            _duckdb("epoch_us(try_strptime({0}, {1}))"),
            "instant read by a format; UTC unless the format has a %z",
            literal=frozenset({1}),
        ),
        "from_epoch": Function(
            ("number",), "timestamp", _duckdb("TRY_CAST(round({0} * 1e6) AS BIGINT)"), "instant from seconds since 1970"
        ),
        "from_epoch_ms": Function(
            ("number",),
            "timestamp",
            _duckdb("TRY_CAST(round({0} * 1e3) AS BIGINT)"),
            "instant from milliseconds since 1970",
        ),
        "milliseconds": Function(
            ("timestamp", "timestamp"),
            "number",
            _duckdb("(({1} - {0}) / 1e3)"),
            "milliseconds from the first instant to the second",
        ),
    }
)
