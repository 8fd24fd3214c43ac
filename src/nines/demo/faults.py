"""Faults on a schedule: what goes wrong in the shop, when, and for how long.

The schedule is data and repeats, so a visitor sees each fault within minutes and can look it up here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is broken for a while.

    Attributes:
        service: service it breaks.
        begins_s: seconds after the start of each round.
        lasts_s: seconds it lasts.
        error_share: share of requests answered with 500, 0..1.
        slower_ms: milliseconds added to each request.
        silent: whether the service's telemetry stops (its requests still work).
        story: what a person would be told.
    """

    service: str
    begins_s: float
    lasts_s: float
    error_share: float = 0.0
    slower_ms: float = 0.0
    silent: bool = False
    story: str = ""


#: Seconds after which the schedule begins again.
ROUND_S = 480.0

SCHEDULE: tuple[Fault, ...] = (
    Fault("payments", 15, 60, error_share=0.45, story="the payment vendor refuses two in five cards"),
    Fault("catalog", 100, 50, slower_ms=420, story="the catalogue's cache is cold after a deploy"),
    Fault("cart", 180, 40, error_share=1.0, story="the cart's database is restarted"),
    Fault("search", 230, 190, silent=True, story="the search service stops reporting"),
    Fault("checkout", 430, 30, error_share=0.15, slower_ms=150, story="a bad release of checkout, rolled back"),
)


def active(service: str, elapsed_s: float, schedule: tuple[Fault, ...] = SCHEDULE) -> Fault | None:
    """Return the fault that breaks a service now, if any.

    Args:
        service: name of the service.
        elapsed_s: seconds since the shop opened, >= 0.
        schedule: faults of one round.

    Example:
        >>> active("payments", 20).error_share
        0.45
        >>> active("payments", 90) is None
        True
    """
    moment = elapsed_s % ROUND_S
    for fault in schedule:
        if fault.service == service and fault.begins_s <= moment < fault.begins_s + fault.lasts_s:
            return fault
    return None
