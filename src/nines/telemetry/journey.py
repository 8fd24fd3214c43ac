"""Journeys: what a probe does step by step, as a definition says it.

They are data. How they are run stands in the room `probes`; what reads them in `definitions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from nines.telemetry.templates import texts

State = Literal["up", "down", "unknown"]
ExtractKind = Literal["json", "regex", "header", "cookie"]
ActionKind = Literal["goto", "fill", "click", "expect", "wait"]
#: Statuses that are good when a step names none.
GOOD_STATUSES = ((200, 399),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What must be true of an answer for its step to be up.

    Attributes:
        status: ranges of HTTP statuses, both ends included.
        contains: texts that the body holds.
        matches: patterns (RE2) that the body holds.
        json: path -> value that the body has there.
        header: name -> pattern (RE2) that the header holds.
        max_ms: longest time the step may take, milliseconds, or None.
    """

    status: tuple[tuple[int, int], ...] = GOOD_STATUSES
    contains: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    json: tuple[tuple[str, object], ...] = ()
    header: tuple[tuple[str, str], ...] = ()
    max_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Extract:
    """A value that a step takes from its answer for later steps.

    Attributes:
        name: what later steps call it.
        kind: where it is found.
        key: path, pattern, or name of the header or cookie.
        secret: whether it is masked wherever it is shown.
    """

    name: str
    kind: ExtractKind
    key: str
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """One request and its redirects.

    Attributes:
        url: address with places for values.
        method: HTTP method.
        headers: name and value.
        body: text, or None.
        json: any JSON value to send, or None.
        form: fields, or None.
        follow: redirects followed at most.
        verify: whether the certificate is verified.
        ca_file: file of certificates to trust instead of the usual ones, or "".
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    json: object = None
    form: tuple[tuple[str, str], ...] | None = None
    follow: int = 5
    verify: bool = True
    ca_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpCall:
    """A TCP connection; with `send` and `answer` also a word exchanged."""

    host: str
    port: int
    send: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsCall:
    """A question to the domain name system.

    Attributes:
        name: what is asked about.
        type: A, AAAA, CNAME, MX, NS, TXT, SRV, CAA or SOA.
        expect: answers that must be among those given; none: any answer will do.
        server: `host` or `host:port` to ask, or "" for this machine's own.
    """

    name: str
    type: str = "A"
    expect: tuple[str, ...] = ()
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsCall:
    """A look at a certificate.

    Attributes:
        host: whom to connect to.
        port: TCP port.
        min_days: days it must still be valid.
        server_name: name asked for and checked, or "" for the host.
        verify: whether its chain and name are verified.
        ca_file: file of certificates to trust instead of the usual ones, or "".
    """

    host: str
    port: int = 443
    min_days: int = 14
    server_name: str = ""
    verify: bool = True
    ca_file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpCall:
    """An echo request."""

    host: str


@dataclass(frozen=True, slots=True)
class BrowserAct:
    """One thing done in a browser.

    Attributes:
        kind: what is done.
        target: address, selector, or how long to wait.
        value: what is filled in, or the text expected; "" otherwise.
    """

    kind: ActionKind
    target: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class BrowserCall:
    """Things done in a browser, in order; all browser steps of a journey share one page."""

    acts: tuple[BrowserAct, ...]


Call = HttpCall | TcpCall | DnsCall | TlsCall | IcmpCall | BrowserCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a journey.

    Attributes:
        name: name within the journey.
        call: what is done.
        expect: what must be true then.
        extract: values taken for later steps.
        share: the part of the journey's time that is its own, or None.
    """

    name: str
    call: Call
    expect: Expect = Expect()
    extract: tuple[Extract, ...] = ()
    share: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One probe.

    Attributes:
        name: name within a tenant.
        source: DataSource its results belong to.
        steps: in order; the first that fails ends the journey.
        every: distance of two runs at one location.
        jitter: each run begins up to so much after its instant.
        timeout: longest time of the whole.
        locations: places it is run from.
        quorum: locations that must see it down before it is down.
        retries: tries after a failed one; they gate alerts and never change what the first try showed.
        retry_after: pause before each.
        connectivity: addresses that show whether the location itself is connected.
        values: name -> text that steps have places for, unless the place it is run from says otherwise.
    """

    name: str
    source: str
    steps: tuple[Step, ...]
    every: timedelta = timedelta(minutes=1)
    jitter: timedelta = timedelta()
    timeout: timedelta = timedelta(seconds=30)
    locations: tuple[str, ...] = ("here",)
    quorum: int = 1
    retries: int = 0
    retry_after: timedelta = timedelta(seconds=5)
    connectivity: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()


def step_texts(step: Step) -> tuple[str, ...]:
    """Return every text of a step that may hold places for values.

    Args:
        step: any step.
    """
    call, expect = step.call, step.expect
    expected = (*expect.contains, *texts([value for _, value in expect.json]))
    if isinstance(call, HttpCall):
        form = call.form or ()
        sent = (call.body or "", *texts(call.json), *(value for _, value in (*call.headers, *form)))
        return (call.url, *sent, *expected)
    if isinstance(call, BrowserCall):
        return (*(text for act in call.acts for text in (act.target, act.value)), *expected)
    if isinstance(call, TcpCall):
        return (call.send, call.answer)
    return ()
