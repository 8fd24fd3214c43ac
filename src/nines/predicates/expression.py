"""Predicates, values, keys and column expressions: text that was checked, ready to be written for an engine.

One rule: an expression that exists is right. Whoever holds one can write it for every engine without asking again.
"""

from __future__ import annotations

from dataclasses import dataclass

from nines.errors import InputError, Problem
from nines.predicates.checking import Checker
from nines.predicates.conditions import CONDITIONS
from nines.predicates.engines import WRITERS
from nines.predicates.forms import Entry, Field, Form, Wrap, walk
from nines.predicates.functions import Dialect
from nines.predicates.kinds import WORDS
from nines.predicates.names import EventNames, Names, SourceNames
from nines.predicates.syntax import tree
from nines.predicates.values import VALUES

#: Most places a form may be evaluated at once written out, by engines that need a value twice.
_HEAVIEST = 10_000
_READERS = {**CONDITIONS, **VALUES}


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression over the columns of an event.

    Attributes:
        text: as it was written.
        form: what it means.
    """

    text: str
    form: Form

    @property
    def columns(self) -> frozenset[str]:
        """Event columns it reads, by short name."""
        return frozenset(f.name[0] for f in walk(self.form) if isinstance(f, Field))

    @property
    def attributes(self) -> frozenset[str]:
        """Keys of `attributes` it reads."""
        return frozenset(f.key for f in walk(self.form) if isinstance(f, Entry))

    def sql(self, dialect: Dialect = "duckdb") -> str:
        """Return SQL for an engine: complete in itself, identifiers quoted, NULL and NaN alike everywhere.

        Args:
            dialect: "duckdb", "clickhouse" or "spark".

        Example:
            >>> parse("http_status < 500").sql("spark")
            '(`http_status` < 500L)'
        """
        return WRITERS[dialect].write(self.form)


@dataclass(frozen=True, slots=True)
class Predicate(Expression):
    """A condition over an event: true, false, or NULL when the event does not say.

    As `where`, NULL is out of scope; as `good`, NULL makes the event unknown.
    """


@dataclass(frozen=True, slots=True)
class Value(Expression):
    """A number taken from an event; NULL when the event has none (NaN is none)."""


@dataclass(frozen=True, slots=True)
class Key(Expression):
    """Text or an integer that tells things apart; NULL when the event does not say."""


@dataclass(frozen=True, slots=True)
class ColumnExpression(Expression):
    """An expression over a source's own columns, for DuckDB, which reads all files."""

    def sql(self, dialect: Dialect = "duckdb") -> str:
        r"""Return SQL for DuckDB; an instant is a TIMESTAMPTZ, a bare column is left as it is.

        Example:
            >>> column_expression("split_part(path, '?', 1)").sql()
            'split_part(TRY_CAST("path" AS VARCHAR), \'?\', CAST(1 AS BIGINT))'
        """
        if dialect != "duckdb":
            raise InputError(Problem("", f"a source's columns are read by DuckDB, not {dialect}", "use duckdb"))
        written = WRITERS[dialect].write(self.form)
        return f"make_timestamptz({written})" if self.form.kind == "timestamp" else written


def parse(text: str, *, where: str = "") -> Predicate:
    """Return the predicate a text says.

    Args:
        text: SQL condition over the columns of `nines.objectives.event`, at most 4,000 characters.
        where: place to name in problems, as "slo.yaml:12".

    Raises:
        InputError: with every problem found.

    Example:
        >>> parse("http.response.status_code < 500 and duration_ms < 300").columns == {"http_status", "duration_ms"}
        True
    """
    form = _checked(text, EventNames(), where)
    if form.kind != "flag":
        raise _needs(text, where, form, "a condition", "compare it with something, as http_status < 500")
    return Predicate(text, form)


def parse_value(text: str, *, where: str = "") -> Value:
    """Return the number a text says, as for `SampleIndicator.value`.

    Args:
        text: SQL expression of type number over the event columns.
        where: as for `parse`.

    Raises:
        InputError: with every problem found.

    Example:
        >>> parse_value("TRY_CAST(attributes['queue'] AS DOUBLE)").attributes
        frozenset({'queue'})
    """
    form = _checked(text, EventNames(), where)
    if form.kind not in {"integer", "number"}:
        raise _needs(text, where, form, "a number", "read it with TRY_CAST(... AS DOUBLE)")
    return Value(text, form)


def parse_key(text: str, *, where: str = "") -> Key:
    """Return what tells things apart, as for `StateIndicator.key`: text or an integer of the event.

    Args:
        text: SQL expression of type text or integer over the event columns.
        where: as for `parse`.

    Raises:
        InputError: with every problem found.

    Example:
        >>> print(parse_key("attributes['monitor']").sql())
        "attributes"['monitor']
    """
    form = _checked(text, EventNames(), where)
    if form.kind not in {"text", "integer"}:
        raise _needs(text, where, form, "text or an integer", "name a column of text, or attributes['key']")
    return Key(text, form)


def column_expression(text: str, *, where: str = "") -> ColumnExpression:
    """Return the expression over a source's own columns that fills one event column.

    Column names are the source's; their types are not known, so each is read as what it stands beside. Functions of
    `OF_SOURCES` and division are allowed too.

    Args:
        text: name of a column or SQL expression.
        where: as for `parse`.

    Raises:
        InputError: with every problem found.
    """
    return ColumnExpression(text, _checked(text, SourceNames(), where))


def _checked(text: str, names: Names, where: str) -> Form:
    form = Checker(_READERS, names, where).form(tree(text, where))
    if _weight(form) > _HEAVIEST:
        what = "CASE and arithmetic are nested too often"
        raise InputError(Problem(where, what, "split it up", code="predicate-syntax"))
    return form


def _weight(form: Form) -> int:
    inside = 1 + sum(map(_weight, form.parts))
    return 2 * inside if isinstance(form, Wrap) and form.op == "known" else inside


def _needs(text: str, where: str, form: Form, wanted: str, fix: str) -> InputError:
    what = f"{text.strip()[:60]!r} gives {WORDS[form.kind]}, not {wanted}"
    return InputError(Problem(where, what, fix, code="predicate-type"))
