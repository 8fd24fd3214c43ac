"""Definitions as texts: check, format, schema. Nothing is opened or stored, so these start fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nines.definitions.fmt import formatted
from nines.definitions.load import Definitions, files_in, load, load_texts
from nines.definitions.shapes import SPECS, schema_all
from nines.definitions.shapes import schema as schema_of
from nines.errors import InputError, Problem
from nines.people.rights import Principal, require


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        definitions: what could be read.
        summary: one sentence for people.
    """

    definitions: Definitions
    summary: str

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Every mistake and warning, sorted by place."""
        return self.definitions.problems

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse the input."""
        return self.definitions.errors


def _report(found: Definitions) -> Report:
    errors, warnings = len(found.errors), len(found.problems) - len(found.errors)
    count = len(found.documents)
    words = f"{_many(count, 'definition')}, {_many(errors, 'mistake')}"
    if not errors:
        words = f"{_many(count, 'definition')} {'is' if count == 1 else 'are'} in order"
    return Report(found, words + (f", {_many(warnings, 'warning')}" if warnings else ""))


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def check(paths: Sequence[Path], *, strict: bool = False) -> Report:
    """Check definitions in files; nothing is stored.

    Args:
        paths: files or folders.
        strict: hold OpenSLO to the published rules.
    """
    return _report(load(paths, strict=strict))


def check_texts(who: Principal, texts: Sequence[tuple[str, str]], *, strict: bool = False) -> Report:
    """Check definitions sent as texts; nothing is stored."""
    require(who, "see")
    return _report(load_texts(texts, strict=strict))


def problem_row(problem: Problem) -> dict[str, object]:
    """Return a problem as one row of a table."""
    return {
        "where": problem.where,
        "severity": problem.severity,
        "code": problem.code,
        "what": problem.what,
        "fix": problem.fix,
    }


def format_files(paths: Sequence[Path], *, write: bool) -> list[Path]:
    """Return the files that are not in the canonical form, rewriting them when asked to.

    Raises:
        InputError: a file is no YAML; none is rewritten.
    """
    files, problems = files_in(paths)
    texts = []
    for path in files:
        text = path.read_text(encoding="utf-8")
        new, wrong = formatted(text, str(path))
        problems += wrong
        texts.append((path, text, new))
    if problems:
        raise InputError(*problems)
    changed = [(path, new) for path, text, new in texts if new != text]
    for path, new in changed if write else []:
        path.write_text(new, encoding="utf-8")
    return [path for path, _ in changed]


def schema(kind: str | None) -> dict[str, Any]:
    """Return the JSON Schema of one kind, or of all.

    Raises:
        InputError: there is no such kind.
    """
    if kind is not None and kind not in SPECS:
        raise InputError(Problem(kind, "there is no such kind", f"kinds are {', '.join(SPECS)}", code="no-kind"))
    return schema_all() if kind is None else schema_of(kind)
