"""Commands that stay: serve and demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nines.cli.options import DataOption, FormatOption
from nines.cli.output import Format


def serve(
    data: DataOption = None,
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT to listen on.")] = "127.0.0.1:8321",
    only: Annotated[
        str, typer.Option("--only", help="Faces to run, as api,pages,receivers,worker; all unless given.")
    ] = "",
    statsd: Annotated[str, typer.Option("--statsd", help="HOST:PORT to receive StatsD at, over UDP.")] = "",
    grpc: Annotated[str, typer.Option("--grpc", help="HOST:PORT to receive OTLP at, over gRPC.")] = "",
) -> None:
    """Run API, pages, receivers and worker in one process."""
    from nines.cli.server import serve_forever

    serve_forever(data, listen, tuple(name for name in only.split(",") if name), {"statsd": statsd, "grpc": grpc})


def demo(
    once: Annotated[bool, typer.Option("--once", help="Print the standings of the live shop and end.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="Folder to keep; a temporary one unless given.")] = None,
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT to listen on.")] = "127.0.0.1:8321",
    seconds: Annotated[
        float, typer.Option("--seconds", help="How long `--once` lets the shop run.", min=1, max=600)
    ] = 12.0,
    form: FormatOption = Format.table,
) -> None:
    """Open a small shop with real traffic and planned faults, and show how it stands."""
    from nines.cli.demo import run_demo

    run_demo(once=once, data=data, listen=listen, seconds=seconds, form=form)


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    for command in (serve, demo):
        app.command()(command)
