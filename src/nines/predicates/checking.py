"""Syntax tree to forms: the allow-list and the types.

One rule: a node passes only if its class has a reader and every detail of it is one the reader knows; all that is wrong
is collected, so that a person corrects it in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlglot import exp

from nines.errors import InputError, Problem
from nines.predicates.forms import Form, Kind
from nines.predicates.kinds import WORDS, become, common
from nines.predicates.names import Names
from nines.predicates.refusals import refusal
from nines.predicates.syntax import place

Reader = Callable[["Checker", exp.Expr], Form]
#: Class of node -> the details it may have, and what reads it.
Readers = Mapping[type[exp.Expr], tuple[frozenset[str], Reader]]


class Checker:
    """Reads nodes into forms; every reader raises InputError with all that is wrong below it.

    Attributes:
        readers: the allow-list.
        names: columns and functions allowed.
        where: place to name in problems.
    """

    def __init__(self, readers: Readers, names: Names, where: str) -> None:
        """Keep what decides."""
        self.readers = readers
        self.names = names
        self.where = where

    def form(self, node: exp.Expr) -> Form:
        """Return the form of a node."""
        details, reader = self.readers.get(type(node), (frozenset(), None))
        if reader is None or not self.has_only(node, details):
            raise self.refuse(node)
        return reader(self, node)

    def of_kind(self, node: exp.Expr, kind: Kind) -> Form:
        """Return a form of the kind asked for, an integer being a number where one is."""
        form = self.form(node)
        if form.kind in {kind, "raw"} or (form.kind == "integer" and kind == "number"):
            return become(form, kind)
        raise self.wrong(node, f"{WORDS[form.kind]} stands where {WORDS[kind]} is needed", _towards(kind))

    def forms(self, nodes: Iterable[exp.Expr], kinds: Sequence[Kind | None] = ()) -> list[Form]:
        """Return the forms of several nodes, each of its kind where one is stated, with the problems of all."""
        found: list[Form] = []
        problems: list[Problem] = []
        for position, node in enumerate(nodes):
            kind = kinds[position] if position < len(kinds) else None
            try:
                found.append(self.of_kind(node, kind) if kind else self.form(node))
            except InputError as wrong:
                problems += wrong.problems
        if problems:
            raise InputError(*problems)
        return found

    def alike(self, node: exp.Expr, forms: Sequence[Form]) -> list[Form]:
        """Return forms brought to one kind."""
        if any(form.kind == "map" for form in forms):
            raise self.wrong(node, "a map stands where a value is needed", "name a key, as attributes['key']")
        kind = common(forms)
        if kind is None:
            words = " and ".join(sorted({WORDS[form.kind] for form in forms}))
            fix = "read a number from text with TRY_CAST(... AS DOUBLE) or BIGINT, and put text in quotes"
            if any(form.kind == "timestamp" for form in forms):
                fix = "write an instant as TIMESTAMP '2026-01-01T00:00:00Z'"
            raise self.wrong(node, f"{words} stand together", fix)
        return [become(form, kind) for form in forms]

    def has_only(self, node: exp.Expr, details: frozenset[str]) -> bool:
        """Return whether a node says nothing beside the details named."""
        return all(name in details for name, value in node.args.items() if value)

    def refuse(self, node: exp.Expr) -> InputError:
        """Return the refusal of a node that is not on the allow-list, or of the first odd thing it holds when it is."""
        inside = (
            [] if isinstance(node, exp.Cast) else [n for n in node.iter_expressions() if type(n) not in self.readers]
        )
        odd = inside[0] if inside and type(node) in self.readers else node
        return InputError(refusal(odd, self.names, self.where))

    def wrong(self, node: exp.Expr, what: str, fix: str, code: str = "predicate-type") -> InputError:
        """Return the problem with a node."""
        return InputError(Problem(self.where, f"{what}{place(node)}", fix, code=code))


def _towards(kind: Kind) -> str:
    if kind == "flag":
        return "compare it with something, as http_status < 500"
    if kind in {"number", "integer"}:
        return "read it with TRY_CAST(... AS DOUBLE) or BIGINT"
    return "put text in quotes"
