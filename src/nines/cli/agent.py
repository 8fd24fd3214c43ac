"""The command that runs the edge agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nines.cli.options import now
from nines.cli.output import say


def agent(
    config: Annotated[Path, typer.Option("--config", help="File that says what to collect and where to send it.")],
    once: Annotated[bool, typer.Option("--once", help="Collect once, send what waits, and end.")] = False,
) -> None:
    """Collect at the edge: keep everything on disk until the centre has it, and send fresh data first."""
    import logging
    import os
    import signal
    import threading
    from importlib import import_module

    settings_room, agent_room, beat_room = (import_module(f"nines.agent.{n}") for n in ("settings", "agent", "beat"))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    here = agent_room.Agent(settings_room.read_settings(config), beat_room.Beat(now))
    if once:
        whole = here.once()
        if not whole:
            say("not everything could be sent; it waits in the queue")
        raise typer.Exit(0 if whole else 4)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    here.run(stop)
    logging.shutdown()
    os._exit(0)  # all is on disk; libraries used in threads that are gone would complain about their objects


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(agent)
