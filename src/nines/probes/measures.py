"""What one step measures, and the two ways it can end badly: the thing probed failed, or the prober could not look."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nines.probes.masking import Masker
from nines.probes.names import Resolver


class StepError(Exception):
    """What was probed is not as it should be.

    Attributes:
        what: what went wrong, one sentence without a full stop.
        code: stable kebab-case name of it.
    """

    def __init__(self, *, what: str, code: str) -> None:
        """Keep what went wrong."""
        super().__init__(what)
        self.what, self.code = what, code


class CannotLookError(Exception):
    """The prober itself lacks something, so that nothing is known of what was to be probed."""


@dataclass(slots=True)
class Phases:
    """Milliseconds that a step spent on each part of its way, summed over its redirects; None where there was none.

    Attributes:
        dns_ms: looking the name up.
        connect_ms: opening the connection.
        tls_ms: agreeing on its encryption.
        first_byte_ms: from the request sent to the head of its answer.
        transfer_ms: reading the rest.
    """

    dns_ms: float | None = None
    connect_ms: float | None = None
    tls_ms: float | None = None
    first_byte_ms: float | None = None
    transfer_ms: float | None = None

    def add(self, name: str, seconds: float) -> None:
        """Add time to a phase.

        Args:
            name: a field.
            seconds: >= 0.
        """
        setattr(self, name, (getattr(self, name) or 0.0) + seconds * 1000)

    def known(self) -> dict[str, float]:
        """Return the phases that there were, milliseconds."""
        return {n: v for n in self.__slots__ if (v := getattr(self, n)) is not None}


@dataclass(slots=True)
class Run:
    """One try of a journey while it is under way.

    Attributes:
        probe: name of the probe, told to what is probed.
        version: version of this program, told likewise.
        at: wall clock at the beginning.
        deadline: monotonic seconds by which all must be done.
        values: what places stand for: secrets, and what earlier steps took.
        masker: knows what must not be shown.
        resolver: looks names up and refuses what must not be asked.
        phases: of the present step.
        status: HTTP status of the present step, or None.
        trusts: what certificates are held against, by whether they are and by the file of authorities.
    """

    probe: str
    version: str
    at: datetime
    deadline: float
    values: dict[str, str]
    masker: Masker
    resolver: Resolver
    phases: Phases = field(default_factory=Phases)
    status: int | None = None
    trusts: dict[tuple[bool, str], ssl.SSLContext] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    def restart(self, timeout_s: float) -> None:
        """Begin to count now: what the prober itself had to prepare is not the time of what it probes.

        Args:
            timeout_s: longest time from now on, seconds.
        """
        now = time.perf_counter()
        self.at, self.began, self.deadline = self.wall(), now, now + timeout_s

    def remaining(self) -> float:
        """Return the seconds that are left.

        Raises:
            StepError: none are.
        """
        left = self.deadline - time.perf_counter()
        if left <= 0:
            raise late()
        return left

    def wall(self) -> datetime:
        """Return the present instant: the beginning plus what a clock that is never set back has counted since."""
        return self.at + timedelta(seconds=time.perf_counter() - self.began)

    def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host, its look-up counted as the phase dns.

        Args:
            host: name or address.
            port: TCP or UDP port.

        Raises:
            StepError: it has none, or the look-up takes too long.
            InputError: it is one that must not be asked.
        """
        begun = time.perf_counter()
        try:
            found, looked_up = self.resolver.addresses(host, port, self.remaining())
        except TimeoutError as error:
            raise late() from error
        except OSError as error:
            why = error.strerror or error
            raise StepError(what=f"the name {host} cannot be resolved: {why}", code="no-name") from error
        finally:
            spent = time.perf_counter() - begun
        if looked_up:
            self.phases.add("dns_ms", spent)
        return found


def late() -> StepError:
    """Return the failure of a journey that takes longer than it may."""
    return StepError(what="it takes longer than the journey's timeout", code="timeout")
