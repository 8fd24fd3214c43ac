"""Bytes of a file, whatever its packing: gzip is found by its first bytes and checked whole before use."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nines.errors import InputError, Problem

#: Longest line that is read; a longer one is a mistake of the file.
LONGEST_LINE = 1024 * 1024


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, unpacked.

    A gzip file is unpacked and checked to its end first: nothing of a broken one is used.

    Args:
        path: file, packed or not.

    Raises:
        InputError: it cannot be read, or its packing is broken.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not packed:
                yield file
                return
            with tempfile.TemporaryFile() as whole:
                with gzip.open(file) as stream:
                    shutil.copyfileobj(stream, whole, 1 << 20)
                whole.seek(0)
                yield whole
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            Problem(str(path), f"the gzip file is cut short or damaged: {error}", "fetch it again", code="gzip")
        ) from error
    except OSError as error:
        raise InputError(
            Problem(str(path), f"cannot be read: {error.strerror or error}", "check path and rights", code="no-file")
        ) from error


def numbered(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line with its number, without its end; None for a line that is too long.

    Args:
        file: opened for bytes.
    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST_LINE + 1)
            yield number, None
            continue
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        stripped = line.rstrip(b"\r\n")
        if stripped:
            yield number, stripped
