"""One canonical form of definition files, comments kept.

Layout only: indentation of two spaces, documents apart by one `---`, no trailing blanks, one blank line at the end,
and the four top keys in their order. Values and comments are left as they were written, so the meaning cannot change;
a file for which that cannot be proved by reading it back is refused.
"""

from __future__ import annotations

import re

from nines.definitions.positions import documents
from nines.errors import Problem

#: Order of the keys of a document.
TOP = ("apiVersion", "kind", "metadata", "spec")


def formatted(text: str, file: str) -> tuple[str, list[Problem]]:
    r"""Return a file's text in the canonical form, and what is wrong with its YAML.

    Args:
        text: the file's text.
        file: its name, for places.

    Returns:
        The text itself when something is wrong.

    Example:
        >>> print(formatted("kind: SLO\napiVersion: nines/v1  \n\n\n", "a.yaml")[0], end="")
        apiVersion: nines/v1
        kind: SLO
    """
    before, problems = documents(text, file)
    if problems:
        return text, problems
    parts = re.split(r"^---[ \t]*\n", text.replace("\r\n", "\n").removeprefix("\ufeff"), flags=re.MULTILINE)
    done = [_document(part) for part in parts]
    new = "---\n".join(part for part in done if part.strip()) or text
    after, wrong = documents(new, file)
    same = [d.value for d in before] == [d.value for d in after]
    return (new, []) if same and not wrong else (text, [])


def _document(text: str) -> str:
    lines = [line.rstrip() for line in text.split("\n")]
    blocks, head = _blocks(lines)
    rank = {key: number for number, key in enumerate(TOP)}
    ordered = sorted(blocks, key=lambda b: rank.get(b[0], len(TOP)))
    body = [line for _, block in ordered for line in block]
    return "\n".join(_squeezed([*head, *body])) + "\n"


def _blocks(lines: list[str]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Return the top-level keys with their lines (comments before a key belong to it), and what stands before all."""
    blocks: list[tuple[str, list[str]]] = []
    waiting: list[str] = []
    head: list[str] = []
    for line in lines:
        key = re.match(r"^([A-Za-z][\w]*):(\s|$)", line)
        if key:
            if not blocks:
                head, waiting = waiting, []
            blocks.append((key[1], [*waiting, line]))
            waiting = []
        elif line.startswith("#") or not line:
            waiting.append(line)
        elif blocks:
            blocks[-1][1].extend([*waiting, line])
            waiting = []
        else:
            head.append(line)
    if blocks:
        blocks[-1][1].extend(_squeezed(waiting))  # blanks at the end of a document do not travel with its last key
    return blocks, head if blocks else [*head, *waiting]


def _squeezed(lines: list[str]) -> list[str]:
    """Return lines without blank ones at either end, and never two blank ones in a row."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    return kept
