"""A webhook: JSON over HTTPS, signed, with an id by which the receiver knows a repetition.

Headers are those of Standard Webhooks (standardwebhooks.com): `webhook-id`, `webhook-timestamp` and `webhook-signature`
("v1," and base64 of HMAC-SHA256 over "id.timestamp.body"); `Idempotency-Key` repeats the id. A secret is base64 after
"whsec_", or taken as it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable

from nines.alerting.message import message_json
from nines.senders.sending import Outgoing, Target, post

#: Version of the body's shape.
VERSION = 1


class Webhook:
    """Tells a webhook."""

    knows_repeats = True

    def __init__(self, seconds: Callable[[], int]) -> None:
        """Take a clock.

        Args:
            seconds: present instant, seconds since 1970: it is signed, so that old requests cannot be replayed.
        """
        self._seconds = seconds

    def send(self, target: Target, outgoing: Outgoing) -> str:
        """Tell, and return what the target answered; see `Sender`."""
        messages = [{**message_json(m), "thread_id": m.thread_id, "stage": m.stage} for m in outgoing.messages]
        document = {"version": VERSION, "repeated": outgoing.repeated, "root": target.root, "messages": messages}
        body = json.dumps(document, ensure_ascii=False, sort_keys=True).encode()
        stamp = str(self._seconds())
        headers = {"webhook-id": outgoing.key, "webhook-timestamp": stamp, "Idempotency-Key": outgoing.key}
        if target.secret:
            headers["webhook-signature"] = signature(target.secret, outgoing.key, stamp, body)
        return post(target, target.url, body, headers)


def signature(secret: str, key: str, stamp: str, body: bytes) -> str:
    """Return the signature of a request.

    Args:
        secret: base64 after "whsec_", or any text.
        key: the request's id.
        stamp: seconds since 1970.
        body: as sent.

    Source:
        Standard Webhooks, "Signature scheme": HMAC-SHA256 over id, timestamp and payload joined by full stops.

    Example:
        >>> signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
        ...           b'{"test": 2432232314}')
        'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    signed = f"{key}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        return secret.encode()
