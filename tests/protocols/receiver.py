"""Remote write as tests receive it: a request decoded twice, and its readings as rows."""

import struct

import numpy as np
import pytest

from nines.protocols.remote_write import decode
from nines.telemetry.readings import SeriesBook
from protocols.sender import request

NOW = 1_772_323_200_000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
SAMPLES, HISTOGRAMS, EXEMPLARS = (
    f"x-prometheus-remote-write-{what}-written" for what in ("samples", "histograms", "exemplars")
)
BOTH = pytest.mark.parametrize("version", ["1.0", "2.0"])


def everything(_labels):
    return True


def received(sent, version="1.0", compression="snappy", *, keep=everything, book=None, now_ms=NOW):
    """Decode a request twice: a series that is known is read another way than a new one, and has to read the same."""
    body, headers = request(sent, version, compression)
    book = book or SeriesBook(keep)
    new, known = (decode(body, headers, book, now_ms=now_ms) for _ in range(2))
    assert known.readings.series.tolist() == new.readings.series.tolist()
    assert known.readings.times.tolist() == new.readings.times.tolist()
    assert known.readings.values.tobytes() == new.readings.values.tobytes()
    assert known.readings.created.tolist() == new.readings.created.tolist()
    assert known.readings.labels == new.readings.labels
    for name in ("written", "dropped", "problems", "status", "headers", "notes"):
        assert getattr(known, name) == getattr(new, name)
    return known


def rows(decoded):
    found = decoded.readings
    columns = zip(
        found.series.tolist(), found.times.tolist(), found.values.tolist(), found.created.tolist(), strict=True
    )
    return [(dict(found.labels[s]), t, v, c) for s, t, v, c in columns]


def bits(decoded):
    return decoded.readings.values.view(np.uint64).tolist()
