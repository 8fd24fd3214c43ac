"""Looking names up, and refusing addresses that a definition must not make us ask.

Loopback and private networks are allowed: that is where much of what is probed lives. Link-local addresses, by which
a machine reaches its own cloud's secrets, multicast and the unspecified address are not, in whatever notation.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Sequence

from nines.errors import InputError, Problem

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Addresses of clouds' metadata that are not link-local (AWS over IPv6, Alibaba, Oracle's private one).
_METADATA = frozenset(ipaddress.ip_address(a) for a in ("fd00:ec2::254", "100.100.100.200", "192.0.0.192"))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def meant(text: str) -> _Address:
    """Return the address a text stands for; IPv4 written as IPv6 is IPv4.

    Args:
        text: IPv4 or IPv6, also with a zone.

    Raises:
        ValueError: it is no address.

    Example:
        >>> meant("::ffff:169.254.169.254")
        IPv4Address('169.254.169.254')
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None:
            return inner
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_refused(text: str, allow: Sequence[str] = ()) -> bool:
    """Return whether an address must not be asked.

    Args:
        text: IPv4 or IPv6.
        allow: addresses and networks that are allowed all the same.

    Example:
        >>> is_refused("127.0.0.1"), is_refused("169.254.169.254"), is_refused("169.254.1.9", ["169.254.1.0/24"])
        (False, True, False)
    """
    address = meant(text)
    if any(address in ipaddress.ip_network(one) for one in allow):
        return False
    odd = address.is_link_local or address.is_multicast or address.is_unspecified
    return odd or address in _METADATA or text == "255.255.255.255"


def no_address(host: str, address: str) -> InputError:
    """Return the refusal of an address.

    Args:
        host: as it was written.
        address: what it stands for.
    """
    fix = "name the system itself; whoever runs probes can allow it with --allow"
    return InputError(Problem(host, f"{address} is not an address to be asked", fix, code="refused-address"))


class Resolver:
    """Looks names up, each once, and refuses what must not be asked.

    What was looked up is what is connected to, so a name cannot change its meaning in between.
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        """Begin with nothing known.

        Args:
            allow: addresses and networks that are allowed although they would be refused.

        Raises:
            InputError: one of these is none.
        """
        for one in allow:
            try:
                ipaddress.ip_network(one)
            except ValueError as error:
                fix = "write it like 169.254.1.0/24"
                raise InputError(Problem("--allow", str(error), fix, code="bad-network")) from error
        self.allow = tuple(allow)
        self._known: dict[str, list[str]] = {}

    def addresses(self, host: str, port: int, timeout_s: float) -> tuple[list[str], bool]:
        """Return the addresses of a host, in the order they should be tried, and whether it was looked up just now.

        Args:
            host: name or address.
            port: where it will be asked.
            timeout_s: patience, seconds.

        Raises:
            OSError: there are none; TimeoutError when nobody answers in time.
            InputError: one must not be asked.
        """
        known = self._known.get(host)
        if known is not None:
            return known, False
        found = look_up(host, port, timeout_s)
        for address in found:
            if is_refused(address, self.allow):
                raise no_address(host, address)
        self._known[host] = found
        return found, True


def look_up(host: str, port: int, timeout_s: float, family: int = 0) -> list[str]:
    """Ask the system; it knows no timeout of its own, so it is asked on a thread that may be left behind.

    Args:
        host: name or address.
        port: where it will be asked.
        timeout_s: patience, seconds.
        family: AF_INET, AF_INET6, or 0 for both.

    Raises:
        OSError: there are none; TimeoutError when nobody answers in time.
    """
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(info[4][0]) for info in infos)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="nines-look-up", daemon=True).start()
    try:
        found = answers.get(timeout=timeout_s)
    except queue.Empty as error:
        raise TimeoutError from error
    if isinstance(found, UnicodeError):
        raise OSError(str(found)) from found
    if isinstance(found, Exception):
        raise found
    return found
