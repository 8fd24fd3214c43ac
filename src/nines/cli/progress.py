"""Progress bars for anything over a second, on standard error so that answers stay clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn


def columns() -> tuple[ProgressColumn, ...]:
    """Return the columns every bar has: what is done, how far, how long."""
    return (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())


@contextmanager
def bar(what: str) -> Iterator[Callable[[float], None]]:
    """Show a bar while something goes on; it is told the share that is done.

    Args:
        what: that goes on.
    """
    with Progress(*columns(), console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=1.0)
        yield lambda share: shown.update(task, completed=share)
