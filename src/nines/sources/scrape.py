"""Fetching a page over HTTP by GET: bounded in time and size, TLS verified, no redirects, no addresses of secrets."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import SplitResult, quote, urlsplit

import httpx

from nines.addresses import is_refused
from nines.errors import DependencyError, InputError, Problem
from nines.sources.fetching import check_address

#: Most bytes of one page, unpacked.
MOST_BYTES = 64 * 1024 * 1024
#: Bytes that are unpacked at a time.
_PIECE = 64 * 1024
#: What a page of metrics is asked for as: OpenMetrics first, with UTF-8 names where they can be had.
METRICS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;"
    "q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer.

    Attributes:
        body: its bytes, unpacked.
        kind: content type without parameters, lower case.
    """

    body: bytes
    kind: str


def fetch_page(
    url: str, *, accept: str = "*/*", token_file: str = "", timeout_s: float = 10.0, most_bytes: int = MOST_BYTES
) -> Fetched:
    """Return the page at an address.

    Args:
        url: http or https.
        accept: content types wanted.
        token_file: file that holds a bearer token, or "".
        timeout_s: patience with the whole answer, seconds, > 0.
        most_bytes: most bytes of the answer, unpacked.

    Raises:
        InputError: the address is refused, or the token file cannot be read.
        DependencyError: it cannot be reached, is too slow or too long, redirects, or answers anything but 200.
    """
    check_address(url)
    parts = urlsplit(url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    headers = {"Accept": accept, "Accept-Encoding": "gzip", "User-Agent": "nines", "Connection": "close"}
    if token_file:
        headers["Authorization"] = f"Bearer {_token(token_file)}"
    deadline = time.monotonic() + timeout_s
    try:
        with _connected(check_host(host, port), port, timeout_s) as raw, _ending(raw, deadline) as over:
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            try:
                connection = kind(host, port, timeout=timeout_s)
                connection.sock = _tls().wrap_socket(raw, server_hostname=host) if secure else raw
                connection.request("GET", _path(parts), headers=headers)
                found = _read(url, connection.getresponse(), most_bytes)
            except (OSError, http.client.HTTPException) as error:
                if over.is_set() or isinstance(error, TimeoutError):
                    raise DependencyError(_slow(url, timeout_s)) from error
                raise
            if over.is_set():  # an answer without a length looks whole when it is cut
                raise DependencyError(_slow(url, timeout_s))
            return found
    except TimeoutError as error:
        raise DependencyError(_slow(url, timeout_s)) from error
    except (OSError, http.client.HTTPException, zlib.error) as error:
        what = f"it cannot be reached: {type(error).__name__} {error}".strip()[:300]
        raise DependencyError(Problem(url, what, "check address and system", code="unreachable")) from error


def _path(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{parts.query}" if parts.query else path


def _connected(addresses: tuple[str, ...], port: int, timeout_s: float) -> socket.socket:
    """Return a connection to the first address that takes one; it is one of those that were checked."""
    failure: OSError = OSError("it has no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=timeout_s / len(addresses))
        except OSError as error:
            failure = error
    raise failure


@contextmanager
def _ending(raw: socket.socket, deadline: float) -> Iterator[threading.Event]:
    """End a connection at a deadline, whatever it is waiting for: a server may send one byte a second for ever."""
    over = threading.Event()

    def end() -> None:
        over.set()
        with suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)

    with suppress(OSError):
        raw = raw.dup()  # TLS takes the original away
    timer = threading.Timer(max(0.0, deadline - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()
        raw.close()


def _read(url: str, answer: http.client.HTTPResponse, most_bytes: int) -> Fetched:
    if answer.status != HTTPStatus.OK:
        raise DependencyError(_status(url, answer.status))
    packed = answer.getheader("content-encoding", "").strip().lower() == "gzip"
    unpack = zlib.decompressobj(wbits=31) if packed else None
    body = bytearray()
    while piece := answer.read(_PIECE):
        while piece:
            body += unpack.decompress(piece, _PIECE) if unpack else piece
            piece = unpack.unconsumed_tail if unpack else b""
            if len(body) > most_bytes:
                what, how = f"its answer is longer than {most_bytes} bytes", "ask for less, or part the page"
                raise DependencyError(Problem(url, what, how, code="too-long"))
    if answer.length or (unpack and not unpack.eof):
        raise http.client.IncompleteRead(bytes(body[-20:]), answer.length)
    return Fetched(bytes(body), answer.getheader("content-type", "").partition(";")[0].strip().lower())


def _status(url: str, status: int) -> Problem:
    if status in {301, 302, 303, 307, 308}:
        what = "it answers with a redirect, which is not followed"
        return Problem(url, what, "state its real address", code="redirect")
    return Problem(url, f"it answers {status}", "check address and rights", code="refused")


def _slow(url: str, timeout_s: float) -> Problem:
    return Problem(url, f"it did not answer within {timeout_s:g} s", "raise the timeout, or ask for less", code="slow")


def check_host(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses of a host, and refuse one by which a machine reaches its cloud's secrets.

    Private and loopback addresses are allowed: that is where most systems live.

    Args:
        host: name or address.
        port: where it is asked.

    Returns:
        Its addresses, as text, sorted.

    Raises:
        InputError: one of its addresses is link-local, multicast, unspecified or known to show secrets.
        DependencyError: its name cannot be resolved.
    """
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise DependencyError(
            Problem(host, "the name cannot be resolved", "check the address", code="unreachable")
        ) from error
    for text in sorted(found):
        if is_refused(text):
            what = f"{text} is not an address to be asked"
            raise InputError(Problem(host, what, "name the system itself", code="bad-url"))
    return tuple(sorted(found))


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _token(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            Problem(path, "the token file cannot be read", "check token_file and its rights", code="no-secret")
        ) from error


__all__ = ["METRICS", "MOST_BYTES", "Fetched", "check_host", "fetch_page"]
