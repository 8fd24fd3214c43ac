"""A process that looks after the escalations of a house until all their steps are told, or until it is killed.

Words: folder of the house, and "upgraded" to run with a workflow whose code was changed behind a patch.
"""

import sys
import time
import types
from datetime import UTC, datetime
from pathlib import Path

from nines.operations.house import open_house
from nines.worker.escalating import Escalating

#: What an upgrade adds to every step of a workflow: a line in a file.
ADDED = """
@DBOS.step()
def mark(step: int) -> None:
    with open(_houses["house"].folder / "marks", "a") as file:
        file.write(f"{step}\\n")
"""


def upgraded():
    """Put changed code in the place of the workflows' module."""
    import nines.worker

    path = Path(nines.worker.__file__).with_name("durable.py")
    line = "        if not tell(tenant, number, step):\n"
    text = path.read_text()
    assert line in text
    text = text.replace(line, '        if DBOS.patch("marked"):\n            mark(step)\n' + line) + ADDED
    module = types.ModuleType("nines.worker.durable")
    sys.modules["nines.worker.durable"] = module
    nines.worker.durable = module
    exec(compile(text, str(path), "exec"), module.__dict__)


def main():
    folder = Path(sys.argv[1])
    if sys.argv[2:] == ["upgraded"]:
        upgraded()
    house = open_house(folder, now=datetime.now(UTC))
    held = Escalating(house)
    held.look(datetime.now(UTC))
    print("looking", flush=True)
    from nines.operations.escalating import open_escalations

    while open_escalations(house, "default"):
        held.look(datetime.now(UTC))
        time.sleep(0.05)
    time.sleep(0.3)  # so that the workflow notes its own end
    held.stop()
    house.lake.inbox.close()


if __name__ == "__main__":
    main()
