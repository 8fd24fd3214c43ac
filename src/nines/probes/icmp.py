"""ICMP steps: an echo request, by the sockets that need no special right, or else by those that do."""

from __future__ import annotations

import secrets
import socket
import struct
import time

from nines.probes.measures import CannotLookError, Run, StepError
from nines.telemetry.journey import IcmpCall

_ECHO: dict[int, tuple[int, int]] = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}


def checksum(data: bytes) -> int:
    """Return the Internet checksum.

    Args:
        data: bytes; one of an odd number is followed by a zero.

    Source:
        RFC 1071.

    Example:
        >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
        '0x220d'
    """
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def _line(family: int) -> tuple[socket.socket, bool]:
    """Return a socket for echo requests, and whether it is a raw one."""
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, protocol), kind == socket.SOCK_RAW
        except PermissionError:
            continue
        except OSError as error:
            msg = f"this machine has no ICMP: {error.strerror}"
            raise CannotLookError(msg) from error
    msg = "this process may not send ICMP; widen net.ipv4.ping_group_range or give it CAP_NET_RAW"
    raise CannotLookError(msg)


def perform(run: Run, call: IcmpCall) -> None:
    """Send an echo request and wait for its reply; half the time that is left goes to each of two requests.

    Args:
        run: the try.
        call: whom to ask.

    Raises:
        StepError: nobody replies.
        CannotLookError: this process may not ask.
    """
    address = run.addresses(call.host, 0)[0]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    line, raw = _line(family)
    mark = secrets.token_bytes(16)
    with line:
        for number in (1, 2):
            patience = run.remaining() / (2 if number == 1 else 1)
            begun = time.perf_counter()
            try:
                line.sendto(_request(family, number, mark), (address, 0))
                if _replied(line, family, mark, begun + patience, raw=raw):
                    run.phases.add("first_byte_ms", time.perf_counter() - begun)
                    return
            except OSError as error:
                raise StepError(what=f"{call.host} cannot be reached: {error.strerror}", code="no-route") from error
    raise StepError(what=f"{call.host} does not reply", code="no-reply")


def _request(family: int, number: int, mark: bytes) -> bytes:
    kind, name = _ECHO[family][0], int.from_bytes(mark[:2], "big")
    bare = struct.pack("!BBHHH", kind, 0, 0, name, number) + mark
    return struct.pack("!BBHHH", kind, 0, checksum(bare), name, number) + mark


def _replied(line: socket.socket, family: int, mark: bytes, until: float, *, raw: bool) -> bool:
    """Return whether the reply comes in time; what others are sent, and our own request, is passed over."""
    while (left := until - time.perf_counter()) > 0:
        line.settimeout(left)
        try:
            data = line.recv(2048)
        except TimeoutError:
            return False
        if raw and family == socket.AF_INET and data:
            data = data[(data[0] & 0x0F) * 4 :]  # past the IP header
        if data[:1] == bytes([_ECHO[family][1]]) and data[8 : 8 + len(mark)] == mark:
            return True
    return False
