"""HTTP steps: one request and its redirects, each part of the way timed, secrets kept to the server they are meant for.

Names are resolved here, checked, and connected to as checked; the certificate is still held against the name.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from nines.errors import InputError, Problem
from nines.probes.checks import Answer
from nines.probes.masking import HIDDEN_HEADERS
from nines.probes.measures import Run, StepError, late
from nines.telemetry.journey import HttpCall
from nines.telemetry.templates import filled, mapped, places, texts

#: Most bytes of one answer.
MOST_BYTES = 8 * 1024 * 1024
#: Header that marks the traffic of probes, so that what a server counts of users can leave it out.
MARK = "nines-probe"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, for the record of a failed journey.

    Attributes:
        after_ms: when it began, milliseconds after the journey did.
        method, url, sent_headers, sent: the request.
        status, headers, body: the answer; status 0 when there was none.
        phases: milliseconds by phase.
        error: why there was no answer, or "".
    """

    after_ms: float
    method: str
    url: str
    sent_headers: tuple[tuple[str, str], ...]
    sent: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    phases: Mapping[str, float]
    error: str = ""


def agent(version: str) -> str:
    """Return what marks the traffic of probes in `User-Agent`.

    Example:
        >>> agent("1.2")
        'nines-probe/1.2'
    """
    return f"nines-probe/{version}"


class _Pinned(httpx.BaseTransport):
    """Connects to the addresses that were checked, one pool per host and trust so that none is taken for another."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._pools: dict[tuple[str, int], httpx.HTTPTransport] = {}
        self.tls: ssl.SSLContext | None = None
        self.sockets: list[socket.socket] = []
        self._since = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        addresses = self._run.addresses(host, port)
        tls = self.tls or _usual()
        key = (f"{request.url.scheme}://{host}:{port}", id(tls))
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = httpx.HTTPTransport(verify=tls, trust_env=False)
        failure: httpx.HTTPError | None = None
        for address in addresses:
            extensions = {**request.extensions, "trace": self._trace, "sni_hostname": host}
            extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), self._run.remaining())
            url = request.url.copy_with(host=address)
            pinned = httpx.Request(request.method, url, headers=request.headers, stream=request.stream,
                                   extensions=extensions)  # fmt: skip
            try:
                return pool.handle_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure or httpx.ConnectError(f"{host} has no address")

    def _trace(self, name: str, info: Mapping[str, Any]) -> None:
        """Time the parts of the way as they begin and end."""
        _, _, event = name.partition(".")
        ended = _ENDS.get(event)
        if ended is not None:
            self._run.phases.add(ended, time.perf_counter() - self._since)
        if event in {"connect_tcp.complete", "start_tls.complete"}:
            self.sockets.append(info["return_value"].get_extra_info("socket"))
        if event in _BEGINS:
            self._since = time.perf_counter()

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


_BEGINS = frozenset({"connect_tcp.started", "start_tls.started", "send_request_body.complete"})
_ENDS = {
    "connect_tcp.complete": "connect_ms", "connect_tcp.failed": "connect_ms",
    "start_tls.complete": "tls_ms", "start_tls.failed": "tls_ms",
    "receive_response_headers.complete": "first_byte_ms", "receive_response_headers.failed": "first_byte_ms",
}  # fmt: skip

_contexts: list[ssl.SSLContext] = []


def _usual() -> ssl.SSLContext:
    """Return the context that verifies by the usual roots; it is made once, because reading them takes long."""
    if not _contexts:
        _contexts.append(httpx.create_ssl_context())
    return _contexts[0]


def trust(run: Run, *, verify: bool, ca_file: str) -> ssl.SSLContext:
    """Return what certificates are held against; within one try it is made once.

    Args:
        run: the try.
        verify: whether they are at all.
        ca_file: file of certificates to trust, or "" for the usual ones.

    Raises:
        InputError: the file cannot be read.
    """
    known = run.trusts.get((verify, ca_file))
    if known is not None:
        return known
    made = run.trusts[verify, ca_file] = _usual() if verify and not ca_file else _trust(verify=verify, ca_file=ca_file)
    return made


def _trust(*, verify: bool, ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        why = f"the file of certificates cannot be read: {error}"
        raise InputError(Problem(ca_file, why, "check caFile", code="bad-ca")) from error
    if not verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@dataclass
class HttpSession:
    """The HTTP steps of one try: they share cookies and connections.

    Attributes:
        run: the try.
        exchanges: what was said so far.
    """

    run: Run
    exchanges: list[Exchange] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Load what the first request would load; connect to nobody yet."""
        httpx.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False).close()
        self._transport = _Pinned(self.run)
        marks = {MARK: self.run.probe, "User-Agent": f"nines/{self.run.version} {agent(self.run.version)}"}
        self._client = httpx.Client(transport=self._transport, headers=marks, trust_env=False)

    def perform(self, call: HttpCall) -> Answer:
        """Send a request, follow its redirects, and return the last answer.

        Args:
            call: what to send.

        Raises:
            StepError: there is no answer, or too large a one, or the redirects do not end.
            InputError: the address must not be asked.
        """
        self._transport.tls = trust(self.run, verify=call.verify, ca_file=call.ca_file)
        self._transport.sockets.clear()
        with _mistakes_told(self.run), self._watched():
            return self._follow(call, self._first(call))

    def _first(self, call: HttpCall) -> httpx.Request:
        values = self.run.values
        url = filled(call.url, values, lambda text: quote(text, safe=""))
        headers = {name: filled(text, values) for name, text in call.headers}
        stated = next((n for n in headers if n.lower() == "user-agent"), None)
        if stated is not None:
            headers[stated] += f" {agent(self.run.version)}"
        body: dict[str, Any] = {}
        if call.json is not None:
            body["json"] = mapped(call.json, lambda text: filled(text, values))
        if call.form is not None:
            body["data"] = {name: filled(text, values) for name, text in call.form}
        if call.body is not None:
            body["content"] = filled(call.body, values)
        return self._client.build_request(call.method, url, headers=headers, **body)

    def _follow(self, call: HttpCall, request: httpx.Request) -> Answer:
        for hop in range(call.follow + 1):
            try:
                answer, following = self._exchange(request)
            except InputError as error:
                if not hop:
                    raise
                what = f"it redirects to an address that is not to be asked: {error.problems[0].what}"
                raise StepError(what=what, code="redirect-refused") from error
            if following is None or call.follow == 0:
                return answer
            request = _kept_home(call, request, following)
        raise StepError(what=f"it redirects more than {call.follow} times", code="too-many-redirects")

    def _exchange(self, request: httpx.Request) -> tuple[Answer, httpx.Request | None]:
        begun, before = time.perf_counter(), self.run.phases.known()
        body = b""
        response: httpx.Response | None = None
        error = ""
        try:
            response = self._client.send(request, stream=True, follow_redirects=False)
            body = self._read(response)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            raise
        finally:
            now = self.run.phases.known()
            phases = {name: value - before.get(name, 0.0) for name, value in now.items()}
            self.exchanges.append(_record(request, response, body, (begun - self.run.began) * 1000, phases, error))
        self.run.status = response.status_code
        headers = {name.lower(): value for name, value in response.headers.items()}
        cookies = {c.name: c.value or "" for c in self._client.cookies.jar}
        return Answer(response.status_code, headers, _text(response, body), cookies), response.next_request

    def _read(self, response: httpx.Response) -> bytes:
        begun, parts, size = time.perf_counter(), list[bytes](), 0
        try:
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                self.run.remaining()
                if size > MOST_BYTES:
                    what = f"the answer is larger than {MOST_BYTES // 2**20} MiB"
                    raise StepError(what=what, code="answer-too-large")
        finally:
            response.close()
            self.run.phases.add("transfer_ms", time.perf_counter() - begun)
        return b"".join(parts)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Cut the connections when time is up: a server that sends a byte now and then would hold us for ever."""

        def cut() -> None:
            for one in self._transport.sockets:
                with suppress(OSError):
                    socket.socket.shutdown(one, socket.SHUT_RDWR)  # past TLS, which would wait for a farewell

        timer = threading.Timer(self.run.remaining(), cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


@contextmanager
def _mistakes_told(run: Run) -> Iterator[None]:
    """Turn what goes wrong on the way into a step's failure."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
        if time.perf_counter() >= run.deadline or isinstance(error, httpx.TimeoutException):
            raise late() from error
        if isinstance(error, httpx.InvalidURL | UnicodeError | httpx.UnsupportedProtocol):
            raise StepError(what=f"this cannot be sent: {error}", code="bad-request") from error
        why = str(error) or type(error).__name__
        code = "bad-certificate" if "CERTIFICATE_VERIFY_FAILED" in why else "no-answer"
        raise StepError(what=f"there is no answer: {why}", code=code) from error


def _kept_home(call: HttpCall, request: httpx.Request, following: httpx.Request) -> httpx.Request:
    """Take the definition's secrets out of a request that a redirect sends to somebody else."""
    if _origin(request) == _origin(following):
        return following
    for name, value in call.headers:
        if places(value) or name.lower() in HIDDEN_HEADERS:
            following.headers.pop(name, None)
    sent = [call.body or "", *texts(call.json), *(value for _, value in call.form or ())]
    if following.method == request.method and any(places(text) for text in sent):
        what = f"it redirects to {following.url.host} together with what was sent, which holds secrets or values"
        raise StepError(what=what, code="redirect-secret")
    return following


def _origin(request: httpx.Request) -> tuple[str, str, int | None]:
    return request.url.scheme, request.url.host, request.url.port


def _text(response: httpx.Response, body: bytes) -> str:
    try:
        return body.decode(response.charset_encoding or "utf-8", errors="replace")
    except LookupError:
        return body.decode("utf-8", errors="replace")


def _record(
    request: httpx.Request,
    response: httpx.Response | None,
    body: bytes,
    after_ms: float,
    phases: Mapping[str, float],
    error: str,
) -> Exchange:
    try:
        sent = request.read().decode("utf-8", errors="replace")
    except httpx.StreamError:
        sent = ""
    status, headers = (0, ()) if response is None else (response.status_code, tuple(response.headers.multi_items()))
    text = "" if response is None else _text(response, body)
    return Exchange(after_ms, request.method, str(request.url), tuple(request.headers.multi_items()), sent, status,
                    headers, text, phases, error)  # fmt: skip
