"""How kinds of values meet: which go together, and what one becomes beside another.

One rule: text and numbers never meet unasked. An integer beside a number becomes one; a source's own column becomes
whatever it stands beside.
"""

from __future__ import annotations

from collections.abc import Iterable

from nines.predicates.forms import Constant, Convert, Form, Kind

#: What a person reads for a kind.
WORDS: dict[Kind, str] = {
    "flag": "a condition",
    "text": "text",
    "integer": "an integer",
    "number": "a number",
    "timestamp": "an instant",
    "map": "a map",
    "raw": "a source's column",
    "null": "NULL",
}

#: What TRY_CAST may turn into what, beside each kind into itself.
CASTS: frozenset[tuple[Kind, Kind]] = frozenset(
    {
        ("text", "integer"),
        ("text", "number"),
        ("integer", "number"),
        ("integer", "text"),
        ("raw", "text"),
        ("raw", "integer"),
        ("raw", "number"),
        ("raw", "flag"),
        ("raw", "timestamp"),
    }
)
#: Casts that cannot fail, so that plain CAST means the same.
SURE: frozenset[tuple[Kind, Kind]] = frozenset({("integer", "number"), ("integer", "text"), ("raw", "text")})


def common(forms: Iterable[Form]) -> Kind | None:
    """Return the kind all values can be compared in, or None when there is none.

    Example:
        >>> from nines.predicates.forms import Field
        >>> common([Field("integer", ("a",)), Field("number", ("b",))])
        'number'
        >>> common([Field("integer", ("a",)), Field("text", ("b",))]) is None
        True
    """
    kinds = {form.kind for form in forms} - {"null"}
    stated = kinds - {"raw"}
    if stated == {"integer", "number"} or (stated == {"integer"} and "raw" in kinds):
        return "number"
    if len(stated) == 1:
        return stated.pop()
    return "text" if kinds == {"raw"} else None


def become(form: Form, kind: Kind) -> Form:
    """Return a form of the kind asked for; the caller has made sure that it can be one."""
    if form.kind == kind:
        return form
    if isinstance(form, Constant) and form.value is None:
        return Constant(kind, None)
    if isinstance(form, Constant) and isinstance(form.value, int) and kind == "number":
        return Constant("number", float(form.value))
    return Convert(kind, form)
