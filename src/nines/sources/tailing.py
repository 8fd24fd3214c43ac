"""Log files followed while they are written, across rotation: every whole line is read once, and none is left out.

A place in a file is known by bytes that stand before it, not by the file's name: a file that was renamed or copied
is found again among its rotated neighbours, and a file that was cut or written anew is told from one that grew.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from nines.errors import DependencyError, InputError, Problem
from nines.predicates import column_expression
from nines.sources.columns import EVENT_TYPES, Raw, typed
from nines.sources.findings import Findings
from nines.sources.read import READERS
from nines.sources.tailing_marks import Mark
from nines.telemetry.datasource import DataSource

#: Bytes read as one piece at most; a line longer than that is unreadable whatever it says.
MOST_BYTES = 16 * 1024 * 1024
#: Bytes at the beginning of a file, and before a place in it, that are compared.
COMPARED = 1024
#: What rotation appends to a name: a number, a date, or "old". Packed files are left alone.
_ROTATED = re.compile(r"[.-](\d[\dT._-]*|old)\Z")
#: Columns remembered as seen.
_MOST_SEEN = 1_000
#: Formats in which a column may be missing from a piece because no line of it happens to have it.
_SPARSE = frozenset({"ndjson", "logfmt"})


@dataclass(frozen=True, slots=True)
class Place:
    """How far a followed file was read.

    Attributes:
        generation: number of the file, ascending with every rotation.
        inode: number of the file on its disk.
        offset: bytes read.
        line: lines read.
        head: how many bytes at the file's beginning were hashed, and their hash.
        tail: the same of the bytes right before `offset`.
        planned: where the piece ends that is being stored, or None; after a kill the very same piece is read again.
        drained: whether a rotated file had no more lines at the last look.
        seen: columns of the source seen so far.
        good: whether any line could ever be read.
    """

    generation: int
    inode: int
    offset: int = 0
    line: int = 0
    head: tuple[int, str] = (0, "")
    tail: tuple[int, str] = (0, "")
    planned: int | None = None
    drained: bool = False
    seen: tuple[str, ...] = ()
    good: bool = False

    @classmethod
    def of(cls, mark: Mark) -> Place:
        """Return a place from its mark."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in mark.items()}
        return cls(**fields)

    def mark(self) -> Mark:
        """Return the place as its mark."""
        return asdict(self)

    @property
    def key(self) -> str:
        """Idempotency key of the planned piece: identity of the file, where the piece begins and where it ends."""
        return f"follow/{self.generation}/{self.inode}/{self.head[1][:16]}/{self.offset}/{self.planned}"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done next.

    Attributes:
        place: to be kept before anything is stored, and after the piece could be read.
        file: file with a piece to be stored from `place.offset` to `place.planned`, or None.
        again: whether there may be more to do at once.
        problems: what was lost.
    """

    place: Place
    file: Path | None = None
    again: bool = False
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece that was read.

    Attributes:
        table: event rows.
        after: the place after it.
        problems: the first hundred lines that could not be read.
        bad_rows: lines that could not be read.
    """

    table: pa.Table
    after: Place
    problems: tuple[Problem, ...]
    bad_rows: int


def next_step(source: DataSource, place: Place | None, *, most_bytes: int = MOST_BYTES) -> Step:
    """Return what to do next about a followed file.

    Args:
        source: of files, with option `follow`, the file's whole path.
        place: how far it was read, or None at the first look.
        most_bytes: bytes of one piece at most.

    Raises:
        InputError: it is a folder, a pipe or a device.
        DependencyError: the file is not there, or may not be read.
    """
    path = Path(source.option("follow"))
    try:
        if path.exists() and not path.is_file():  # to open a pipe would wait for its writer
            raise InputError(Problem(str(path), "this is no plain file", "follow a file", code="no-file"))
        if place is None:
            return Step(Place(0, path.stat().st_ino), again=True)
        holder = _holder(path, place)
        if holder is None:
            return _begin_anew(path, place)
        end = place.planned or _end(holder, place, source, most_bytes, final=holder != path and place.drained)
        if end > place.offset:
            return Step(replace(place, planned=end), holder)
        # Whoever writes may hold a renamed file for a moment more, so it is looked at twice before it is left.
        return _next_file(path, holder, place) if place.drained else Step(replace(place, drained=holder != path))
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise DependencyError(Problem(str(path), what, "check path and rights", code="no-file")) from error


def read_piece(source: DataSource, step: Step) -> Piece:
    """Read the piece of a step.

    Args:
        source: its type says the format, its columns what is what.
        step: with a file and a planned end.

    Raises:
        InputError: no line can be read and none ever could, or a mapped column was never seen.
        DependencyError: the file cannot be read.
    """
    place, file = step.place, step.file
    assert file is not None
    assert place.planned is not None
    try:
        with file.open("rb") as stream:
            first = _header(stream.readline(COMPARED * COMPARED), source) if place.offset else b""
            stream.seek(place.offset)
            chunk = stream.read(place.planned - place.offset)
            head = _hash_at(file, 0, min(COMPARED, place.planned))
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        raise DependencyError(Problem(str(file), what, "check path and rights", code="no-file")) from error
    findings = Findings()
    table, seen = _rows(first, chunk, source, place, findings)
    if findings.bad_rows and not table.num_rows and not place.good:
        raise InputError(*findings.problems[:3])
    tail = chunk[-COMPARED:]
    after = replace(
        place, offset=place.planned, line=place.line + chunk.count(b"\n"), head=head, planned=None, drained=False,
        tail=(len(tail), _hash(tail)), seen=seen, good=place.good or table.num_rows > 0,
    )  # fmt: skip
    return Piece(table, after, tuple(findings.problems), findings.bad_rows)


def _rows(
    first: bytes, chunk: bytes, source: DataSource, place: Place, findings: Findings
) -> tuple[pa.Table, tuple[str, ...]]:
    """Return the rows of a piece and the columns seen; places name the followed file and its own lines."""
    if chunk.startswith(b"\x1f\x8b") and not first:
        first = b"\n"  # it is no packed file, whatever it looks like
    parts, seen = [EVENT_TYPES.empty_table()], set(place.seen)
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "piece"
        part.write_bytes(first + chunk)
        reader = READERS[source.type]
        before = len(findings.problems)
        try:
            for raw in reader(part, source, findings):
                names = raw.table.column_names
                seen.update(names[: _MOST_SEEN - len(seen)])
                parts.append(typed(_completed(raw, source, seen), source, part, findings))
        except InputError as error:
            raise InputError(*(_placed(p, str(part), source, place, first) for p in error.problems)) from error
        placed = [_placed(p, str(part), source, place, first) for p in findings.problems[before:]]
        findings.problems[before:] = placed
    return pa.concat_tables(parts), tuple(sorted(seen))


def _completed(raw: Raw, source: DataSource, seen: set[str]) -> Raw:
    """Return rows with the mapped columns that were seen before and that no line of this piece has."""
    if source.type not in _SPARSE:
        return raw
    table, names = raw.table, set(raw.table.column_names)
    for name, expression in source.columns:
        needed = {expression} if expression in seen else column_expression(expression, where=name).columns
        for one in sorted((set(needed) & seen) - names):
            table = table.append_column(one, pa.nulls(table.num_rows, pa.string()))
            names.add(one)
    return Raw(table, raw.lines)


def _placed(problem: Problem, part: str, source: DataSource, place: Place, first: bytes) -> Problem:
    """Return a problem with the followed file's name and its own line."""
    path = source.option("follow")
    found = re.fullmatch(re.escape(part) + r":(\d+)", problem.where)
    where = f"{path}:{place.line + int(found[1]) - first.count(10)}" if found else problem.where.replace(part, path)
    return replace(problem, where=where)


def _header(line: bytes, source: DataSource) -> bytes:
    """Return the line that says the columns of a delimited file, which stands at its beginning only."""
    return line if source.type == "csv" and source.option("header", "true") == "true" else b""


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hash_at(file: Path, start: int, length: int) -> tuple[int, str]:
    with file.open("rb") as stream:
        stream.seek(start)
        return length, _hash(stream.read(length))


def _rotated(path: Path) -> list[Path]:
    """Return what a file was rotated to, oldest first."""
    near = (p for p in path.parent.iterdir() if p.name.startswith(path.name))
    found = [p for p in near if _ROTATED.fullmatch(p.name[len(path.name) :]) and p.is_file()]
    return sorted(found, key=lambda p: p.stat().st_mtime_ns)


def _holder(path: Path, place: Place) -> Path | None:
    """Return the file that holds a place, or None when it is gone."""

    def candidates() -> Iterator[Path]:
        if path.exists():
            yield path
        yield from sorted(_rotated(path), key=lambda p: p.stat().st_ino != place.inode)

    for file in candidates():
        about = file.stat()
        if about.st_size < max(place.offset, place.planned or 0):
            continue
        if not place.head[0]:
            if about.st_ino == place.inode:
                return file
            continue
        before = _hash_at(file, place.offset - place.tail[0], place.tail[0])
        if before == place.tail and _hash_at(file, 0, place.head[0]) == place.head:
            return file
    return None


def _end(file: Path, place: Place, source: DataSource, most_bytes: int, *, final: bool) -> int:
    """Return where the whole lines after a place end; the last line of a finished file is whole without its end."""
    with file.open("rb") as stream:
        stream.seek(place.offset)
        chunk = stream.read(most_bytes)
    cut = chunk.rfind(b"\n") + 1
    if source.type == "csv":  # a line's end within quotes is none
        while cut and chunk.count(b'"', 0, cut) % 2:
            cut = chunk.rfind(b"\n", 0, cut - 1) + 1
    whole = cut or (len(chunk) if len(chunk) == most_bytes else 0)
    return place.offset + (len(chunk) if final and len(chunk) < most_bytes else whole)


def _next_file(path: Path, done: Path, place: Place) -> Step:
    """Return the step to the file that was written after a finished one."""
    ended = done.stat().st_mtime_ns
    later = [p for p in _rotated(path) if p.stat().st_mtime_ns > ended and p != done]
    following = later[0] if later else path
    if following == done or not following.exists():
        return Step(replace(place, drained=done != path))
    return Step(_fresh(following, place), again=True)


def _fresh(file: Path, place: Place) -> Place:
    return Place(place.generation + 1, file.stat().st_ino, seen=place.seen, good=place.good)


def _begin_anew(path: Path, place: Place) -> Step:
    """Return the step to a file that has taken the place of one that is gone."""
    what = f"what was written after line {place.line} may be lost: the file was cut or removed before it was read"
    lost = Problem(str(path), what, "let rotation keep one file unpacked", "warning", "rotated-away")
    problems = (lost,) if place.offset or place.planned else ()
    return Step(_fresh(path, place), again=True, problems=problems)


__all__ = ["Piece", "Place", "Step", "next_step", "read_piece"]
