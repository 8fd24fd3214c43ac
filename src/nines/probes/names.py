"""Looking names up, and refusing addresses that a definition must not make us ask.

Which addresses those are stands in `nines.addresses`.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections.abc import Sequence

from nines.addresses import is_refused
from nines.errors import InputError, Problem


def no_address(host: str, address: str) -> InputError:
    """Return the refusal of an address.

    Args:
        host: as it was written.
        address: what it stands for.
    """
    fix = "name the system itself; whoever runs probes can allow it: --allow, or NINES_PROBE_ALLOW of `nines serve`"
    return InputError(Problem(host, f"{address} is not an address to be asked", fix, code="refused-address"))


class Resolver:
    """Looks names up, each once, and refuses what must not be asked.

    What was looked up is what is connected to, so a name cannot change its meaning in between.
    """

    def __init__(self, allow: Sequence[str] = (), refuse: Sequence[str] = ()) -> None:
        """Begin with nothing known.

        Args:
            allow: addresses and networks that are allowed although they would be refused.
            refuse: networks that are refused beside the usual ones.

        Raises:
            InputError: one of these is none.
        """
        for where, one in (*(("--allow", a) for a in allow), *(("refused networks", r) for r in refuse)):
            try:
                ipaddress.ip_network(one)
            except ValueError as error:
                fix = "write it like 169.254.1.0/24"
                raise InputError(Problem(where, str(error), fix, code="bad-network")) from error
        self.allow, self.refuse = tuple(allow), tuple(refuse)
        self._known: dict[str, list[str]] = {}

    def refuses(self, address: str) -> bool:
        """Return whether an address must not be asked.

        Args:
            address: IPv4 or IPv6.
        """
        return is_refused(address, self.allow, self.refuse)

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
            if self.refuses(address):
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
