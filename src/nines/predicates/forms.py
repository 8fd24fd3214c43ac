"""The forms a checked expression may take, each with the kind of value it gives.

One rule: what is not a form here cannot be said. Engines only ever see SQL written from these values, never a person's
own text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

#: "raw" is a source's own column, whose type nobody has stated; "null" is the word NULL itself.
Kind = Literal["flag", "text", "integer", "number", "timestamp", "map", "raw", "null"]
#: Part of a LIKE pattern: any text, one character, or text itself.
Piece = tuple[Literal["any", "one", "text"], str]
Sign = Literal["+", "-", "*", "/"]
Comparator = Literal["=", "<>", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Form:
    """Any checked expression.

    Attributes:
        kind: kind of value it gives; NULL belongs to every kind.
    """

    kind: Kind

    @property
    def parts(self) -> tuple[Form, ...]:
        """The forms directly inside, in order."""
        return ()


@dataclass(frozen=True, slots=True)
class Constant(Form):
    """A written value: text, int, float, bool, None for NULL, or microseconds since 1970 for a timestamp."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Number(Constant):
    """A written integer or double."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Field(Form):
    """A column, or a member of a nested one, by the parts of its name."""

    name: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry(Form):
    """The value a map holds under a key; NULL when it has none."""

    of: Field
    key: str

    @property
    def parts(self) -> tuple[Form, ...]:
        """The map."""
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Compare(Form):
    """Two values of one kind held against each other."""

    op: Comparator
    left: Form
    right: Form

    @property
    def parts(self) -> tuple[Form, ...]:
        """Both sides."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Logic(Form):
    """Conditions joined by one of AND, OR."""

    op: Literal["AND", "OR"]
    conditions: tuple[Form, ...]

    @property
    def parts(self) -> tuple[Form, ...]:
        """The conditions."""
        return self.conditions


@dataclass(frozen=True, slots=True)
class Wrap(Form):
    """One value turned by one of the operators that take nothing else.

    `known` gives NULL for NaN and everything else as it is.
    """

    op: Literal["not", "is null", "minus", "known"]
    part: Form

    @property
    def parts(self) -> tuple[Form, ...]:
        """The value."""
        return (self.part,)


@dataclass(frozen=True, slots=True)
class Among(Form):
    """Whether a value is one of some constants of its kind, none of them NULL."""

    part: Form
    values: tuple[Constant, ...]

    @property
    def parts(self) -> tuple[Form, ...]:
        """The value; the constants are constants."""
        return (self.part,)


@dataclass(frozen=True, slots=True)
class Between(Form):
    """Whether a value lies between two others of its kind, both ends included."""

    part: Form
    low: Form
    high: Form

    @property
    def parts(self) -> tuple[Form, ...]:
        """The value and both ends."""
        return (self.part, self.low, self.high)


@dataclass(frozen=True, slots=True)
class Like(Form):
    """Whether text matches a pattern.

    Attributes:
        pattern: pieces in order.
    """

    part: Form
    pattern: tuple[Piece, ...]

    @property
    def parts(self) -> tuple[Form, ...]:
        """The text."""
        return (self.part,)


@dataclass(frozen=True, slots=True)
class Choice(Form):
    """The value beside the first condition that is true, else the last value."""

    branches: tuple[tuple[Form, Form], ...]
    otherwise: Form

    @property
    def parts(self) -> tuple[Form, ...]:
        """Conditions and values in order."""
        return (*(f for branch in self.branches for f in branch), self.otherwise)


@dataclass(frozen=True, slots=True)
class Arithmetic(Form):
    """Two numbers added, subtracted, multiplied, or (in a source's columns) divided."""

    op: Sign
    left: Form
    right: Form

    @property
    def parts(self) -> tuple[Form, ...]:
        """Both sides."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Call(Form):
    """A function of the list, by its own name."""

    function: str
    arguments: tuple[Form, ...]

    @property
    def parts(self) -> tuple[Form, ...]:
        """The arguments."""
        return self.arguments


@dataclass(frozen=True, slots=True)
class Convert(Form):
    """A value read as another kind; NULL where it does not say one."""

    part: Form

    @property
    def parts(self) -> tuple[Form, ...]:
        """The value."""
        return (self.part,)


def walk(form: Form) -> Iterator[Form]:
    """Return a form and all forms inside it."""
    waiting = [form]
    while waiting:
        each = waiting.pop()
        yield each
        waiting.extend(each.parts)
