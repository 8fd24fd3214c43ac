"""The `nines` command: assembles the commands and turns every failure into one exit code and one clear message.

Modules of commands import operations inside their functions, so that `nines --help` stays quick.
"""

from __future__ import annotations

import sys

import typer

from nines import __version__
from nines.cli import (
    agent,
    alerting,
    clocks,
    defining,
    exchanging,
    ingesting,
    probing,
    proving,
    reconciling,
    recording,
    serving,
    sourcing,
    standing,
)
from nines.cli.output import say, tell_problems
from nines.errors import NinesError

#: Exit code of what is no `NinesError`: a defect.
INTERNAL = 5

app = typer.Typer(
    name="nines",
    help="Service levels for their whole life: from definitions and real data to a standing anyone can recompute.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"nines {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and end.", callback=_version, is_eager=True
    ),
) -> None:
    """Options that stand before any command."""


ROOMS = (
    defining, exchanging, standing, sourcing, ingesting, clocks, alerting, reconciling, probing, proving, recording,
    serving, agent,
)  # fmt: skip
for room in ROOMS:
    room.register(app)


def exit_code(error: BaseException) -> int:
    """Return the exit code that an exception ends the program with."""
    return error.exit_code if isinstance(error, NinesError) else INTERNAL


def run() -> None:
    """Run the command line; the program's entry point."""
    try:
        app()
    except NinesError as error:
        tell_problems(error.problems)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        say("stopped")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a sentence instead of a traceback
        say(f"internal error: {type(error).__name__}: {error}")
        say("this is a defect of nines; please report it with the command and the file named below")
        _keep_traceback(error)
        sys.exit(INTERNAL)


def _keep_traceback(error: Exception) -> None:
    """Write the traceback to a file in the temporary folder and say where it is."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="nines-", suffix=".traceback", delete=False, encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    say(f"the traceback is in {file.name}")
