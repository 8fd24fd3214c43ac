"""Which files of a log have to be read, and from where: through renaming, copying and truncating, packing, deletion.

The current file is the one at the path; rotated ones lie beside it and match a pattern. Files that are known are held
open, so that one which is deleted is still read to its end.
"""

from __future__ import annotations

import fnmatch
import gzip
import logging
import os
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path

from nines.agent.tail_mark import HEAD, MOST_DONE, Known, Mark

log = logging.getLogger("nines.agent")

#: Rotated files that are still looked at; whoever writes to older ones writes to nobody.
MOST_FILES = 4
#: Most bytes of a packed file once it is unpacked.
MOST_UNPACKED = 256 * 2**20
_PACKED = {".gz"}
_OTHERWISE_PACKED = {".bz2", ".xz", ".zst", ".lz4", ".zip"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the folder."""

    path: Path
    device: int
    inode: int
    size: int
    written: int

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode


@dataclass(frozen=True, slots=True)
class Piece:
    """A file to read on from its mark.

    Attributes:
        known: where in the mark it stands.
        fd: the open file, or -1 when it is packed.
        current: whether it is the one at the path.
        text: all of a packed file, unpacked, else nothing.
        packed: device and inode of the packed file.
    """

    known: Known
    fd: int = -1
    current: bool = False
    text: bytes = b""
    packed: tuple[int, int] = (0, 0)


class LogFiles:
    """The files of one log."""

    def __init__(self, path: Path, rotated: str | None) -> None:
        """Begin with nothing open.

        Args:
            path: of the current file.
            rotated: pattern of the names of rotated ones; the path's name and something after `.`, `-` or `_` unless
                given.
        """
        self._path, self._pattern = path, rotated or f"{_literal(path.name)}[._-]*"
        self._open: dict[tuple[int, int], int] = {}
        self._listed: list[Entry] = []
        self._copies: list[tuple[int, int]] = []
        self._current: tuple[int, int] | None = None

    def begin(self, *, at_end: bool) -> Mark:
        """Return the mark of somebody who has read nothing: what was rotated before is none of ours.

        Args:
            at_end: whether what the current file holds now is passed over.
        """
        entries = self._entries()
        mark = Mark(since=1 + max((e.written for e in entries), default=-1))
        current = next((e for e in entries if e.path == self._path), None)
        if current is not None:
            known = Known(current.device, current.inode)
            if at_end:
                known.advanced(self._opened(current), current.size)
            mark.files.append(known)
        return mark

    def pieces(self, mark: Mark) -> list[Piece]:
        """Return what to read, oldest first; files that are new or have moved stand in the mark from then on.

        Args:
            mark: how far was read; `finished` is called with it when all is read.
        """
        entries = self._entries()
        current = next((e.key for e in entries if e.path == self._path), None)
        plain = [e for e in entries if e.path.suffix not in _PACKED]
        packed = [e for e in entries if e.path.suffix in _PACKED]
        self._find(mark, {e.key: e for e in plain})
        lost = [known for known in mark.files if not self._holds(known)]
        pieces = [piece for known in lost for piece in self._moved(mark, known, plain, packed)]
        present = {known.key for known in mark.files}
        for entry in sorted(plain, key=lambda e: (e.key == current, e.written)):
            if entry.key not in present and self._is_new(entry, mark, current):
                head = os.pread(self._open[entry.key], HEAD, 0)
                mark.files.append(Known(entry.device, entry.inode, head=head))
        used, self._copies = {piece.packed for piece in pieces}, []
        left = sorted((e for e in packed if e.key not in used), key=lambda e: e.written)
        pieces += [piece for e in left for piece in self._new_packed(e, mark)]
        unpacked = [piece.known for piece in pieces]
        opened = [known for known in mark.files if not any(known is one for one in unpacked)]
        mark.files = [*unpacked, *opened]
        self._listed, self._current = plain, current
        return [*pieces, *(Piece(known, self._open[known.key], current=known.key == current) for known in opened)]

    def finished(self, mark: Mark) -> None:
        """Bring the mark up to date once all pieces are read: forget what is over, and move on what counts as new.

        Args:
            mark: that of the last `pieces`.
        """
        over: list[tuple[int, Known]] = []
        for known in mark.files:
            state = os.fstat(self._open[known.key]) if known.key in self._open else None
            if known.key != self._current and (state is None or state.st_size <= known.offset):
                over.append((state.st_mtime_ns if state else 0, known))
        over.sort(key=lambda one: one[0])
        listed = {entry.key for entry in self._listed}
        old = over[: max(0, len(mark.files) - MOST_FILES)]
        gone = [one for one in over if one[1].key not in listed]
        forgotten = {known.key for _, known in (*gone, *old)}
        written = [entry.written for entry in self._listed]
        mark.since = max([mark.since, *written, *(at for at, _ in (*gone, *old))])
        mark.done = [*mark.done, *self._copies][-MOST_DONE:]
        mark.files = [known for known in mark.files if known.key not in forgotten]
        for key in self._open.keys() - {known.key for known in mark.files}:
            self._close(key)

    def _entries(self) -> list[Entry]:
        found = []
        try:
            paths = [
                p for p in self._path.parent.iterdir() if p == self._path or fnmatch.fnmatch(p.name, self._pattern)
            ]
        except FileNotFoundError:
            return []
        for path in paths:
            try:
                state = path.stat()
            except FileNotFoundError:
                continue  # rotated away this very moment
            if stat.S_ISREG(state.st_mode) and path.suffix not in _OTHERWISE_PACKED:
                found.append(Entry(path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))
        return found

    def _opened(self, entry: Entry) -> int:
        """Return an open file; one that is no longer what was listed is told by its inode and never used."""
        if entry.key not in self._open:
            fd = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
            state = os.fstat(fd)
            if (state.st_dev, state.st_ino) != entry.key:
                os.close(fd)
                raise FileNotFoundError(entry.path)
            self._open[entry.key] = fd
        return self._open[entry.key]

    def _find(self, mark: Mark, listed: dict[tuple[int, int], Entry]) -> None:
        """Open the known files that are still in the folder."""
        for known in mark.files:
            if known.key in listed:
                self._try_open(listed[known.key])

    def _holds(self, known: Known) -> bool:
        """Return whether a known file is open and still holds what was read of it."""
        return known.key in self._open and known.is_in(self._open[known.key])

    def _try_open(self, entry: Entry) -> int | None:
        try:
            return self._opened(entry)
        except OSError:
            return None

    def _moved(self, mark: Mark, known: Known, plain: list[Entry], packed: list[Entry]) -> list[Piece]:
        """Find where a file that is gone goes on: in a copy, or in a packed one; it is forgotten where nowhere."""
        others = {one.key for one in mark.files if one is not known and self._holds(one)}
        for entry in plain:
            if entry.key in others or entry.path == self._path or not known.head:
                continue
            fd = self._try_open(entry)
            if fd is not None and known.is_in(fd):
                known.device, known.inode = entry.key
                return []
        for entry in packed if known.head else ():
            text = _unpacked(entry.path)
            if text is not None and known.is_within(text):
                known.device, known.inode = entry.key
                return [Piece(known, text=text, packed=entry.key)]
        mark.files = [one for one in mark.files if one is not known]
        if known.offset:
            log.warning("%s: a file that was read is gone; lines after its byte %d are lost", self._path, known.offset)
        return []

    def _is_new(self, entry: Entry, mark: Mark, current: tuple[int, int] | None) -> bool:
        """Return whether a file that is not known has to be read: the current one, or one missed while not looking."""
        if entry.key != current and (entry.written < mark.since or not entry.size):
            return False
        fd = self._try_open(entry)
        if fd is None or entry.key == current:
            return fd is not None
        head = os.pread(fd, HEAD, 0)
        return not self._is_copy(head, mark)

    def _is_copy(self, head: bytes, mark: Mark) -> bool:
        """Return whether a file begins like one that is known: it is a copy, whole or in the making."""
        heads = [known.head for known in mark.files]
        heads += [os.pread(self._open[known.key], HEAD, 0) for known in mark.files if known.key in self._open]
        shorter = ((min(len(head), len(known)), known) for known in heads)
        return any(length and head[:length] == known[:length] for length, known in shorter)

    def _new_packed(self, entry: Entry, mark: Mark) -> list[Piece]:
        """Return a packed file that was missed while not looking."""
        if entry.key in mark.done or entry.written <= mark.since:
            return []
        text = _unpacked(entry.path)
        if text is None:
            return []
        known = Known(entry.device, entry.inode, head=text[:HEAD])
        if self._is_copy(text[:HEAD], mark):
            self._copies.append(entry.key)  # what it holds is still open here, and read there
            return []
        return [Piece(known, text=text, packed=entry.key)]

    def _close(self, key: tuple[int, int]) -> None:
        os.close(self._open.pop(key))

    def close(self) -> None:
        """Close every file."""
        for key in list(self._open):
            self._close(key)


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _unpacked(path: Path) -> bytes | None:
    """Return what a packed file holds, or None while it is being written or when it is broken or too long."""
    try:
        with gzip.open(path) as file:
            text = file.read(MOST_UNPACKED + 1)
    except (OSError, EOFError, zlib.error):
        return None
    return text if len(text) <= MOST_UNPACKED else None
