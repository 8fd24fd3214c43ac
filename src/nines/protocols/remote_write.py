"""Prometheus remote write 1.0 and 2.0, received: bytes and headers in, readings and the answer out.

Headers are read as Prometheus reads them when it receives: without any, a request is 1.0 in snappy. zstd is taken too,
which vmagent tries first. Bytes that will never be right are answered 400, on which every sender gives up; vmagent
repeats 413 and 422 for ever, and everything behind them waits.

A bad series, sample or histogram is refused and its neighbours are kept, with 400 and the counts of what was taken.
Series that nobody needs are taken and dropped. They count as written in the answer, as exemplars do: a sender that
reads a smaller number beside a 2xx reports lost data with every request.

Sources: https://prometheus.io/docs/specs/prw/remote_write_spec/ and remote_write_spec_2_0/ (2.0-rc.4),
storage/remote/write_handler.go of prometheus/prometheus, remotewrite/receiver of prometheus/compliance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nines.protocols.compression import LIMIT, decompressed
from nines.protocols.refusal import BAD_REQUEST, UNSUPPORTED, Refused
from nines.protocols.remote_write_dialects import Dialect, First, Second
from nines.protocols.remote_write_gathering import TOLD, Counted, Gathering
from nines.telemetry.readings import Readings, SeriesBook

FIRST_MESSAGE, SECOND_MESSAGE = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
_TYPE = "application/x-protobuf"
_ENCODINGS = ("snappy", "zstd")
_TAKEN = 204


@dataclass(frozen=True, slots=True)
class Written:
    """What was taken of a request, as the answer to 2.0 says it.

    Attributes:
        samples: samples taken.
        histograms: native histograms taken.
        exemplars: exemplars of series that were taken.
    """

    samples: int = 0
    histograms: int = 0
    exemplars: int = 0

    def headers(self) -> dict[str, str]:
        """Return the three headers a receiver of 2.0 always answers with.

        Example:
            >>> Written(samples=3).headers()["x-prometheus-remote-write-samples-written"]
            '3'
        """
        counts = (("samples", self.samples), ("histograms", self.histograms), ("exemplars", self.exemplars))
        return {f"x-prometheus-remote-write-{what}-written": str(count) for what, count in counts}


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A request, decoded.

    Attributes:
        readings: what somebody needs of it.
        written: what was taken, needed or not.
        dropped: samples and histograms taken that nobody needs.
        problems: what was refused and why, the first few and how many more.
        status: 204, or 400 when something was refused.
        headers: headers of the answer, lower-case names.
        notes: what was taken but not kept whole, for our own log.
    """

    readings: Readings
    written: Written
    dropped: int
    problems: list[str]
    status: int
    headers: dict[str, str]
    notes: list[str] = field(default_factory=list)


def decode(body: bytes, headers: Mapping[str, str], book: SeriesBook, *, now_ms: int, limit: int = LIMIT) -> Decoded:
    """Return a write request as readings, with the answer its sender gets once they are kept.

    Args:
        body: the request's body.
        headers: its headers, lower-case names.
        book: which series are kept.
        now_ms: this clock, UTC milliseconds; samples more than 10 minutes ahead of it are refused.
        limit: most bytes the body may unfold to.

    Raises:
        Refused: nothing was taken: 415 for another type, message or compression, 400 for a body that is no request.
            Its headers are those of the answer.
    """
    second = _second(headers.get("content-type", ""))
    try:
        encoding = _encoding(headers.get("content-encoding", ""))
        dialect: Dialect = Second() if second else First()
        gathering = Gathering(dialect, book, now_ms)
        for raws in dialect.requests(decompressed(body, encoding, limit=limit)):
            gathering.take(raws)
    except Refused as refused:
        refused.headers = Written().headers() if second else {}
        raise
    return _decoded(gathering.readings(), gathering.counted, second=second)


def _decoded(readings: Readings, counted: Counted, *, second: bool) -> Decoded:
    written = Written(counted.samples, counted.histograms, counted.exemplars)
    problems = list(counted.problems)
    if counted.refused > TOLD:
        problems.append(f"and {counted.refused - TOLD:,} more")
    notes = []
    if "exponential" in counted.not_kept:
        notes.append(f"{counted.not_kept['exponential']:,} histograms with exponential buckets: count and sum are kept")
    if "gauge" in counted.not_kept:
        notes.append(f"{counted.not_kept['gauge']:,} gauge histograms: nothing is kept, they count no events")
    if counted.undated:
        notes.append(f"{counted.undated:,} samples start after they end: kept without a start")
    status = BAD_REQUEST if counted.refused else _TAKEN
    return Decoded(readings, written, counted.dropped, problems, status, written.headers() if second else {}, notes)


def _encoding(content_encoding: str) -> str:
    """Return the compression a Content-Encoding names; none at all is snappy."""
    encoding = content_encoding.strip().lower() or "snappy"
    if encoding not in _ENCODINGS:
        raise Refused(UNSUPPORTED, f"Content-Encoding {encoding[:40]!r} is not supported; send snappy or zstd")
    return encoding


def _second(content_type: str) -> bool:
    """Return whether a Content-Type names the message of 2.0; none at all is 1.0.

    Raises:
        Refused: it names another type or message.
    """
    kind, *rest = (part.strip() for part in content_type.split(";"))
    parameters = {name.strip().lower(): value.strip().strip('"') for name, _, value in (p.partition("=") for p in rest)}
    message = parameters.get("proto", FIRST_MESSAGE)
    if (kind and kind.lower() != _TYPE) or message not in {FIRST_MESSAGE, SECOND_MESSAGE}:
        told = f"Content-Type {content_type[:80]!r} is not supported; send {_TYPE};proto={SECOND_MESSAGE}"
        raise Refused(UNSUPPORTED, told, headers=Written().headers())
    return message == SECOND_MESSAGE
