"""A process that imports the lake once and then, for each line it reads, forks a writer to be killed.

A line: folder of the lake, file of acknowledgements, first batch, seed, step to die at ("-" for none), which
time, parted by tabs. It answers with the writer's process id, each batch acknowledged, and how the writer ended.
"""

import os
import random
import signal
import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pyarrow as pa

from lake.batches import BOTH, NOON, numbered, tenant_of
from nines.lake.lake import Lake

MOST = 100_000


def write(folder, acks, first, seed, step, nth):
    """Append, flush, compact and vacuum; one line per acknowledged batch goes to the disk before anything else happens."""
    chance, seen = random.Random(seed), 0

    def observe(name):
        nonlocal seen
        seen += name == step
        if name == step and seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    lake = Lake(folder, observe)
    with acks.open("a", encoding="utf-8") as log:
        for number in range(first, first + MOST):
            lake.append(tenant_of(number), "web", numbered(number), arrival=NOON, key=f"batch-{number}")
            log.write(f"{number}\n")
            log.flush()
            os.fsync(log.fileno())
            tell(f"ack {number}")
            if chance.random() < 0.25:
                lake.flush(BOTH, NOON)
            if chance.random() < 0.06:
                lake.compact(every=3)
                lake.vacuum(timedelta(0))


def tell(line):
    """Say one line; it is short enough to reach the pipe whole."""
    os.write(1, f"{line}\n".encode())


def main():
    """Fork a writer per line; it never returns, because it is killed."""
    pa.array(np.zeros(1)).to_numpy()  # what Arrow imports only now, no writer has to
    for line in sys.stdin:
        folder, acks, first, seed, step, nth = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            try:
                tell(f"pid {os.getpid()}")
                write(Path(folder), Path(acks), int(first), int(seed), step, int(nth))
            finally:
                os._exit(3)
        tell(f"end {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}")


if __name__ == "__main__":
    main()
