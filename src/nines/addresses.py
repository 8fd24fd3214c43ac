"""Addresses that a definition must not make us ask.

Loopback and private networks are allowed unless somebody says otherwise: that is where much of what is asked lives.
Link-local addresses, by which a machine reaches its own cloud's secrets, multicast and the unspecified address are
not, in whatever notation.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: Networks by which a machine reaches what listens for itself alone.
LOOPBACK = ("127.0.0.0/8", "::1/128")

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


def is_refused(text: str, allow: Sequence[str] = (), refuse: Sequence[str] = ()) -> bool:
    """Return whether an address must not be asked.

    Args:
        text: IPv4 or IPv6.
        allow: addresses and networks that are allowed all the same.
        refuse: networks that are refused beside the usual ones.

    Example:
        >>> is_refused("127.0.0.1"), is_refused("169.254.169.254"), is_refused("169.254.1.9", ["169.254.1.0/24"])
        (False, True, False)
    """
    address = meant(text)
    if any(address in ipaddress.ip_network(one) for one in allow):
        return False
    odd = address.is_link_local or address.is_multicast or address.is_unspecified
    odd = odd or address in _METADATA or text == "255.255.255.255"
    return odd or any(address in ipaddress.ip_network(one) for one in refuse)
