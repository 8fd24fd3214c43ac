"""How far a log was read: which files, known by what stands in them, and up to which byte of each.

A file is the same when its device and inode are, and when its first bytes and those before the mark still are; so a
file that was cut short, replaced, copied or packed is told from the one that was read.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

#: Bytes remembered of a file's beginning and of what stands before the mark.
HEAD, BEFORE = 256, 64
#: Packed files remembered as read.
MOST_DONE = 16


@dataclass(slots=True)
class Known:
    """One file.

    Attributes:
        device, inode: where it is on the disk.
        offset: bytes read; the next line begins there.
        head: its first bytes, at most `HEAD`.
        before: the bytes before the offset, at most `BEFORE`.
    """

    device: int
    inode: int
    offset: int = 0
    head: bytes = b""
    before: bytes = b""

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    def advanced(self, fd: int, offset: int) -> None:
        """Move the mark to an offset of the open file."""
        self.offset = offset
        if len(self.head) < HEAD:
            self.head = os.pread(fd, HEAD, 0)
        length = min(offset, BEFORE)
        self.before = os.pread(fd, length, offset - length)

    def advanced_within(self, text: bytes, offset: int) -> None:
        """Move the mark to an offset of unpacked bytes."""
        self.offset, self.head, self.before = offset, text[:HEAD], text[max(0, offset - BEFORE) : offset]

    def is_in(self, fd: int) -> bool:
        """Return whether an open file holds what was read."""
        if os.fstat(fd).st_size < self.offset:
            return False
        head = os.pread(fd, len(self.head), 0)
        return head == self.head and os.pread(fd, len(self.before), self.offset - len(self.before)) == self.before

    def is_within(self, text: bytes) -> bool:
        """Return whether unpacked bytes hold what was read; the mark stands inside them or at their end."""
        before = text[self.offset - len(self.before) : self.offset]
        return len(text) >= self.offset and text.startswith(self.head) and before == self.before


@dataclass(slots=True)
class Mark:
    """How far a log was read.

    Attributes:
        number: how often it was moved; no two marks are the same text.
        since: a file not known before is new when it was written to at or after this instant, ns of its clock.
        files: in the order they were written, the current one last.
        done: device and inode of packed files that were read whole.
    """

    number: int = 0
    since: int = 0
    files: list[Known] = field(default_factory=list)
    done: list[tuple[int, int]] = field(default_factory=list)

    def finish(self, known: Known, packed: tuple[int, int]) -> None:
        """Forget a file of which the last lines were read from a packed one, and remember that one as read."""
        self.files = [one for one in self.files if one is not known]
        self.done = [*self.done, packed][-MOST_DONE:]

    def text(self) -> str:
        """Return the mark as text that `read` reads back."""
        plain = asdict(self)
        for one in plain["files"]:
            one |= {name: base64.b64encode(one[name]).decode() for name in ("head", "before")}
        return json.dumps(plain, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Mark:
        """Return the mark that a text holds.

        Example:
            >>> Mark.read(Mark(3, 7, [Known(1, 2, 5, b"hello", b"hello")]).text()).files[0].head
            b'hello'
        """
        plain: dict[str, Any] = json.loads(text)
        files = [
            Known(**(one | {name: base64.b64decode(one[name]) for name in ("head", "before")}))
            for one in plain["files"]
        ]
        return cls(plain["number"], plain["since"], files, [(a, b) for a, b in plain["done"]])
