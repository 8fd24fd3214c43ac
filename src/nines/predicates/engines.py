"""Forms to SQL, one writer per engine; where engines differ, each is told what it would not do by itself.

One rule: a writer may only change how a form is written, never what it means. The meaning is that of
docs/reference/predicates; tests/predicates/test_three_engines.py holds the engines to it.
"""

from __future__ import annotations

from collections.abc import Callable

from nines.predicates.forms import (
    Among,
    Arithmetic,
    Between,
    Call,
    Choice,
    Compare,
    Constant,
    Convert,
    Entry,
    Field,
    Form,
    Kind,
    Like,
    Logic,
    Number,
    Wrap,
)
from nines.predicates.functions import EVERYWHERE, OF_SOURCES, Dialect

#: What text may say to be read as a number, in the part of regular expressions all engines share. Engines accept much
#: more (blanks, 1_000, 0x1F, inf, 1.5d), each something else; 18 digits always fit, two of exponent never overflow.
INTEGER_TEXT = "-?[0-9]{1,18}"
NUMBER_TEXT = "-?[0-9]{1,40}([.][0-9]{1,40})?([eE][-+]?[0-9]{1,2})?"

_RAW_TYPES: dict[Kind, str] = {"text": "VARCHAR", "integer": "BIGINT", "flag": "BOOLEAN"}
#: In Java, $ would leave a last line break unread.
_JAVA = "^{}\\z"
_FUNCTIONS = {**OF_SOURCES, **EVERYWHERE}


class Writer:
    """What DuckDB reads; the other engines' writers say where they differ."""

    dialect: Dialect = "duckdb"
    double = "DOUBLE"

    def write(self, form: Form) -> str:
        """Return SQL for a form, in brackets where it could come apart."""
        return self._writers[type(form)](form)

    def __init__(self) -> None:
        """Know which method writes which form."""
        self._writers: dict[type[Form], Callable[..., str]] = {
            Constant: self.constant,
            Number: self.constant,
            Field: self.field,
            Entry: self.entry,
            Compare: self.compare,
            Logic: lambda f: "(" + f" {f.op} ".join(map(self.write, f.conditions)) + ")",
            Wrap: self.wrap,
            Among: self.among,
            Between: self.between,
            Like: self.like,
            Choice: self.choice,
            Arithmetic: self.arithmetic,
            Call: self.call,
            Convert: self.convert,
        }

    def name(self, text: str) -> str:
        """Return an identifier, always quoted."""
        return '"' + text.replace('"', '""') + '"'

    def text(self, text: str) -> str:
        """Return a text literal."""
        return "'" + text.replace("'", "''") + "'"

    def integer(self, value: int) -> str:
        """Return an integer literal of 64 bits."""
        return f"({value})" if value < 0 else str(value)

    def number(self, value: float) -> str:
        """Return a literal that is a double everywhere: without an exponent it would be a decimal to some."""
        written = repr(value)
        written = written if "e" in written else written + "e0"
        return f"({written})" if value < 0 else written

    def constant(self, form: Constant) -> str:
        """Return a written value."""
        value = form.value
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, str):
            return self.text(value)
        return self.number(value) if isinstance(value, float) else self.integer(value)

    def field(self, form: Field) -> str:
        """Return a column; numbers without NaN, instants as microseconds."""
        name = self.plain(form)
        if form.kind == "number":
            return self.known(name)
        return self.microseconds(name) if form.kind == "timestamp" else name

    def plain(self, form: Field) -> str:
        """Return a column as it is stored."""
        return ".".join(map(self.name, form.name))

    def known(self, number: str) -> str:
        """Return a number with NULL for NaN."""
        return f"nullif({number}, CAST('nan' AS DOUBLE))"

    def microseconds(self, name: str) -> str:
        """Return an instant's microseconds since 1970."""
        return f"epoch_us({name})"

    def entry(self, form: Entry) -> str:
        """Return what a map holds under a key."""
        return f"{self.plain(form.of)}[{self.text(form.key)}]"

    def compare(self, form: Compare) -> str:
        """Return a comparison."""
        return f"({self.write(form.left)} {form.op} {self.write(form.right)})"

    def wrap(self, form: Wrap) -> str:
        """Return a value with its operator."""
        if form.op == "known":
            return self.known(self.write(form.part))
        if form.op == "minus":
            return f"(-{self.operand(form.part)})"
        inner = self.write(form.part)
        return f"(NOT {inner})" if form.op == "not" else f"({inner} IS NULL)"

    def among(self, form: Among) -> str:
        """Return an IN; a number's zero is compared apart, because ClickHouse's sets tell 0.0 from -0.0."""
        part = self.write(form.part)
        zero = [v for v in form.values if form.part.kind == "number" and v.value == 0]
        others = [v for v in form.values if v not in zero]
        tests = [f"({part} = {self.write(v)})" for v in zero[:1]]
        tests += [f"({part} IN ({', '.join(map(self.write, others))}))"] if others else []
        return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"

    def between(self, form: Between) -> str:
        """Return a BETWEEN."""
        return f"({self.write(form.part)} BETWEEN {self.write(form.low)} AND {self.write(form.high)})"

    def like(self, form: Like) -> str:
        """Return a LIKE whose pattern names its escape."""
        return f"({self.write(form.part)} LIKE {self.text(escaped(form))} ESCAPE '\\')"

    def choice(self, form: Choice) -> str:
        """Return a CASE, with its ELSE."""
        branches = " ".join(f"WHEN {self.write(c)} THEN {self.write(v)}" for c, v in form.branches)
        return f"(CASE {branches} ELSE {self.write(form.otherwise)} END)"

    def operand(self, form: Form) -> str:
        """Return a number inside arithmetic, where NaN may stay until the end."""
        return self.plain(form) if isinstance(form, Field) else self.write(form)

    def arithmetic(self, form: Arithmetic) -> str:
        """Return two numbers joined; dividing by zero gives NULL."""
        left, right = self.operand(form.left), self.operand(form.right)
        return f"({left} / nullif({right}, 0e0))" if form.op == "/" else f"({left} {form.op} {right})"

    def call(self, form: Call) -> str:
        """Return a function of the list."""
        arguments = [self.write(each) for each in form.arguments]
        if form.function == "||":
            return "(" + " || ".join(arguments) + ")"
        pattern = _FUNCTIONS[form.function].sql[self.dialect]
        return pattern.format(*arguments, all=", ".join(arguments))

    def convert(self, form: Convert) -> str:
        """Return a value as another kind."""
        inner = self.write(form.part)
        if form.part.kind == "raw":
            return self.of_raw(form, inner)
        if form.kind == "text":
            return self.integer_text(inner)
        if form.part.kind == "text":
            return self.read_integer(inner) if form.kind == "integer" else self.read_number(inner)
        return self.widened(inner)

    def of_raw(self, form: Convert, inner: str) -> str:
        """Return a source's own column as the kind asked for; sources are read by DuckDB alone."""
        if form.kind == "timestamp":
            return f"epoch_us(TRY_CAST({inner} AS TIMESTAMPTZ))"
        if form.kind == "number":
            return self.known(f"TRY_CAST({inner} AS DOUBLE)")
        return f"TRY_CAST({inner} AS {_RAW_TYPES[form.kind]})"

    def integer_text(self, inner: str) -> str:
        """Return an integer written out."""
        return f"CAST({inner} AS VARCHAR)"

    def widened(self, inner: str) -> str:
        """Return an integer as a number."""
        return f"CAST({inner} AS DOUBLE)"

    def read_integer(self, inner: str) -> str:
        """Return the integer a text says, or NULL."""
        return f"TRY_CAST(regexp_extract({inner}, {self.text(f'^{INTEGER_TEXT}$')}) AS BIGINT)"

    def read_number(self, inner: str) -> str:
        """Return the number a text says, or NULL."""
        return f"TRY_CAST(regexp_extract({inner}, {self.text(f'^{NUMBER_TEXT}$')}) AS DOUBLE)"


class ClickHouseWriter(Writer):
    """What ClickHouse reads otherwise."""

    dialect = "clickhouse"

    def name(self, text: str) -> str:
        """Return an identifier, where a backslash escapes."""
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def text(self, text: str) -> str:
        """Return a text literal, where a backslash escapes."""
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def integer(self, value: int) -> str:
        """Return an integer of 64 bits; a bare literal would take the smallest type, signed or not."""
        return f"toInt64({value})"

    def known(self, number: str) -> str:
        """Return a number with NULL for NaN; NaN equals nothing here, so nullIf would not see it."""
        return f"if(isNaN({number}), NULL, {number})"

    def microseconds(self, name: str) -> str:
        """Return an instant's microseconds."""
        return f"toUnixTimestamp64Micro(CAST({name} AS Nullable(DateTime64(6, 'UTC'))))"

    def entry(self, form: Entry) -> str:
        """Return what a map holds; for a missing key the type's default would come, as empty text."""
        of, key = self.plain(form.of), self.text(form.key)
        return f"if(mapContains({of}, {key}), {of}[{key}], NULL)"

    def like(self, form: Like) -> str:
        """Return a LIKE; a backslash escapes without being named."""
        return f"({self.write(form.part)} LIKE {self.text(escaped(form))})"

    def integer_text(self, inner: str) -> str:
        """Return an integer written out."""
        return f"toString({inner})"

    def widened(self, inner: str) -> str:
        """Return an integer as a number; left alone it would be compared beyond a double's precision."""
        return f"toFloat64({inner})"

    def read_integer(self, inner: str) -> str:
        """Return the integer a text says, or NULL."""
        return f"toInt64OrNull(extract({inner}, {self.text(f'^({INTEGER_TEXT})$')}))"

    def read_number(self, inner: str) -> str:
        """Return the number a text says, or NULL."""
        return f"toFloat64OrNull(extract({inner}, {self.text(f'^({NUMBER_TEXT})$')}))"


class SparkWriter(Writer):
    """What Spark reads otherwise."""

    dialect = "spark"

    def name(self, text: str) -> str:
        """Return an identifier, in back quotes."""
        return "`" + text.replace("`", "``") + "`"

    def text(self, text: str) -> str:
        """Return a text literal; `${` is kept from being a variable of the session."""
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\u0024{") + "'"

    def integer(self, value: int) -> str:
        """Return an integer of 64 bits."""
        return f"({value}L)" if value < 0 else f"{value}L"

    def known(self, number: str) -> str:
        """Return a number with NULL for NaN."""
        return f"nanvl({number}, CAST(NULL AS DOUBLE))"

    def microseconds(self, name: str) -> str:
        """Return an instant's microseconds."""
        return f"unix_micros(CAST({name} AS TIMESTAMP))"

    def like(self, form: Like) -> str:
        """Return a LIKE whose pattern names its escape."""
        return f"({self.write(form.part)} LIKE {self.text(escaped(form))} ESCAPE '\\\\')"

    def integer_text(self, inner: str) -> str:
        """Return an integer written out."""
        return f"CAST({inner} AS STRING)"

    def read_integer(self, inner: str) -> str:
        """Return the integer a text says, or NULL."""
        return f"TRY_CAST(regexp_extract({inner}, {self.text(_JAVA.format(INTEGER_TEXT))}, 0) AS BIGINT)"

    def read_number(self, inner: str) -> str:
        """Return the number a text says, or NULL."""
        return f"TRY_CAST(regexp_extract({inner}, {self.text(_JAVA.format(NUMBER_TEXT))}, 0) AS DOUBLE)"


def escaped(form: Like) -> str:
    r"""Return a pattern in which a backslash stands before %, _ and \ that mean themselves.

    Example:
        >>> escaped(Like("flag", Field("text", ("a",)), (("text", "5"), ("text", "%"), ("any", "%"))))
        '5\\%%'
    """
    return "".join("\\" + t if kind == "text" and t in "%_\\" else t for kind, t in form.pattern)


WRITERS: dict[Dialect, Writer] = {"duckdb": Writer(), "clickhouse": ClickHouseWriter(), "spark": SparkWriter()}
