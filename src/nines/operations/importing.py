"""Definitions of other tools made into ours: text in, text and a list of what was lost out; nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args

from nines.definitions.imported import Imported
from nines.definitions.load import files_in
from nines.definitions.openslo_out import import_openslo
from nines.definitions.pyrra import import_pyrra
from nines.definitions.sloth import import_sloth
from nines.errors import InputError, Problem
from nines.people.rights import Principal, require

Foreign = Literal["sloth", "pyrra", "openslo"]
FORMATS: tuple[Foreign, ...] = get_args(Foreign)

Texts = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to import.

    Attributes:
        form: whose definitions they are.
        url: address of the Prometheus they are about, or "".
        period: window of Sloth's SLOs.
        windows: files with Sloth's AlertWindows, as name and text.
        skip_refused: whether what is refused is left out; else one refusal refuses all.
    """

    form: Foreign
    url: str = ""
    period: timedelta = timedelta(days=30)
    windows: tuple[tuple[str, str], ...] = ()
    skip_refused: bool = False


def import_texts(who: Principal, texts: Texts, wanted: Wanted) -> Imported:
    """Return definitions made from another tool's.

    Args:
        who: who is asking.
        texts: name for places, and text, of each file.
        wanted: how.

    Raises:
        InputError: something is refused; its problems say what and why.
    """
    require(who, "see")
    return _import(texts, wanted)


def import_files(paths: Sequence[Path], wanted: Wanted) -> Imported:
    """Return definitions made from another tool's files; see `import_texts`."""
    return _import(read_files(paths), wanted)


def read_files(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """Return name and text of definition files.

    Raises:
        InputError: one cannot be read.
    """
    files, problems = files_in(paths)
    texts = []
    for path in files:
        try:
            texts.append((str(path), path.read_text(encoding="utf-8-sig")))
        except (OSError, UnicodeDecodeError) as error:
            what = f"cannot be read: {error}"
            problems.append(Problem(str(path), what, "definitions are UTF-8 text", code="no-file"))
    if problems:
        raise InputError(*problems)
    return texts


def _import(texts: Texts, wanted: Wanted) -> Imported:
    if wanted.form == "sloth":
        found = import_sloth(texts, period=wanted.period, windows=wanted.windows, url=wanted.url)
    elif wanted.form == "pyrra":
        found = import_pyrra(texts, url=wanted.url)
    else:
        found = import_openslo(texts)
    made = any(kind == "SLO" for kind, _ in found.documents)
    if found.errors and not (wanted.skip_refused and made):
        raise InputError(*found.problems)
    return found


def summary(found: Imported) -> str:
    """Return one sentence for people."""
    slos = sum(kind == "SLO" for kind, _ in found.documents)
    words = f"{slos} objectives in {len(found.documents)} definitions, {len(found.lost)} notes on what was lost"
    return words + (f", {len(found.errors)} refused" if found.errors else "")
