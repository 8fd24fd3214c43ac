"""StatsD and DogStatsD over UDP.

UDP has no answer, so nothing can be acknowledged: datagrams are stored once a second, and what the kernel or a full
inbox made us lose is counted. A source of this type says that it is lossy.
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from nines.errors import DependencyError, NinesError, Problem
from nines.people.rights import Principal
from nines.protocols.refusal import Refused
from nines.protocols.statsd import decode
from nines.receivers.calling import Desk

#: Longest time a datagram waits before it is stored, seconds.
EVERY_S = 1.0
#: Bytes that are decoded and stored as one batch.
BATCH_BYTES = 1_000_000
#: Bytes that wait in memory at most when the inbox takes nothing; what comes then is lost, and counted.
MOST_WAITING = 32 * 1024 * 1024
_RECEIVE_BUFFER = 8 * 1024 * 1024
_LARGEST = 65_535


class StatsD:
    """One UDP port.

    Attributes:
        address: host and port it is bound to.
        datagrams: received so far.
        lines: metric lines stored so far.
        malformed: lines that could not be read.
        lost_bytes: bytes of datagrams dropped because too much was waiting.
    """

    def __init__(self, desk: Desk, host: str, port: int, *, tenant: str = "default") -> None:
        """Bind the port.

        Args:
            desk: of the installation.
            host: address to listen at.
            port: 0 takes a free one.
            tenant: whose sources get what arrives: UDP has no token.

        Raises:
            DependencyError: the address is taken or not this machine's.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._socket.settimeout(0.2)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            what = f"cannot listen here for StatsD: {error.strerror}"
            raise DependencyError(
                Problem(f"{host}:{port}", what, "choose another with --statsd", code="listen")
            ) from error
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self._desk, self._who = desk, Principal.sender(tenant, "statsd")
        self.datagrams = self.lines = self.malformed = self.lost_bytes = 0
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._threads = [
            threading.Thread(target=run, name=f"nines-statsd-{name}", daemon=True)
            for name, run in (("read", self._read), ("store", self._store))
        ]

    def start(self) -> None:
        """Begin to receive."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop receiving and store what waits."""
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._socket.close()

    def _read(self) -> None:
        while not self._over.is_set():
            try:
                datagram = self._socket.recv(_LARGEST)
            except TimeoutError:
                continue
            except OSError:
                return
            with self._guard:
                self.datagrams += 1
                if self._bytes + len(datagram) > MOST_WAITING:
                    self.lost_bytes += len(datagram)
                    continue
                self._waiting.append(datagram)
                self._bytes += len(datagram) + 1

    def _store(self) -> None:
        while not self._over.wait(EVERY_S):
            self.flush()
        self.flush()

    def flush(self) -> None:
        """Store what waits; what the inbox refuses waits on."""
        with self._guard:
            waiting, self._waiting, self._bytes = self._waiting, [], 0
        while waiting:
            batch, size = [], 0
            while waiting and size < BATCH_BYTES:
                batch.append(waiting.pop())
                size += len(batch[-1]) + 1
            if not self._take(b"\n".join(batch)):
                with self._guard:
                    self._waiting = [*batch, *waiting, *self._waiting]
                    self._bytes += sum(len(d) + 1 for d in (*batch, *waiting))
                return

    def _take(self, lines: bytes) -> bool:
        """Store some lines; returns whether they are done with."""
        now = self._desk.clock()
        try:
            found = decode(lines, now_us=int(now.timestamp() * 1_000_000))
        except Refused:
            self.malformed += 1
            return True
        try:
            self._desk.intake.events(self._who, found.events, kind="statsd", now=now, key=None, refused=found.malformed)
        except NinesError:
            return False
        self.lines += found.lines
        self.malformed += found.malformed
        return True

    def kernel_drops(self) -> int | None:
        """Return the datagrams the kernel dropped on this port, or None where it does not tell.

        Source: the column "drops" of /proc/net/udp, Linux.
        """
        port = f"{self.address[1]:04X}"
        for table in ("/proc/net/udp", "/proc/net/udp6"):
            try:
                rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
            except OSError:
                continue
            for row in rows:
                fields = row.split()
                if fields[1].rpartition(":")[2] == port:
                    return int(fields[-1])
        return None
