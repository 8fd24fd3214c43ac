"""Labels of a remote-write series: checked once, then known by their bytes."""

from __future__ import annotations

import hashlib

from nines.telemetry.readings import NAME, Labels

#: Labels of one series, and characters of their names and values, at most.
MOST_LABELS, MOST_LENGTH = 1000, 65_536
#: Keys longer than this are kept as a hash, so that what a book remembers is bounded.
_LONGEST_KEY = 512

Pairs = list[tuple[bytes, bytes]]


def checked(pairs: Pairs) -> Labels:
    """Return labels as text, sorted by name.

    Labels in another order are sorted, as Prometheus does when it receives: the conformance suite sends them in any.
    Names are any UTF-8, as in Prometheus 3.

    Args:
        pairs: name and value as they came.

    Raises:
        ValueError: the reason why no series can have these labels.

    Example:
        >>> checked([(b"job", b"api"), (b"__name__", b"up")])
        (('__name__', 'up'), ('job', 'api'))
    """
    try:
        labels = tuple(sorted((name.decode(), value.decode()) for name, value in pairs[: MOST_LABELS + 1]))
        reason = _fault(labels)
    except UnicodeDecodeError:
        labels, reason = (), "a label is not UTF-8"
    if reason:
        raise ValueError(reason)
    return labels


def _fault(labels: Labels) -> str:
    """Return why no series can have these labels, or ""."""
    if len(labels) > MOST_LABELS:
        return f"it has more than {MOST_LABELS:,} labels"
    if sum(len(name) + len(value) for name, value in labels) > MOST_LENGTH:
        return f"its labels are longer than {MOST_LENGTH:,} characters"
    names = [name for name, _ in labels]
    for (name, value), after in zip(labels, [*names[1:], None], strict=False):
        if not name:
            return f"a label with the value {_short(value)} has no name"
        if not value:
            return f"label {_short(name)} has no value"
        if name == after:
            return f"label {_short(name)} is there twice"
    return "" if NAME in names else f"it has no {NAME}"


def bounded(key: bytes) -> bytes:
    """Return a key as a book keeps it: itself, or a hash of it when it is long.

    The hash stands between marks that no other key begins and ends with.
    """
    return key if len(key) <= _LONGEST_KEY else b"#" + hashlib.sha256(key).digest() + b"#"


def all_bounded(keys: list[bytes]) -> list[bytes]:
    """Return keys as a book keeps them."""
    return keys if max(map(len, keys), default=0) <= _LONGEST_KEY else [bounded(key) for key in keys]


def shown(labels: Labels) -> str:
    """Return a series as people write it, cut to a line.

    Example:
        >>> shown((("__name__", "up"), ("job", "api")))
        'up{job="api"}'
    """
    rest = ",".join(f'{name}="{value}"' for name, value in labels if name != NAME)
    text = dict(labels).get(NAME, "") + (f"{{{rest}}}" if rest else "")
    return text if len(text) <= 120 else text[:119] + "…"  # noqa: PLR2004 - a line


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")  # noqa: PLR2004 - part of a line
