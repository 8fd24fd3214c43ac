"""The socket that faces are served on."""

import socket

from nines.cli.server import bind


def test_small_answers_are_sent_at_once():
    """A few hundred bytes once took 47 ms: the socket named no protocol, and asyncio sets TCP_NODELAY only where one is named."""
    with bind("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.proto == socket.IPPROTO_TCP
