"""Progress bars for anything over a second, on standard error so that answers stay clean."""

from __future__ import annotations

from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn


def columns() -> tuple[ProgressColumn, ...]:
    """Return the columns every bar has: what is done, how far, how long."""
    return (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
