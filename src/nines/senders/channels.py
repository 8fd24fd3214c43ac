"""Channels people read (chat, mail, SMS, telephones), through Apprise's plugins; the address chooses the plugin.

One rule: most channels cannot tell a repeated message from a new one, so one that may be a repetition says so itself.
"""

from __future__ import annotations

from typing import Any

from nines.alerting.message import Message, plain_text
from nines.errors import DependencyError, InputError, Problem
from nines.senders.sending import ANSWER_S, NotTakenError, Outgoing, Target, check_url

#: Plugins that speak plain HTTP to any address: the address is checked as a webhook's is.
_ANY_ADDRESS = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})
#: Plugins that act on this machine instead of telling somebody elsewhere.
_HERE = frozenset({"syslog", "dbus", "qt", "kde", "glib", "gnome", "macosx", "windows", "exec"})
_TYPES = {"page": "failure", "ticket": "warning", "note": "info"}


class Channels:
    """Tells whatever Apprise knows."""

    knows_repeats = False

    def send(self, target: Target, outgoing: Outgoing) -> str:
        """Tell, and return what the target answered; see `Sender`."""
        notifier, plugin = _open(target)
        last = outgoing.messages[-1]
        mark = "(may be repeated) " if outgoing.repeated else ""
        result = notifier.notify(
            body="\n\n".join(plain_text(m, target.root) for m in outgoing.messages),
            title=mark + _title(outgoing.messages),
            notify_type="success" if last.stage == "closes" else _TYPES[last.severity],
            timeout=ANSWER_S,
        )
        with result:
            if result:
                return "taken"
            raise NotTakenError(
                target.name, f"{plugin} has not taken it: {_reason(result, target)}", uncertain=result.timeout_count > 0
            )


def _title(messages: tuple[Message, ...]) -> str:
    first = messages[-1].title
    return first if len(messages) == 1 else f"{first} (and {len(messages) - 1} more)"


def _open(target: Target) -> tuple[Any, str]:
    """Return Apprise with the target's plugin, and the plugin's name."""
    try:
        import apprise
    except ImportError as error:
        fix = "pip install 'nines[notify]'"
        raise DependencyError(
            Problem(f"target {target.name}", "apprise is not installed", fix, code="extra")
        ) from error
    scheme = target.url.partition("://")[0].lower()
    notifier = apprise.Apprise()
    if scheme in _HERE or not notifier.add(target.url):
        what = f"no channel takes the address {scheme}://..."
        raise InputError(Problem(f"target {target.name}", what, "see Apprise's list of services", code="bad-url"))
    if scheme in _ANY_ADDRESS:
        secure, rest = scheme.endswith("s"), target.url.partition("://")[2]
        check_url(target.name, f"{'https' if secure else 'http'}://{rest}")
    return notifier, str(notifier[0].service_name or scheme)


def _reason(result: Any, target: Target) -> str:  # noqa: ANN401 - Apprise's result
    """Return what went wrong in its own words, without anything that stands in the address."""
    said = " ".join(str(entry.message) for entry in result.logs()) or "it gives no reason"
    for part in {p for p in target.url.replace(":", "/").replace("@", "/").split("/") if len(p) > 3}:  # noqa: PLR2004
        said = said.replace(part, "...")
    return "".join(c if c.isprintable() else " " for c in said)[:200]
