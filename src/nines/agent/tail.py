"""Tailing a log: every whole line once, through rotation and kills, because the mark is stored with the rows."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from nines.agent.gathering import Effort, Gathered
from nines.agent.settings import Tail
from nines.agent.tail_files import LogFiles, Piece
from nines.agent.tail_mark import Mark
from nines.agent.thinning import thinned
from nines.operations.collecting import log_lines
from nines.protocols.arrow_batch import SCHEMAS
from nines.telemetry.datasource import DataSource

log = logging.getLogger("nines.agent")

#: Bytes of lines that become one batch; a line that is longer cannot be read.
PORTION = 1024 * 1024
#: Looks at a rotated file that has not grown, after which its last line is whole without an end.
_OVER_AFTER = 3


class TailCollector:
    """Reads the lines that a log has grown by.

    Attributes:
        bad_lines: lines that could not be read so far.
    """

    def __init__(self, settings: Tail, scratch: Path, mark_of: Callable[[], str | None]) -> None:
        """Begin.

        Args:
            settings: which log, and how to read it.
            scratch: folder for passing files.
            mark_of: returns the mark that was stored last.
        """
        self.name, self.interval_s = name_of(settings), settings.interval.total_seconds()
        self.first_s = 0.0
        self._settings, self._scratch, self._mark_of = settings, scratch, mark_of
        self._source = DataSource(
            name=settings.source, type=settings.type, columns=tuple(settings.columns.items()),
            options=tuple(settings.options.items()),
        )  # fmt: skip
        self._files = LogFiles(settings.path, settings.rotated)
        self._mark: Mark | None = None
        self._still: dict[tuple[int, int], int] = {}
        self._chance = random.SystemRandom()
        self.bad_lines = 0

    def collect(self, at: datetime, effort: Effort) -> Iterator[Gathered]:  # noqa: ARG002 - lines have their own instants
        """Yield what the log has grown by; each part is stored with the mark behind it."""
        try:
            yield from self._grown(effort)
        except BaseException:
            self._mark = None  # what was not stored is read again
            raise

    def _grown(self, effort: Effort) -> Iterator[Gathered]:
        if self._mark is None:
            stored = self._mark_of()
            self._mark = Mark.read(stored) if stored else self._files.begin(at_end=self._settings.begin == "end")
            if not stored:
                yield self._stored(self._mark, b"", effort)
        mark = self._mark
        for piece in self._files.pieces(mark):
            for data in self._parts(piece) if piece.fd >= 0 else _packed_parts(piece, mark):
                yield self._stored(mark, data, effort)
        self._files.finished(mark)

    def _stored(self, mark: Mark, data: bytes, effort: Effort) -> Gathered:
        """Return lines as a batch, with the mark that stands behind them."""
        mark.number += 1
        table = SCHEMAS["events"].empty_table()
        if data:
            found = log_lines(self._settings.path, data, self._source, self._scratch)
            self.bad_lines += found.bad
            if found.problems:
                log.warning("%s: %d lines cannot be read; %s", self.name, found.bad, found.problems[0])
            one_in = effort.one_in if self._settings.sampling == "allowed" else 1
            table = thinned(found.table, one_in, self._chance)
        return Gathered(self._settings.source, "events", table, mark.text())

    def _parts(self, piece: Piece) -> Iterator[bytes]:
        """Yield whole lines of an open file; its mark then stands behind them."""
        while True:
            start = piece.known.offset
            data = os.pread(piece.fd, PORTION, start)
            cut = data.rfind(b"\n") + 1
            if not cut:
                cut = len(data) if len(data) == PORTION or self._is_over(piece, len(data)) else 0
            if not cut:
                return
            self._still.pop(piece.known.key, None)
            piece.known.advanced(piece.fd, start + cut)
            yield data[:cut]

    def _is_over(self, piece: Piece, left: int) -> bool:
        """Return whether the rest of a file without a line's end is its last line: it is rotated and grows no more."""
        if piece.current or not left:
            return False
        self._still[piece.known.key] = self._still.get(piece.known.key, 0) + 1
        return self._still[piece.known.key] >= _OVER_AFTER

    def close(self) -> None:
        """Close the log's files."""
        self._files.close()


def _packed_parts(piece: Piece, mark: Mark) -> Iterator[bytes]:
    """Yield whole lines of a packed file; the mark then stands behind them, and has done with the file at its end."""
    at, text = piece.known.offset, piece.text
    while at < len(text):
        end = text.rfind(b"\n", at, at + PORTION) + 1 or min(len(text), at + PORTION)
        piece.known.advanced_within(text, end)
        if end == len(text):
            mark.finish(piece.known, piece.packed)
        yield text[at:end]
        at = end
    if piece.known.offset == len(text):
        mark.finish(piece.known, piece.packed)


def name_of(settings: Tail) -> str:
    """Return the name under which a log is known in the queue."""
    return f"tail {settings.path}"
