"""Options that many commands share, said once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from nines.cli.output import Format
from nines.cli.settings import data_folder, setting
from nines.errors import InputError, Problem

FormatOption = Annotated[Format, typer.Option("--format", help="How to print the answer.")]
TenantOption = Annotated[str | None, typer.Option("--tenant", help="Tenant to speak for; NINES_TENANT unless given.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder of this installation; NINES_DATA unless given.")
]
AtOption = Annotated[
    str | None, typer.Option("--at", help="Instant asked about, as 2026-03-01T12:00:00Z; now unless given.")
]
KnownAtOption = Annotated[
    str | None,
    typer.Option("--known-at", help="Use only what was known at this instant; all that is known unless given."),
]
Paths = Annotated[list[Path], typer.Argument(help="Files or folders of definitions.")]


def now() -> datetime:
    """Return the wall clock, aware UTC."""
    return datetime.now(UTC)


def instant_option(name: str, text: str | None) -> datetime | None:
    """Return the instant an option names, or None when it was not given.

    Raises:
        InputError: it is not an instant with a zone.
    """
    from nines.reading import instant

    if text is None:
        return None
    try:
        return instant(text)
    except ValueError as error:
        raise InputError(
            Problem(f"--{name}", str(error), "write an instant like 2026-03-01T12:00:00Z", code="bad-instant")
        ) from error


def open_local(data: Path | None, tenant: str | None) -> tuple[Any, Any]:
    """Return the house in a data folder and the principal who runs the command.

    Whoever can write the folder already owns its files, so the command line has every right in it.
    """
    from nines.operations.house import local_principal, open_house

    house = open_house(data or data_folder(), now=now(), store_url=setting("NINES_STORE"))
    return house, local_principal(tenant or setting("NINES_TENANT"), house)
