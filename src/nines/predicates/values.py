"""Readers of what gives a value: columns, constants, maps, arithmetic, CASE, casts and functions.

One rule: arithmetic is done in doubles, where every engine agrees to the bit; NaN never leaves it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from sqlglot import exp

from nines.predicates.checking import Checker, Readers
from nines.predicates.forms import (
    Arithmetic,
    Call,
    Choice,
    Constant,
    Entry,
    Field,
    Form,
    Kind,
    Number,
    Sign,
    Wrap,
)
from nines.predicates.kinds import CASTS, SURE, WORDS, become
from nines.predicates.names import SourceNames
from nines.reading import instant
from nines.spans import EPOCH

_GREATEST = 2**63 - 1
_MICROSECOND = timedelta(microseconds=1)
_THIS = frozenset({"this"})
_TYPES: dict[exp.DType, Kind] = {
    exp.DType.BIGINT: "integer",
    exp.DType.DOUBLE: "number",
    exp.DType.VARCHAR: "text",
    exp.DType.TEXT: "text",
}
_SOURCE_TYPES: dict[exp.DType, Kind] = _TYPES | {
    exp.DType.BOOLEAN: "flag",
    exp.DType.TIMESTAMP: "timestamp",
    exp.DType.TIMESTAMPNTZ: "timestamp",
    exp.DType.TIMESTAMPTZ: "timestamp",
}
_SIGNS: dict[type[exp.Expr], Sign] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_INSTANTS = {exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ}


def _paren(check: Checker, node: exp.Expr) -> Form:
    return check.form(node.this)


def _column(check: Checker, node: exp.Expr) -> Form:
    identifiers = [part for part in _path(node) if isinstance(part, exp.Identifier)]
    if len(identifiers) != len(_path(node)):
        raise check.wrong(node, "this names no one column", "name the column", "predicate-not-allowed")
    parts = tuple(part.name for part in identifiers)
    quoted = any(part.args.get("quoted") for part in identifiers)
    found = check.names.column(parts, quoted=quoted)
    if found is not None:
        return found
    fix = check.names.suggestion(parts)
    if quoted and len(parts) == 1:
        said = parts[0].replace("'", "''")
        fix = f"text stands in single quotes: '{said}'; if a column is meant, {fix}"
    raise check.wrong(node, f"there is no column {'.'.join(parts)}", fix, "predicate-column")


def _path(node: exp.Expr) -> list[exp.Expr]:
    return node.parts if isinstance(node, exp.Column | exp.Dot) else [node]


def _literal(check: Checker, node: exp.Expr) -> Form:
    return Constant("text", node.name) if node.args["is_string"] else _number(check, node)


def _number(check: Checker, node: exp.Expr) -> Number:
    if node.name.isdigit():
        whole = int(node.name)
        if whole <= _GREATEST:
            return Number("integer", whole)
        raise check.wrong(node, f"{node.name} is too great for an integer", "write it with an exponent, as 1e19")
    number = float(node.name)
    if math.isinf(number):
        raise check.wrong(node, f"{node.name} is too great for a number", "write a smaller one")
    return Number("number", number)


def _boolean(_check: Checker, node: exp.Expr) -> Form:
    return Constant("flag", bool(node.this))


def _null(_check: Checker, _node: exp.Expr) -> Form:
    return Constant("null", None)


def _entry(check: Checker, node: exp.Expr) -> Form:
    of = check.form(node.this)
    key = node.expressions[0] if len(node.expressions) == 1 else None
    if not isinstance(of, Field) or of.kind not in {"map", "raw"}:
        raise check.wrong(node, "only a map has keys", "write attributes['key']")
    if not isinstance(key, exp.Literal) or not key.is_string:
        raise check.wrong(node, "the key of a map is written text", "write attributes['key']")
    return Entry("text" if of.kind == "map" else "raw", of, key.name)


def _open(form: Form) -> Form:
    """Return a number for arithmetic, in which NaN may pass: the outermost step turns it into NULL."""
    return form.part if isinstance(form, Wrap) and form.op == "known" else form


def _arithmetic(check: Checker, node: exp.Expr) -> Form:
    if isinstance(node, exp.Div) and not check.names.divides:
        raise check.refuse(node)
    left, right = map(_open, check.forms([node.this, node.args["expression"]], ["number", "number"]))
    return Wrap("number", "known", Arithmetic("number", _SIGNS[type(node)], left, right))


def _minus(check: Checker, node: exp.Expr) -> Form:
    if isinstance(node.this, exp.Literal) and not node.this.is_string:
        written = _number(check, node.this)
        return replace(written, value=-written.value + 0)  # adding 0 makes of -0.0 the one zero
    return Wrap("number", "known", Wrap("number", "minus", _open(check.of_kind(node.this, "number"))))


def _joined(check: Checker, node: exp.Expr) -> Form:
    return Call("text", "||", tuple(check.forms([node.this, node.args["expression"]], ["text", "text"])))


def _choice(check: Checker, node: exp.Expr) -> Form:
    if node.this is not None and not isinstance(check.form(node.this), Field | Entry):
        # The subject is written out once per branch, so it has to be something short.
        raise check.wrong(node.this, "CASE is given an expression", "write CASE WHEN ... = ... THEN ...")
    branches, default = node.args["ifs"], node.args.get("default")
    given = [branch.args["true"] for branch in branches] + ([default] if default is not None else [])
    tests = [exp.EQ(this=node.this, expression=each.this) if node.this else each.this for each in branches]
    found = check.forms([*tests, *given], ["flag"] * len(tests))
    conditions, values = found[: len(tests)], found[len(tests) :]
    if default is None:
        values.append(Constant("null", None))
    if all(value.kind == "null" for value in values):
        raise check.wrong(node, "CASE gives nothing but NULL", "give a value in one of its branches")
    *chosen, otherwise = check.alike(node, values)
    return Choice(otherwise.kind, tuple(zip(conditions, chosen, strict=True)), otherwise)


def _cast(check: Checker, node: exp.Expr) -> Form:
    to = node.args["to"]
    sure = not isinstance(node, exp.TryCast)
    if sure and isinstance(node.this, exp.Literal) and node.this.is_string and to.this in _INSTANTS:
        return _instant(check, node)
    known = _SOURCE_TYPES if isinstance(check.names, SourceNames) else _TYPES
    kind = known.get(to.this) if check.has_only(to, frozenset({"this"})) else None
    if kind is None:
        raise check.wrong(
            node, f"there is no cast to {to.sql()}", "cast to BIGINT, DOUBLE or VARCHAR", "predicate-not-allowed"
        )
    form = check.form(node.this)
    if form.kind == kind:
        return form
    if (form.kind, kind) not in (SURE if sure else CASTS):
        if sure and (form.kind, kind) in CASTS:
            raise check.refuse(node)
        what = f"{WORDS[form.kind]} cannot be cast to {WORDS[kind]}"
        raise check.wrong(node, what, "engines disagree about it; compare the value itself")
    return become(form, kind)


def _instant(check: Checker, node: exp.Expr) -> Form:
    try:
        at = instant(node.this.name)
    except ValueError as reason:
        raise check.wrong(node, f"{reason}, in a TIMESTAMP", "write TIMESTAMP '2026-01-01T00:00:00Z'") from reason
    return Constant("timestamp", (at - EPOCH) // _MICROSECOND)


def _call(check: Checker, node: exp.Expr) -> Form:
    name = node.name.lower()
    function = check.names.functions.get(name)
    if function is None:
        raise check.refuse(node)
    given = node.expressions
    if len(given) < len(function.takes) or (len(given) > len(function.takes) and not function.many):
        what = f"{name} takes {len(function.takes)} values, not {len(given)}"
        raise check.wrong(node, what, f"it gives: {function.meaning}")
    for position in function.literal:
        if not isinstance(given[position], exp.Literal):
            raise check.wrong(given[position], f"value {position + 1} of {name} is not written out", "write a constant")
    if function.gives == "same":
        return _same(check, node, name)
    kinds = [None if taken == "same" else taken for taken in function.takes]
    return Call(function.gives, name, tuple(check.forms(given, kinds)))


def _same(check: Checker, node: exp.Expr, name: str) -> Form:
    found = check.forms(node.expressions)
    if any(form.kind == "null" for form in found):
        raise check.wrong(node, f"NULL stands in {name}", "leave it out")
    brought = check.alike(node, found)
    return Call(brought[0].kind, name, tuple(brought))


VALUES: Readers = {
    exp.Paren: (_THIS, _paren),
    exp.Column: (frozenset({"this", "table", "db", "catalog"}), _column),
    exp.Dot: (frozenset({"this", "expression"}), _column),
    exp.Literal: (frozenset({"this", "is_string"}), _literal),
    exp.Boolean: (_THIS, _boolean),
    exp.Null: (frozenset(), _null),
    exp.Bracket: (frozenset({"this", "expressions"}), _entry),
    exp.Neg: (_THIS, _minus),
    exp.Add: (frozenset({"this", "expression"}), _arithmetic),
    exp.Sub: (frozenset({"this", "expression"}), _arithmetic),
    exp.Mul: (frozenset({"this", "expression"}), _arithmetic),
    exp.Div: (frozenset({"this", "expression"}), _arithmetic),
    exp.DPipe: (frozenset({"this", "expression", "safe"}), _joined),
    exp.Case: (frozenset({"this", "ifs", "default"}), _choice),
    exp.Cast: (frozenset({"this", "to"}), _cast),
    exp.TryCast: (frozenset({"this", "to", "safe"}), _cast),
    exp.Anonymous: (frozenset({"this", "expressions"}), _call),
}
