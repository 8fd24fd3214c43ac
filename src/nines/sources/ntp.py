"""Time servers asked for the time: what one answer proves about two clocks, and nothing more.

Four instants bound the offset of the server's clock against this machine's as those of any call do; the server's root
delay and dispersion bound its own against true time. Source: RFC 5905, sections 7.3, 8 and 11.2.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

import ntplib

from nines.addresses import is_refused
from nines.errors import InputError, Problem
from nines.telemetry.clocks import Interval

PORT = 123
#: How long an answer is waited for, seconds.
PATIENCE = 1.0
#: What the floating seconds of an answer may be wrong, nanoseconds: 2^-21 s for instants of this century, four of them.
_ROUNDING = 2_000
_SERVER, _UNSYNCHRONISED = 4, 3
_STRATA = range(1, 16)


@dataclass(frozen=True, slots=True)
class TimeServer:
    """A time server, and the host whose clock it tells.

    Attributes:
        host: name of the host, as spans have it.
        address: name or address to ask.
        port: UDP port, 1..65535.
    """

    host: str
    address: str
    port: int = PORT


@dataclass(frozen=True, slots=True)
class Told:
    """What one answer proves.

    Attributes:
        server: who was asked.
        offset: clock of the server minus clock of this machine.
        root: clock of the server minus true time, as the server says; None when it is not synchronised.
        stratum: how far it is from its reference clock, 1..15, or 16 when it is not synchronised.
        at: when the answer came, nanoseconds UTC on the clock of this machine.
    """

    server: TimeServer
    offset: Interval
    root: Interval | None
    stratum: int
    at: int


def time_servers(text: str) -> tuple[TimeServer, ...]:
    """Return the time servers a setting names.

    Args:
        text: `HOST=ADDRESS[:PORT]`, parted by commas; a bare address tells the clock of a host of that name.

    Raises:
        InputError: a part cannot be read; all of them at once.

    Example:
        >>> time_servers("db-1=10.0.0.5, ntp.example:1123")[1]
        TimeServer(host='ntp.example', address='ntp.example', port=1123)
    """
    found, wrong = [], []
    for part in (p.strip() for p in text.split(",") if p.strip()):
        name, equals, place = part.partition("=")
        address, port = _placed(place.strip() if equals else name)
        if not address or not name.strip() or not port.isdecimal() or not 1 <= int(port[:6]) <= 65535:  # noqa: PLR2004
            wrong.append(Problem(part[:80], "this names no time server", "write HOST=ADDRESS or HOST=ADDRESS:PORT",
                                 code="bad-server"))  # fmt: skip
            continue
        found.append(TimeServer(name.strip() if equals else address, address, int(port)))
    if wrong:
        raise InputError(*wrong)
    return tuple(found)


def ask(server: TimeServer, *, allow: Sequence[str] = (), patience: float = PATIENCE) -> Told | Problem:
    """Ask a time server once, and return what its answer proves, or why there is none.

    Args:
        server: whom to ask.
        allow: addresses and networks that are asked although they would be refused.
        patience: seconds to wait, > 0.
    """
    where = f"time server of {server.host}"
    try:
        address = socket.getaddrinfo(server.address, server.port, type=socket.SOCK_DGRAM)[0][4][0]
    except OSError as error:
        return _silent(where, f"its address cannot be found: {error.strerror or error}")
    if is_refused(str(address), allow):
        what = f"{address} must not be asked"
        return Problem(where, what, "name a server of your own network", "warning", "refused-address")
    try:
        answer = ntplib.NTPClient().request(str(address), version=4, port=server.port, timeout=patience)
    except (ntplib.NTPException, OSError) as error:
        return _silent(where, f"it gave no answer: {error}")
    return _told(server, answer, where)


def _told(server: TimeServer, answer: ntplib.NTPStats, where: str) -> Told | Problem:
    if answer.mode != _SERVER or answer.stratum == 0:
        return _silent(where, "its answer is none of a server, or asks to be left alone")
    c1, s2, s3, c4 = (_ns(t) for t in (answer.orig_time, answer.recv_time, answer.tx_time, answer.dest_time))
    # An answer to another question, or a made-up one, has instants that no order of cause and effect allows.
    if s3 < s2 or c4 < c1 or (c4 - c1) - (s3 - s2) < -_ROUNDING:
        return _silent(where, "the instants of its answer contradict one another")
    offset = Interval(s3 - c4 - _ROUNDING, s2 - c1 + _ROUNDING, 1)
    well = answer.leap != _UNSYNCHRONISED and answer.stratum in _STRATA
    if not well:
        return Told(server, offset, None, 16, c4)
    # The dispersion grows by 15 ppm; within the answer's flight that is below the rounding.
    most = -(-_ns(answer.root_delay) // 2) + _ns(answer.root_dispersion) + _ROUNDING
    return Told(server, offset, Interval(-most, most), answer.stratum, c4)


def _ns(seconds: float) -> int:
    return round(seconds * 1_000_000_000)


def _silent(where: str, what: str) -> Problem:
    return Problem(where, what, "look whether it runs and may be reached", "warning", "no-time")


def _placed(text: str) -> tuple[str, str]:
    """Return address and port of `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`; a bare IPv6 address has no port."""
    if text.startswith("["):
        address, _, rest = text[1:].partition("]")
        return address, rest.removeprefix(":") or str(PORT)
    if text.count(":") > 1:
        return text, str(PORT)
    address, _, port = text.partition(":")
    return address, port or str(PORT)
