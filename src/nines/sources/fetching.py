"""Asking other systems over HTTP: bounded in time and size, TLS verified, tried again where that can help.

An address comes from a definition, so it is checked first: no redirects are followed, and addresses by which a
machine reaches its own cloud's secrets are refused.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from nines.addresses import is_refused
from nines.errors import DependencyError, InputError, OverloadedError, Problem

#: Tries of one request, and the first pause between two; pauses double.
TRIES = 4
FIRST_PAUSE_S = 0.3
#: Longest pause a server may ask for.
LONGEST_PAUSE_S = 20.0
#: Most bytes of one answer.
MOST_BYTES = 256 * 1024 * 1024
_AGAIN = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True, slots=True)
class Client:
    """A client of one system.

    Attributes:
        url: its address, without a trailing slash.
        token_file: file that holds a bearer token, or "".
        timeout_s: patience with one request, seconds.
        pause: called with seconds between tries.
    """

    url: str
    token_file: str = ""
    timeout_s: float = 30.0
    pause: Callable[[float], None] = time.sleep

    def json(self, path: str, form: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON value
        """Return the JSON answer to a form sent to a path.

        Args:
            path: begins with a slash.
            form: fields, sent in the body so that long queries fit.

        Raises:
            InputError: the address is refused, or the system says that the request is wrong.
            DependencyError: it cannot be reached, or answers nonsense.
            OverloadedError: it asks to come back later, and did so each time.
        """
        check_address(self.url)
        headers = {"Accept": "application/json"}
        if self.token_file:
            headers["Authorization"] = f"Bearer {_secret(self.token_file)}"
        with httpx.Client(timeout=self.timeout_s, follow_redirects=False, verify=_tls()) as client:
            answer = self._patiently(lambda: client.post(f"{self.url}{path}", data=dict(form), headers=headers))
        if answer.is_redirect:
            raise DependencyError(
                Problem(
                    self.url,
                    "it answers with a redirect, which is not followed",
                    "state its real address",
                    code="redirect",
                )
            )
        try:
            body = answer.json()
        except ValueError as error:
            what = f"it answers {answer.status_code} with something that is no JSON"
            raise DependencyError(
                Problem(self.url, what, "check that the address is the system's own", code="not-json")
            ) from error
        if answer.status_code in {400, 401, 403, 404, 422}:
            told = body.get("error", "") if isinstance(body, dict) else ""
            raise InputError(
                Problem(
                    self.url,
                    f"it refuses the request ({answer.status_code}): {told}"[:500],
                    "check query and rights",
                    code="refused",
                )
            )
        return body

    def _patiently(self, ask: Callable[[], httpx.Response]) -> httpx.Response:
        """Return the first answer worth having; between tries pause as the server asks, or twice as long each time."""
        failure, wait = "", FIRST_PAUSE_S
        for number in range(TRIES):
            if number:
                self.pause(min(LONGEST_PAUSE_S, wait))
            wait = FIRST_PAUSE_S * 2**number
            try:
                answer = ask()
            except httpx.HTTPError as error:
                failure = f"it cannot be reached: {type(error).__name__} {error}".strip()
                continue
            if answer.status_code not in _AGAIN:
                return answer
            failure = f"it answers {answer.status_code}"
            asked = answer.headers.get("retry-after", "")
            wait = float(asked) if asked.isdigit() else wait
            if answer.status_code == 429 and number == TRIES - 1:  # noqa: PLR2004 - too many requests
                raise OverloadedError(
                    Problem(self.url, "it asks to come back later", "ask for less at a time", code="rate-limited")
                )
        raise DependencyError(
            Problem(self.url, failure, f"tried {TRIES} times; check address and system", code="unreachable")
        )


@cache
def _tls() -> ssl.SSLContext:
    """Return the context that verifies certificates; it is made once, because reading the roots takes long."""
    return httpx.create_ssl_context()


def _secret(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(
            Problem(path, "the token file cannot be read", "check token_file and its rights", code="no-secret")
        ) from error


def check_address(url: str) -> None:
    """Refuse addresses that a definition must not make us ask.

    Loopback and private networks are allowed: that is where most Prometheus servers live. Link-local addresses
    (a cloud's metadata), multicast and the unspecified address are not.

    Raises:
        InputError: the address is refused.
        DependencyError: its name cannot be resolved.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError(
            Problem(url, "this is no http address", "write it like http://prometheus:9090", code="bad-url")
        )
    if parts.username or parts.password:
        raise InputError(
            Problem(
                parts.hostname, "the address holds a secret", "put it into a file and name token_file", code="bad-url"
            )
        )
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(parts.hostname, parts.port or 80)}
    except OSError as error:
        raise DependencyError(
            Problem(parts.hostname, "the name cannot be resolved", "check the address", code="unreachable")
        ) from error
    for text in found:
        if is_refused(text):
            raise InputError(
                Problem(
                    parts.hostname, f"{text} is not an address to be asked", "name the system itself", code="bad-url"
                )
            )
