"""DNS steps: a question and its answers, by the system for addresses and by a datagram for the rest."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

from nines.probes.measures import CannotLookError, Run, StepError, late
from nines.probes.names import look_up
from nines.telemetry.journey import DnsCall

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "CAA": 257}
_REFUSALS = {
    1: "it calls the question malformed",
    2: "it failed",
    3: "there is no such name",
    5: "it refuses to answer",
}
#: A datagram is asked again after so long.
AGAIN_S = 2.0
#: A compressed name points back so often at most.
_MOST_JUMPS = 64
_RESOLV_CONF = Path("/etc/resolv.conf")


def question(number: int, name: str, kind: int) -> bytes:
    """Return a query for one name.

    Args:
        number: by which the answer is known, 0..65535.
        name: domain name, a dot at its end or none.
        kind: number of the record type.

    Source:
        RFC 1035, 4.1.

    Raises:
        ValueError: it is no domain name.
    """
    labels = [] if name in {"", "."} else name.rstrip(".").split(".")
    coded = b""
    for label in labels:
        plain = label.encode("ascii") if label.isascii() else label.encode("idna")
        if not 1 <= len(plain) <= 63:  # noqa: PLR2004 - RFC 1035, 2.3.4
            msg = f"{name!r} is no domain name"
            raise ValueError(msg)
        coded += bytes([len(plain)]) + plain
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + coded + b"\0" + struct.pack("!2H", kind, 1)


def _name(data: bytes, at: int) -> tuple[str, int]:
    """Return the name at a place, pointers followed, and where what follows it begins."""
    labels: list[str] = []
    after = -1
    for _ in range(_MOST_JUMPS + 128):
        length = data[at]
        if length >= 0xC0:  # noqa: PLR2004 - a pointer, RFC 1035, 4.1.4
            after = at + 2 if after < 0 else after
            at = struct.unpack_from("!H", data, at)[0] & 0x3FFF
            continue
        if length == 0:
            return ".".join(labels), at + 1 if after < 0 else after
        labels.append(data[at + 1 : at + 1 + length].decode("ascii", errors="replace"))
        at += 1 + length
    msg = "a name points back at itself"
    raise ValueError(msg)


def _soa(data: bytes, at: int) -> str:
    primary, after = _name(data, at)
    mailbox, after = _name(data, after)
    return f"{primary} {mailbox} {struct.unpack_from('!I', data, after)[0]}"


def _caa(data: bytes, at: int, length: int) -> str:
    tag = at + 2 + data[at + 1]
    value = data[tag : at + length].decode("utf-8", errors="replace")
    return f"{data[at]} {data[at + 2 : tag].decode('ascii', errors='replace')} {value}"


def _txt(data: bytes, at: int, length: int) -> str:
    parts, end = [], at + length
    while at < end:
        parts.append(data[at + 1 : at + 1 + data[at]].decode("utf-8", errors="replace"))
        at += 1 + data[at]
    return "".join(parts)


#: Type -> what reads a record's data, as people write it, from the message, its place and its length.
_READERS: dict[str, Callable[[bytes, int, int], str]] = {
    "A": lambda data, at, length: str(ipaddress.ip_address(data[at : at + length])),
    "AAAA": lambda data, at, length: str(ipaddress.ip_address(data[at : at + length])),
    "NS": lambda data, at, _: _name(data, at)[0],
    "CNAME": lambda data, at, _: _name(data, at)[0],
    "MX": lambda data, at, _: f"{struct.unpack_from('!H', data, at)[0]} {_name(data, at + 2)[0]}",
    "SRV": lambda data, at, _: " ".join([*map(str, struct.unpack_from("!3H", data, at)), _name(data, at + 6)[0]]),
    "SOA": lambda data, at, _: _soa(data, at),
    "CAA": _caa,
    "TXT": _txt,
}
_NAMES = {number: name for name, number in TYPES.items()}


def answers(data: bytes, asked: bytes) -> tuple[list[str], bool]:
    """Return the answers in a message, and whether it was cut short.

    Args:
        data: the message.
        asked: the query.

    Raises:
        StepError: it says that there is none.
        ValueError: it is no answer to this query.
    """
    try:
        number, flags, questions, count = struct.unpack_from("!4H", data)
        same = data[12 : len(asked)].lower() == asked[12:].lower()  # a server may change capitals
        if number != int.from_bytes(asked[:2], "big") or not flags & 0x8000 or questions != 1 or not same:
            msg = "this answers another question"
            raise ValueError(msg)
        if flags & 0x0F:
            why = _REFUSALS.get(flags & 0x0F, f"it answers with code {flags & 0x0F}")
            raise StepError(what=f"the name cannot be resolved: {why}", code="no-name")
        wanted, at, found = struct.unpack("!H", asked[-4:-2])[0], len(asked), []
        for _ in range(count):
            _, at = _name(data, at)
            kind, _, _, length = struct.unpack_from("!HHIH", data, at)
            if kind == wanted:
                found.append(_READERS[_NAMES[kind]](data, at + 10, length))
            at += 10 + length
    except (struct.error, IndexError) as error:
        msg = "the answer is cut off"
        raise ValueError(msg) from error
    return found, bool(flags & 0x0200)


def perform(run: Run, call: DnsCall) -> list[str]:
    """Ask, and return the answers, sorted.

    Args:
        run: the try.
        call: what is asked, of whom, and what must be among the answers.

    Raises:
        StepError: there is no answer, or not the right one.
        CannotLookError: it is not known whom to ask.
    """
    begun = time.perf_counter()
    try:
        found = _by_system(run, call) if not call.server and call.type in {"A", "AAAA"} else _by_datagram(run, call)
    except ValueError as error:
        raise StepError(what=f"the answer about {call.name} cannot be read: {error}", code="wrong-answer") from error
    except TimeoutError as error:
        raise late() from error
    except OSError as error:
        why = error.strerror or str(error)
        raise StepError(what=f"the name {call.name} cannot be resolved: {why}", code="no-name") from error
    finally:
        run.phases.dns_ms = (time.perf_counter() - begun) * 1000
    if not found:
        raise StepError(what=f"{call.name} has no {call.type} record", code="no-name")
    lacking = [text for text in call.expect if _plain(text) not in {_plain(f) for f in found}]
    if lacking:
        what = f"{call.name} has {', '.join(sorted(found))}; expected {', '.join(lacking)} among them"
        raise StepError(what=what, code="wrong-answer")
    return sorted(found)


def _plain(text: str) -> str:
    """Return an answer so that notation makes no difference: addresses in one form, names without capitals."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text.rstrip(".").lower()


def _by_system(run: Run, call: DnsCall) -> list[str]:
    family = socket.AF_INET if call.type == "A" else socket.AF_INET6
    return look_up(call.name, 0, run.remaining(), family)


def _server(run: Run, call: DnsCall) -> tuple[str, int]:
    """Return address and port of whom to ask; nobody else looks the server's name up."""
    if not call.server:
        lines = _RESOLV_CONF.read_text(encoding="utf-8").splitlines() if _RESOLV_CONF.exists() else []
        servers = [words[1] for line in lines if (words := line.split())[:1] == ["nameserver"] and len(words) > 1]
        if not servers:
            msg = "this machine names no server for names; say server: in the step"
            raise CannotLookError(msg)
        return servers[0], 53
    host, _, port = (
        call.server.rpartition(":") if call.server.count(":") == 1 or "]:" in call.server else (call.server, "", "53")
    )
    address = run.addresses(host.strip("[]"), int(port))[0]
    return address, int(port)


def _by_datagram(run: Run, call: DnsCall) -> list[str]:
    address, port = _server(run, call)
    asked = question(secrets.randbits(16), call.name, TYPES[call.type])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.connect((address, port))
        while True:
            line.send(asked)
            until = time.perf_counter() + min(AGAIN_S, run.remaining())
            found = _heard(line, asked, until)
            if found is not None:
                return _by_stream(run, address, port, asked) if found[1] else found[0]
            run.remaining()


def _heard(line: socket.socket, asked: bytes, until: float) -> tuple[list[str], bool] | None:
    """Return the answer to a question, or None when none comes in time; strangers' datagrams are passed over."""
    while (left := until - time.perf_counter()) > 0:
        line.settimeout(left)
        try:
            data = line.recv(65_535)
        except TimeoutError:
            return None
        if data[:2] == asked[:2]:
            return answers(data, asked)
    return None


def _by_stream(run: Run, address: str, port: int, asked: bytes) -> list[str]:
    """Ask again over TCP, because the datagram was too short for the answer."""
    with socket.create_connection((address, port), timeout=run.remaining()) as line, line.makefile("rb") as file:
        line.sendall(struct.pack("!H", len(asked)) + asked)
        length = int.from_bytes(file.read(2), "big")
        return answers(file.read(length), asked)[0]
