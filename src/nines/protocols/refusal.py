"""How a decoder says no: the status a sender gets, a short reason, and whether sending it again can help."""

from __future__ import annotations

from collections.abc import Mapping

#: Answered for bytes that will never be right. Some senders repeat 413 and 422 for ever, but give up on this one.
BAD_REQUEST = 400
#: Answered for a type, message or compression that is not spoken here.
UNSUPPORTED = 415


class Refused(Exception):  # noqa: N818 - an answer to a sender, not a fault of ours
    """A request that is not taken.

    Attributes:
        status: HTTP status to answer with.
        message: one sentence for the sender's log.
        retryable: whether the same bytes may be taken later.
        headers: headers the protocol wants on the answer, lower-case names.
    """

    def __init__(
        self, status: int, message: str, *, retryable: bool = False, headers: Mapping[str, str] | None = None
    ) -> None:
        """Keep what the sender is told."""
        super().__init__(message)
        self.status, self.message, self.retryable = status, message, retryable
        self.headers: Mapping[str, str] = dict(headers or {})
