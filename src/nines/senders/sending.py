"""What every sender keeps to, and how it asks over HTTP.

One rule: a sender tells or says why not, within a bounded time, and never guesses: an answer that never came means
that the target may have taken the message all the same.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from nines.addresses import is_refused
from nines.alerting.message import Message
from nines.errors import DependencyError, InputError, Problem

#: Patience with one request, seconds: to connect, and to be answered.
CONNECT_S, ANSWER_S = 5.0, 15.0
#: Most bytes of an answer that are read.
MOST_BYTES = 64 * 1024
#: Statuses after which the same request may be taken later.
LATER = frozenset({408, 409, 425, 429, *range(500, 600)})


class NotTakenError(DependencyError):
    """The target has not taken the message, or did not say so.

    Attributes:
        permanent: whether trying again is pointless.
        uncertain: whether the target may have taken it all the same.
        retry_after_s: seconds the target asked to wait, or 0.
    """

    def __init__(
        self, target: str, what: str, *, permanent: bool = False, uncertain: bool = False, retry_after_s: float = 0.0
    ) -> None:
        """Keep what is known of the failure.

        Args:
            target: name of the target.
            what: what happened, without secrets.
            permanent: whether trying again is pointless.
            uncertain: whether the target may have taken it all the same.
            retry_after_s: seconds the target asked to wait, or 0.
        """
        fix = "correct the target's definition" if permanent else "it is tried again by itself"
        super().__init__(Problem(f"target {target}", what, fix, code="not-taken"))
        self.permanent, self.uncertain, self.retry_after_s = permanent, uncertain, retry_after_s


@dataclass(frozen=True, slots=True)
class Target:
    """Where messages go.

    Attributes:
        name: within a tenant.
        kind: a key of `nines.senders.opening.SENDERS`.
        url: its address, secrets filled in; never shown.
        secret: what requests are signed with, or "".
        root: address of this installation, for links, or "".
    """

    name: str
    kind: str
    url: str
    secret: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Messages that are told together, in order.

    Attributes:
        messages: at least one.
        repeated: whether they may have been told before.
    """

    messages: tuple[Message, ...]
    repeated: bool = False

    @property
    def key(self) -> str:
        """Return what the target can know a repetition by: the last message's id stands for all before it."""
        return self.messages[-1].id


class Sender(Protocol):
    """Tells one kind of target."""

    @property
    def knows_repeats(self) -> bool:
        """Whether the target tells a repeated message from a new one."""

    def send(self, target: Target, outgoing: Outgoing) -> str:
        """Tell, and return what the target answered.

        Args:
            target: whom.
            outgoing: what.

        Raises:
            NotTakenError: it was not taken, or that is not known.
            InputError: the target's address must not be asked.
        """


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def check_url(name: str, url: str) -> None:
    """Refuse addresses that a target must not have.

    Args:
        name: of the target.
        url: where it is.

    Raises:
        InputError: it is no http address, or one by which a machine reaches its own cloud's secrets.
        NotTakenError: its name cannot be resolved now.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        fix = "write it like https://hooks.example/alerts"
        raise InputError(Problem(f"target {name}", "its address is no http address", fix, code="bad-url"))
    try:
        found = {str(i[4][0]) for i in socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise NotTakenError(name, f"the name {parts.hostname} cannot be resolved") from error
    if any(is_refused(address) for address in found):
        what = f"{parts.hostname} is not an address to be asked"
        raise InputError(Problem(f"target {name}", what, "name the system itself", code="bad-url"))


def post(target: Target, url: str, body: bytes, headers: Mapping[str, str]) -> str:
    """Send a body once, and return the target's answer in a few words.

    Args:
        target: whom; its name alone appears in failures.
        url: where; redirects are not followed.
        body: JSON.
        headers: beside the content type.

    Raises:
        NotTakenError: it was refused, or not answered.
        InputError: the address must not be asked.
    """
    check_url(target.name, url)
    every = {"Content-Type": "application/json", "User-Agent": "nines", **headers}
    patience = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    try:
        with (
            httpx.Client(timeout=patience, follow_redirects=False, verify=_tls(), trust_env=False) as client,
            client.stream("POST", url, content=body, headers=every) as answer,
        ):
            said = _beginning(answer)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotTakenError(target.name, f"it cannot be reached: {type(error).__name__}") from error
    except httpx.InvalidURL as error:
        raise NotTakenError(target.name, "its address cannot be read", permanent=True) from error
    except httpx.HTTPError as error:
        what = f"it did not answer: {type(error).__name__}"
        raise NotTakenError(target.name, what, uncertain=True) from error
    if answer.is_success:
        return f"{answer.status_code} {said}".strip()
    asked = answer.headers.get("retry-after", "")
    raise NotTakenError(
        target.name,
        f"it answers {answer.status_code} {said}".strip(),
        permanent=answer.status_code not in LATER,
        uncertain=answer.status_code >= 500,  # noqa: PLR2004 - a server that failed may have failed after taking it
        retry_after_s=float(asked) if asked.isdigit() else 0.0,
    )


def _beginning(answer: httpx.Response) -> str:
    """Return the beginning of an answer as one printable line; the rest is not read."""
    found = b""
    for part in answer.iter_bytes():
        found += part
        if len(found) >= MOST_BYTES:
            break
    text = found[:MOST_BYTES].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)[:200].strip()
