"""What the command line prints: one document on standard output, messages on standard error.

Tables are for eyes, JSON and CSV for programs; all three come from the same rows.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from nines.errors import Problem


class Format(StrEnum):
    """How a command prints its answer."""

    table = "table"
    json = "json"
    csv = "csv"


class WideFormat(StrEnum):
    """How a command prints an answer that can stand in a pull request too."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


def write(text: str) -> None:
    """Print an answer as it is."""
    sys.stdout.write(text)


def say(text: str) -> None:
    """Tell the person something beside the answer, on standard error."""
    sys.stderr.write(f"{text}\n")


def tell_problems(problems: Sequence[Problem], *, limit: int = 200) -> None:
    """List problems on standard error, one line each, and how many more there are."""
    for problem in problems[:limit]:
        mark = "" if problem.severity == "error" else f" ({problem.severity})"
        say(f"{problem}{mark}")
    if len(problems) > limit:
        say(f"... and {len(problems) - limit} more")


def document(value: object) -> None:
    """Print one JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def done(summary: str, told: Mapping[str, object], form: Format) -> None:
    """Tell what a command put on record: a sentence to the person, and the record itself to a program that asks.

    Args:
        summary: one sentence.
        told: what was recorded, by name; lists are joined by "; " in CSV.
        form: table prints nothing beside the sentence.
    """
    say(summary)
    if form is Format.json:
        document({**told, "summary": summary})
    elif form is Format.csv:
        flat = {k: "; ".join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in told.items()}
        rows((*told, "summary"), [{**flat, "summary": summary}], form)


def rows(columns: Sequence[str], body: Sequence[Mapping[str, object]], form: Format, *, title: str = "") -> None:
    """Print rows as a table, as JSON or as CSV.

    Args:
        columns: names in order; for tables they are the headings.
        body: one mapping per row; a value that is absent shows as empty.
        form: how to print.
        title: line above a table, or "".
    """
    if form is Format.json:
        document([dict(row) for row in body])
    elif form is Format.csv:
        writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: row.get(name, "") for name in columns} for row in body)
    else:
        _table(columns, body, title)


def _table(columns: Sequence[str], body: Sequence[Mapping[str, object]], title: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    numbers = {name for name in columns if body and all(_is_figure(_text(row.get(name))) for row in body)}
    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", no_wrap=name in numbers)
    for row in body:
        table.add_row(*(_cell(_text(row.get(name))) for name in columns))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _text(value: object) -> str:
    return "" if value is None else str(value)


#: How each verdict looks; the word itself always stands beside the colour.
_LOOKS = {"met": "green", "missed": "red", "at-risk": "yellow", "unknown": "magenta"}


def _cell(text: str) -> Any:  # noqa: ANN401 - a Rich text, imported only when needed
    from rich.text import Text

    return Text(text, style=_LOOKS.get(text, ""))


def _is_figure(text: str) -> bool:
    head = text.split(" ", maxsplit=1)[0].replace(",", "").lstrip("-").rstrip("%")
    return text == "unknown" or (bool(head) and head.replace(".", "", 1).isdigit())
