"""TCP steps: a connection, and where it is wanted a word exchanged over it."""

from __future__ import annotations

import socket
import time

from nines.probes.measures import Run, StepError, late
from nines.telemetry.journey import TcpCall
from nines.telemetry.templates import filled

#: Most bytes read while waiting for the answer.
MOST_BYTES = 65_536


def connect(run: Run, host: str, port: int) -> socket.socket:
    """Return a connection to a host, its look-up and its opening counted as phases.

    Args:
        run: the try.
        host: name or address.
        port: TCP port.

    Raises:
        StepError: none of the host's addresses takes it.
        InputError: the host must not be asked.
    """
    failure: OSError | None = None
    for address in run.addresses(host, port):
        begun = time.perf_counter()
        try:
            return socket.create_connection((address, port), timeout=run.remaining())
        except TimeoutError as error:
            failure = error
        except OSError as error:
            failure = error
        finally:
            run.phases.add("connect_ms", time.perf_counter() - begun)
    if isinstance(failure, TimeoutError):
        raise late() from failure
    why = failure.strerror if failure is not None else "it has no address"
    raise StepError(what=f"{host}:{port} takes no connection: {why}", code="no-connection") from failure


def perform(run: Run, call: TcpCall) -> None:
    """Open a connection, send what is to be sent, and wait for what must come back.

    Args:
        run: the try.
        call: what to do.

    Raises:
        StepError: there is no connection, or not the right answer.
    """
    send, wanted = filled(call.send, run.values).encode(), filled(call.answer, run.values).encode()
    with connect(run, call.host, call.port) as line:
        begun = time.perf_counter()
        try:
            line.sendall(send)
            held = b""
            while wanted not in held:
                line.settimeout(run.remaining())
                part = line.recv(4096)
                if not held:
                    run.phases.add("first_byte_ms", time.perf_counter() - begun)
                held += part
                if not part or len(held) > MOST_BYTES:
                    what = f"{call.host}:{call.port} does not answer {call.answer!r}"
                    raise StepError(what=what, code="wrong-answer")
        except TimeoutError as error:
            raise late() from error
        except OSError as error:
            what = f"{call.host}:{call.port} breaks the connection: {error.strerror}"
            raise StepError(what=what, code="no-answer") from error
