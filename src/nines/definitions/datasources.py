"""From the shape of a DataSource to the source: what each type needs, and what its rows stand for."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from nines.definitions import shapes
from nines.definitions.readers import Reading
from nines.reading import duration
from nines.telemetry.datasource import DataSource, Heartbeat, Sampling

#: Types whose columns are named by whoever writes the file.
_FREE = frozenset({"csv", "parquet", "states"})
#: Type -> options it cannot do without, each with what to write.
_NEEDED: dict[str, dict[str, str]] = {
    "prometheus": {"url": 'add url: "http://host:9090" under options'},
    "scrape": {"url": 'add url: "http://host:port/metrics" under options'},
    "sql": {
        "url": 'add url: "postgresql://user@host/name" under options',
        "query": "add query: SELECT ... WHERE ts >= :since AND ts < :until under options",
    },
    "delta": {"path": 'add path: "s3://bucket/folder" or a folder of this machine under options'},
    "rum": {
        "key": "add key: NAME under options; pages send it, so it is no secret",
        "origins": 'add origins: "https://shop.example" under options: pages that may send, parted by spaces',
    },
}
#: Longest wait that can be learned: rows that come later are a backlog.
MOST_SETTLE = timedelta(hours=1)
_SIGNALS = ("traces", "metrics", "logs")
#: Types whose files can be followed while they are written.
_FOLLOWED = frozenset({"csv", "ndjson", "logfmt", "combined", "common"})
#: Options of fetched sources that are lengths.
_LENGTHS = ("interval", "overlap", "history")
_PASSWORD = re.compile(r"//[^/@]*:(?!\$\{\w+\}@)[^/@]+@|[?&](ssl)?password=")
_ORIGIN = re.compile(r"https?://[^/\s]+\Z")


def source(reading: Reading, metadata: shapes.Metadata, spec: shapes.DataSourceSpec) -> DataSource:
    """Read a DataSource."""
    if spec.type in _FREE and "time" not in spec.columns:
        reading.refuse("columns", "no column is named as the time", "add time: NAME under columns", code="no-time")
    options = tuple((k, str(v).lower() if isinstance(v, bool) else str(v)) for k, v in spec.options.items())
    for name, fix in _NEEDED.get(spec.type, {}).items():
        if name not in spec.options:
            reading.refuse("options", f"a {spec.type} source needs its {name}", fix, code=f"no-{name}")
    found = DataSource(
        name=metadata.name, type=spec.type, columns=tuple(spec.columns.items()), options=options,
        heartbeat=Heartbeat(
            reading.minutes("heartbeat.gap", spec.heartbeat.gap),
            reading.predicate("heartbeat.where", spec.heartbeat.where),
        ),
        settle=timedelta() if spec.settle == "auto" else reading.pause("settle", spec.settle),
        settle_cap=_settle_cap(reading, spec), description=spec.description,
        sites=tuple(spec.sites),
    )  # fmt: skip
    _options(reading, found)
    return _with_sampling(reading, found, spec)


def _settle_cap(reading: Reading, spec: shapes.DataSourceSpec) -> timedelta | None:
    """Return the longest wait that may be learned, or None where the wait is stated."""
    if spec.settle != "auto":
        if spec.settle_cap is not None:
            reading.refuse(
                "settleCap", "a stated wait has no cap", "write settle: auto, or leave it out", code="no-auto"
            )
        return None
    cap = reading.minutes("settleCap", spec.settle_cap or "15m")
    if not timedelta() < cap <= MOST_SETTLE:
        what = f"{spec.settle_cap} is longer than lateness is learned for"
        reading.refuse("settleCap", what, "write at most 1h", code="bad-value")
    return min(cap, MOST_SETTLE)


def _options(reading: Reading, found: DataSource) -> None:
    if found.type == "otlp" and found.signal not in _SIGNALS:
        what = f"otlp has no signal {found.signal!r}"
        reading.refuse("options.signal", what, f"write one of {', '.join(_SIGNALS)}", code="bad-value")
    for origin in found.option("origins").split() if found.type == "rum" else ():
        if origin != "*" and not _ORIGIN.match(origin):
            what = f"{origin!r} is no origin"
            reading.refuse("options.origins", what, "write scheme and host, as https://shop.example", code="bad-value")
    if found.fetched:
        _fetching(reading, found)
    if len(set(found.sites)) < len(found.sites):
        reading.refuse("sites", "a site stands twice", "keep one of them", code="site-twice")


def _fetching(reading: Reading, found: DataSource) -> None:
    """Check what sources are fetched by."""
    for name in (n for n in _LENGTHS if found.option(n)):
        try:
            duration(found.option(name))
        except ValueError:
            what = f"{found.option(name)!r} is no length"
            reading.refuse(f"options.{name}", what, "write it like 30s, 5m or 1h", code="bad-value")
    if found.option("follow") and (found.type not in _FOLLOWED or not found.option("follow").startswith("/")):
        what = f"a {found.type} source cannot follow {found.option('follow')!r}"
        fix = f"name a file by its whole path, in a source of type {', '.join(sorted(_FOLLOWED))}"
        reading.refuse("options.follow", what, fix, code="bad-value")
    if found.type == "sql" and _PASSWORD.search(found.option("url")):
        fix = "put it into a file and name password_file, or write ${NAME}"
        reading.refuse("options.url", "the url holds a password", fix, code="bad-url")


def _with_sampling(reading: Reading, found: DataSource, spec: shapes.DataSourceSpec) -> DataSource:
    if isinstance(spec.sampling, shapes.RateShape):
        rate = reading.ratio("sampling.rate", spec.sampling.rate)
        if not 0 < rate <= 1:
            reading.refuse("sampling.rate", "it lies above 0 and at most at 1", 'write "10%" or 0.1', code="bad-value")
            rate = Fraction(1)
        return replace(found, sampling=Sampling("rate", rate))
    kept = spec.sampling or ("declared" if found.signal == "traces" else "all")
    return replace(found, sampling=Sampling(kept))
