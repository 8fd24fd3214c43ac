"""Texts with places for values, and paths into JSON: the two small languages of journeys.

`${name}` stands for a value that an earlier step took from an answer, `${secret:NAME}` for a secret, and `$${` for
the two characters themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

_PLACE = re.compile(r"\$(\$\{)|\$\{([^{}]*)\}")
_NAME = re.compile(r"(secret:)?[A-Za-z_][A-Za-z0-9_-]*")
_JSON_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)|\[(\d{1,9})\]|\['([^']*)'\]")
#: What the name of a secret begins with inside a place.
HIDDEN = "secret:"


def places(text: str) -> tuple[str, ...]:
    """Return the names a text has places for, in order, secrets with `secret:` before them.

    Args:
        text: as a definition writes it.

    Raises:
        ValueError: a place has no name that could be meant.

    Example:
        >>> places("Bearer ${token}, ${secret:KEY}, $${kept}")
        ('token', 'secret:KEY')
    """
    found = []
    for match in _PLACE.finditer(text):
        if match[2] is None:
            continue
        if not _NAME.fullmatch(match[2]):
            msg = f"${{{match[2]}}} is no place for a value"
            raise ValueError(msg)
        found.append(match[2])
    return tuple(found)


def filled(text: str, values: Mapping[str, str], encoded: Callable[[str], str] = str) -> str:
    """Return a text with its values in their places.

    Args:
        text: as a definition writes it.
        values: name -> value; secrets under `secret:NAME`.
        encoded: what is done to a value first, except at the very beginning: percent-encoding, for an address.

    Raises:
        KeyError: a value is missing; its name is the argument.

    Example:
        >>> filled("/find?q=${q}", {"q": "ab"}, str.upper), filled("$${q}", {})
        ('/find?q=AB', '${q}')
    """

    def value(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        found = values[match[2]]
        return encoded(found) if match.start() else found

    return _PLACE.sub(value, text)


def mapped(value: object, change: Callable[[str], str]) -> object:
    """Return a JSON value with every text in it changed, names of fields left as they are.

    Example:
        >>> mapped({"a": ["x", 1]}, str.upper)
        {'a': ['X', 1]}
    """
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: mapped(held, change) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [mapped(held, change) for held in value]
    return value


def texts(value: object) -> Iterator[str]:
    """Yield every text within a JSON value.

    Example:
        >>> list(texts({"a": ["x", 1], "b": "y"}))
        ['x', 'y']
    """
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for held in value.values():
            yield from texts(held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from texts(held)


def json_path(text: str) -> tuple[str | int, ...]:
    """Return the steps of a path into JSON.

    Args:
        text: as `$.orders[0].id` or `$['odd name']`; `$` alone is the whole.

    Raises:
        ValueError: it is no such path.

    Example:
        >>> json_path("$.orders[0]['unit price']")
        ('orders', 0, 'unit price')
    """
    found: list[str | int] = []
    at = 1
    while text[:1] == "$" and at < len(text):
        match = _JSON_STEP.match(text, at)
        if match is None:
            break
        found.append(int(match[2]) if match[2] is not None else match[1] if match[1] is not None else match[3])
        at = match.end()
    if text[:1] != "$" or at != len(text):
        msg = f"{text!r} is no path like $.orders[0].id"
        raise ValueError(msg)
    return tuple(found)


def at_path(value: object, path: tuple[str | int, ...]) -> object:
    """Return what stands at a path.

    Args:
        value: any JSON value.
        path: as `json_path` gives it.

    Raises:
        LookupError: there is nothing.

    Example:
        >>> at_path({"orders": [{"id": 7}]}, ("orders", 0, "id"))
        7
    """
    for step in path:
        if isinstance(step, int) != isinstance(value, list) or not isinstance(value, list | dict):
            raise LookupError(step)
        value = value[step]  # type: ignore[index]  # a list by number, a mapping by name: looked at just before
    return value
