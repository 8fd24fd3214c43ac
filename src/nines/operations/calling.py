"""Who calls over HTTP, judged from what a request says of itself: what both faces that speak HTTP ask.

One rule: what a browser can be tricked into sending is never enough. A name that is not ours, a page of another
origin, or a form without its secret is refused before anything is read.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import ip_address

from nines.errors import ForbiddenError, Problem

#: Name of the cookie that holds the secret of a session.
COOKIE = "nines_session"

#: Name of the cookie that holds the tenant a browser has chosen to speak for.
TENANT_COOKIE = "nines_tenant"

#: Methods that change nothing.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

#: Names by which a browser on this machine reaches it.
HERE = frozenset({"localhost", "127.0.0.1", "::1"})

#: What every answer says to a browser beside its content. Scripts, styles and pictures come from here alone.
HEADERS: dict[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Call:
    """What a request says of itself before its body is read.

    Attributes:
        method: GET, POST ...
        host: its Host header.
        peer: address of the caller, or "".
        local: address it was received at, or "".
        origin: its Origin header, or "".
        site: its Sec-Fetch-Site header, or "".
        bearer: whether it names itself with a token, which no browser adds by itself.
    """

    method: str
    host: str
    peer: str = ""
    local: str = ""
    origin: str = ""
    site: str = ""
    bearer: bool = False

    @property
    def on_loopback(self) -> bool:
        """Whether the caller is on this machine and meant this machine; a proxy in front names another host."""
        return _is_loopback(self.peer) and host_name(self.host) in HERE


def host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets, in lower case.

    Example:
        >>> host_name("LocalHost:8321"), host_name("[::1]:8321"), host_name("::1")
        ('localhost', '::1', '::1')
    """
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text if text.count(":") > 1 else text.partition(":")[0]


def refusal(call: Call, hosts: frozenset[str] = frozenset()) -> ForbiddenError | None:
    """Return why a call is refused before its body is read, or None.

    Args:
        call: what it says of itself.
        hosts: further names under which this installation is reached; with any, no other name is answered.

    Returns:
        A refusal of a foreign name (a page elsewhere may point its own name at this machine) and of a change that
        another site's page asks for.

    Source:
        DNS rebinding; Fetch Metadata, "resource isolation policy".

    Example:
        >>> refusal(Call("GET", "evil.example", local="127.0.0.1")).problems[0].code
        'bad-host'
        >>> refusal(Call("GET", "127.0.0.1:8321", local="127.0.0.1")) is None
        True
    """
    name = host_name(call.host)
    answered = name in HERE or name in hosts if hosts or _is_loopback(call.local) else bool(name)
    if not answered:
        fix = "name it in NINES_HOSTS if it is yours"
        return ForbiddenError(Problem("Host", f"{name!r} is no name of this installation", fix, code="bad-host"))
    origin = host_name(call.origin.partition("://")[2]) if call.origin else name
    foreign = call.site in {"cross-site", "same-site"} or origin != name
    if call.method not in SAFE and foreign and not call.bearer:
        fix = "send it from a page of this installation, or with a token"
        return ForbiddenError(Problem("Origin", "another site asks for this change", fix, code="cross-site"))
    return None


def form_secret(session: str, tenant: str = "") -> str:
    """Return the secret that forms of a session carry, so that no other site can send them.

    Args:
        session: secret of the session, or "" where there is none; then there is nothing to protect with it.
        tenant: that the page speaks for, so that a form cannot do its deed in another one chosen meanwhile.
    """
    about = f"nines form {tenant}".encode()
    return hmac.new(session.encode(), about, hashlib.sha256).hexdigest() if session else ""


def check_form(session: str, sent: str, tenant: str = "") -> None:
    """Go on only if a form carries the secret of its session.

    Args:
        session: secret of the session, or "".
        sent: what the form carries.
        tenant: that whoever sends it speaks for.

    Raises:
        ForbiddenError: it does not.
    """
    if session and not hmac.compare_digest(form_secret(session, tenant), sent):
        raise ForbiddenError(
            Problem(
                "form",
                "it does not carry the secret of your session and tenant",
                "load the page again",
                code="bad-form",
            )
        )


def named_hosts(text: str) -> frozenset[str]:
    """Return the names that a setting lists, parted by commas.

    Example:
        >>> sorted(named_hosts("nines.example, Status.Example"))
        ['nines.example', 'status.example']
    """
    return frozenset(host_name(part) for part in text.split(",") if part.strip())


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
