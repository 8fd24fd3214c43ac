"""The shop's past: 90 days of simulated requests, drawn from a seed so that every visitor sees the same.

Traffic has a day and a week; incidents are planted and named, so that figures on the pages can be checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from nines.demo.services import HEALTH, SHOP

#: Minutes between two health checks in the past.
HEALTH_EVERY = 2
#: Mean requests per minute of each service over a day.
PER_MINUTE: dict[str, float] = {"payments": 1.0, "catalog": 4.0, "search": 2.5, "cart": 2.0, "checkout": 1.0}


@dataclass(frozen=True, slots=True)
class Planted:
    """One incident of the past.

    Attributes:
        service: who failed.
        days_ago: days before the demo's start at which it began.
        minutes: how long it lasted.
        error_share: share of its requests that failed.
        slower_ms: milliseconds added to each request.
    """

    service: str
    days_ago: float
    minutes: int
    error_share: float = 0.0
    slower_ms: float = 0.0


INCIDENTS: tuple[Planted, ...] = (
    Planted("payments", 71.2, 55, error_share=0.7),
    Planted("catalog", 48.6, 160, slower_ms=350),
    Planted("cart", 33.4, 35, error_share=1.0),
    Planted("checkout", 21.1, 75, error_share=0.25),
    Planted("search", 12.3, 240, slower_ms=260),
    Planted("payments", 5.8, 22, error_share=0.9),
)
#: Search's telemetry was lost for this stretch: a hole that must read as unknown.
SILENCE = Planted("search", 8.5, 90)


def simulate(service: str, end: datetime, days: int = 90, seed: int = 7) -> pa.Table:
    """Return the simulated requests of one service as event rows.

    Args:
        service: a key of `PER_MINUTE`.
        end: instant at which the history stops, aware UTC.
        days: length of the history, > 0.
        seed: same seed, same past.

    Returns:
        Columns of `nines.telemetry.event`, sorted by time.
    """
    rng = np.random.default_rng([seed, sorted(PER_MINUTE).index(service)])
    start = end - timedelta(days=days)
    minutes = np.arange(days * 1440)
    clock = start.hour + start.minute / 60 + minutes / 60
    day = 1 + 0.75 * np.sin((clock - 8) / 24 * 2 * np.pi)
    weekend = np.where(((minutes // 1440) + start.weekday()) % 7 >= 5, 0.7, 1.0)  # noqa: PLR2004 - Saturday
    rate = PER_MINUTE[service] * day * weekend
    if service == SILENCE.service:
        rate[_stretch(SILENCE, days)] = 0
    count = rng.poisson(rate)
    of_minute = np.repeat(minutes, count)
    offset_us = np.sort(of_minute * 60_000_000 + rng.integers(0, 60_000_000, of_minute.size))
    minute = offset_us // 60_000_000
    slower, failing = np.zeros(minutes.size), np.full(minutes.size, 0.0002)
    for planted in INCIDENTS:
        if planted.service == service:
            slower[_stretch(planted, days)] += planted.slower_ms
            failing[_stretch(planted, days)] = max(planted.error_share, 0.0002)
    duration = rng.lognormal(np.log(SHOP[service][1]), 0.45, minute.size) + slower[minute]
    status = np.where(rng.random(minute.size) < failing[minute], 500, 200)
    session = rng.integers(0, 5000, minute.size)
    visits = _table(service, start=start, offset_us=offset_us, duration=duration, status=status, session=session)
    checks = minutes[::HEALTH_EVERY].copy()
    if service == SILENCE.service:
        checks = checks[~np.isin(checks, minutes[_stretch(SILENCE, days)])]
    return pa.concat_tables([visits, _health(service, start, checks)])


def _health(service: str, start: datetime, minutes: np.ndarray) -> pa.Table:
    """Return the health checks of the past: the heartbeat that tells a quiet night from a dead service."""
    took = np.full(minutes.size, 1.0)
    table = _table(
        service,
        start=start,
        offset_us=minutes * 60_000_000,
        duration=took,
        status=np.full(minutes.size, 200),
        session=minutes,
    )
    return table.set_column(table.column_names.index("operation"), "operation", pa.array([HEALTH] * minutes.size))


def _stretch(planted: Planted, days: int) -> slice:
    first = round((days - planted.days_ago) * 1440)
    return slice(first, first + planted.minutes)


def _table(
    service: str,
    *,
    start: datetime,
    offset_us: np.ndarray,
    duration: np.ndarray,
    status: np.ndarray,
    session: np.ndarray,
) -> pa.Table:
    begin_us = round(start.timestamp() * 1e6)
    stamp = pa.timestamp("us", tz="UTC")
    length = len(offset_us)
    return pa.table(
        {
            "time": pa.array(begin_us + offset_us, pa.int64()).cast(stamp),
            "start": pa.array(begin_us + offset_us - (duration * 1000).astype(np.int64), pa.int64()).cast(stamp),
            "service": pa.array([service] * length),
            "operation": pa.array([SHOP[service][0]] * length),
            "http_status": pa.array(status, pa.int64()),
            "duration_ms": pa.array(np.round(duration, 3)),
            "session": pa.array(np.char.add("h", session.astype(str))),
            "version": pa.array(["v417"] * length),
        }
    )
