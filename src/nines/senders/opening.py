"""Which sender tells which kind of target: adding one is a file and a row."""

from __future__ import annotations

from collections.abc import Callable

from nines.senders.alertmanager import Alertmanager
from nines.senders.channels import Channels
from nines.senders.sending import Sender
from nines.senders.webhook import Webhook

#: Kind of target -> what it is, for the reference.
SENDERS: dict[str, str] = {
    "webhook": "signed JSON to an address of yours",
    "alertmanager": "Prometheus' Alertmanager, as alerts that start and end",
    "apprise": "chat, mail, SMS and telephones by an Apprise address",
}


def sender_of(kind: str, seconds: Callable[[], int]) -> Sender:
    """Return what tells a kind of target.

    Args:
        kind: a key of `SENDERS`.
        seconds: present instant, seconds since 1970.

    Raises:
        KeyError: there is no such kind.
    """
    made: dict[str, Callable[[], Sender]] = {
        "webhook": lambda: Webhook(seconds),
        "alertmanager": Alertmanager,
        "apprise": Channels,
    }
    return made[kind]()
