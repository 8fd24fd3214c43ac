"""Readers of what is true, false or NULL: logic, comparisons, IN, BETWEEN, LIKE, IS.

One rule: the word NULL stands only where it says what it looks like it says, so a comparison with it is a mistake.
"""

from __future__ import annotations

from sqlglot import exp

from nines.predicates.checking import Checker, Readers
from nines.predicates.forms import (
    Among,
    Between,
    Call,
    Comparator,
    Compare,
    Constant,
    Form,
    Like,
    Logic,
    Piece,
    Wrap,
)

_COMPARATORS: dict[type[exp.Expr], Comparator] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_BOTH = frozenset({"this", "expression"})
_PATTERN = _BOTH | {"negate"}
_FALSE, _TRUE = Constant("flag", value=False), Constant("flag", value=True)


def _logic(check: Checker, node: exp.Expr) -> Form:
    waiting, nodes = [node], []
    while waiting:
        each = waiting.pop()
        if type(each) is type(node) and check.has_only(each, _BOTH):
            waiting += [each.args["expression"], each.this]
        else:
            nodes.append(each)
    conditions = check.forms(nodes, ["flag"] * len(nodes))
    return Logic("flag", "AND" if isinstance(node, exp.And) else "OR", tuple(conditions))


def _not(check: Checker, node: exp.Expr) -> Form:
    return Wrap("flag", "not", check.of_kind(node.this, "flag"))


def _compare(check: Checker, node: exp.Expr) -> Form:
    sides = check.forms([node.this, node.args["expression"]])
    if any(side.kind == "null" for side in sides):
        raise check.wrong(node, "a comparison with NULL is never true", "write IS NULL or IS NOT NULL")
    left, right = check.alike(node, sides)
    op = _COMPARATORS[type(node)]
    if left.kind == "flag" and op not in {"=", "<>"}:
        raise check.wrong(node, "conditions have no order", "use = or <>")
    return Compare("flag", op, left, right)


def _is(check: Checker, node: exp.Expr) -> Form:
    said = node.args["expression"]
    if isinstance(said, exp.Null):
        part = check.form(node.this)
        if part.kind == "map":
            raise check.wrong(node, "a map stands where a value is needed", "name a key, as attributes['key']")
        return Wrap("flag", "is null", part)
    if not isinstance(said, exp.Boolean):
        raise check.wrong(node, "IS takes NULL, TRUE or FALSE", "use = for other values", "predicate-not-allowed")
    part = check.of_kind(node.this, "flag")
    if said.this:
        return Call("flag", "coalesce", (part, _FALSE))
    return Wrap("flag", "not", Call("flag", "coalesce", (part, _TRUE)))


def _among(check: Checker, node: exp.Expr) -> Form:
    found = check.forms([node.this, *node.expressions])
    if len(found) == 1:
        raise check.wrong(node, "IN has an empty list", "name at least one value")
    if any(form.kind == "null" for form in found):
        raise check.wrong(node, "NULL stands in an IN list or before it", "say IS NULL beside IN")
    part, *values = check.alike(node, found)
    if part.kind == "flag":
        raise check.wrong(node, "conditions stand in an IN list", "use the condition itself")
    constants = tuple(value for value in values if isinstance(value, Constant))
    if len(constants) < len(values):
        raise check.wrong(node, "an IN list holds more than written values", "use = and OR")
    return Among("flag", part, constants)


def _between(check: Checker, node: exp.Expr) -> Form:
    found = check.forms([node.this, node.args["low"], node.args["high"]])
    if any(form.kind == "null" for form in found):
        raise check.wrong(node, "NULL stands in BETWEEN", "compare with >= or <= alone")
    part, low, high = check.alike(node, found)
    if part.kind == "flag":
        raise check.wrong(node, "conditions have no order", "use = or <>")
    return Between("flag", part, low, high)


def _like(check: Checker, node: exp.Expr) -> Form:
    like = node.this if isinstance(node, exp.Escape) else node
    if not isinstance(like, exp.Like) or not check.has_only(like, _PATTERN):
        raise check.refuse(like)
    pattern, mark = like.args["expression"], node.args["expression"] if node is not like else None
    for each in (pattern, mark):
        if each is not None and not (isinstance(each, exp.Literal) and each.is_string):
            raise check.wrong(each, "a LIKE pattern and its ESCAPE are written text", "write LIKE 'a%'")
    if mark is not None and len(mark.name) != 1:
        raise check.wrong(mark, "ESCAPE takes one character", "write ESCAPE '!'")
    pieces = _pieces(pattern.name, mark.name if mark is not None else "")
    if pieces is None:
        fix = "an escape stands before %, _ or itself"
        raise check.wrong(pattern, "the escape in the LIKE pattern escapes nothing", fix)
    form = Like("flag", check.of_kind(like.this, "text"), pieces)
    return Wrap("flag", "not", form) if like.args.get("negate") else form


_WILD: dict[str, Piece] = {"%": ("any", "%"), "_": ("one", "_")}


def _pieces(pattern: str, mark: str) -> tuple[Piece, ...] | None:
    pieces: list[Piece] = []
    characters = iter(pattern)
    for each in characters:
        if mark and each == mark:
            meant = next(characters, "")
            if meant not in {"%", "_", mark} or not meant:
                return None
            pieces.append(("text", meant))
        else:
            pieces.append(_WILD.get(each, ("text", each)))
    return tuple(pieces)


CONDITIONS: Readers = {
    exp.And: (_BOTH, _logic),
    exp.Or: (_BOTH, _logic),
    exp.Not: (frozenset({"this"}), _not),
    **dict.fromkeys(_COMPARATORS, (_BOTH, _compare)),
    exp.Is: (_BOTH, _is),
    exp.In: (frozenset({"this", "expressions"}), _among),
    exp.Between: (frozenset({"this", "low", "high"}), _between),
    exp.Like: (_PATTERN, _like),
    exp.Escape: (_BOTH, _like),
}
