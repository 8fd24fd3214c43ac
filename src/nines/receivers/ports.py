"""The ports beside HTTP: StatsD over UDP and OTLP over gRPC, started and stopped together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from nines.receivers.calling import Desk
from nines.receivers.statsd import StatsD


class Port(Protocol):
    """Something that listens."""

    def start(self) -> None:
        """Begin to receive."""

    def stop(self) -> None:
        """Stop, and keep what was received."""


@dataclass
class Ports:
    """Every port of one installation that is open.

    Attributes:
        open: by name, as "statsd".
    """

    open: dict[str, Port] = field(default_factory=dict)

    def start(self) -> None:
        """Begin to receive on all of them."""
        for port in self.open.values():
            port.start()

    def stop(self) -> None:
        """Stop all of them."""
        for port in self.open.values():
            port.stop()


def _grpc(desk: Desk, host: str, port: int) -> Port:
    from nines.receivers.grpc_server import OtlpGrpc

    return OtlpGrpc(desk, host, port)


#: Name of a port -> what opens it at a host and port.
OPENING: dict[str, Callable[[Desk, str, int], Port]] = {"statsd": StatsD, "grpc": _grpc}


def build(desk: Desk, asked: dict[str, tuple[str, int]]) -> Ports:
    """Open ports.

    Args:
        desk: of the installation.
        asked: name of each port -> host and port number.

    Raises:
        DependencyError: an address is taken or not this machine's.
    """
    return Ports({name: OPENING[name](desk, *address) for name, address in asked.items()})
