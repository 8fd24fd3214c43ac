"""`nines demo`: the whole product on embedded defaults, with a live shop behind it.

The shop is a process of its own and reaches nines over HTTP with a token, as any other customer would.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from nines.cli.options import now
from nines.cli.output import Format, document, rows, say
from nines.cli.server import Running, start
from nines.errors import DependencyError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nines.operations.house import House

#: How far back the simulated history goes.
HISTORY_DAYS = 90


def definitions_folder() -> Path:
    """Return the folder with the shop's definitions, in a checkout or in an installed package.

    Raises:
        DependencyError: neither is there.
    """
    import nines.demo

    packaged = Path(nines.demo.__file__).parent / "definitions"
    checkout = Path(nines.demo.__file__).parents[3] / "examples" / "shop"
    for folder in (packaged, checkout):
        if folder.is_dir():
            return folder
    raise DependencyError(
        Problem("demo", "the shop's definitions are not installed", "reinstall nines", code="demo-missing")
    )


def furnish(house: House, definitions: Path) -> None:
    """Put the shop's definitions in force and its simulated past into the lake."""
    from rich.progress import Progress

    from nines.cli.progress import columns
    from nines.demo.history import PER_MINUTE, simulate
    from nines.operations import defining, ingesting
    from nines.operations.house import local_principal

    who, began = local_principal("default"), now()
    past = began - timedelta(days=HISTORY_DAYS)
    with Progress(*columns(), transient=True) as bar:
        task = bar.add_task("putting definitions in force", total=len(PER_MINUTE) + 2)
        defining.apply(house, who, [definitions], now=began, effective_from=past)
        bar.advance(task)
        for service in PER_MINUTE:
            bar.update(task, description=f"simulating {HISTORY_DAYS} days of {service}")
            ingesting.ingest_table(
                house, who, service, simulate(service, began, HISTORY_DAYS), now=began, key="history"
            )
            bar.advance(task)
        bar.update(task, description="rolling up to the minute")
        ingesting.flush(house, now=now())
        bar.advance(task)


@contextmanager
def shop(running: Running, token: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the shop in a process of its own while the block runs; gives it and the address of its storefront."""
    with tempfile.TemporaryDirectory(prefix="nines-shop-") as folder:
        token_file = Path(folder) / "token"
        token_file.touch(mode=0o600)
        token_file.write_text(token, encoding="utf-8")
        command = [sys.executable, "-m", "nines.demo.shop", "--url", running.url, "--token-file", str(token_file)]
        with socket.create_server(("127.0.0.1", 0)) as door:
            # Bound here and listened to there, so that no other program can take the port in between.
            command += ["--door", str(door.fileno())]
            process = subprocess.Popen(command, pass_fds=(door.fileno(),))  # noqa: S603 - our own module
            url = f"http://127.0.0.1:{door.getsockname()[1]}"
        try:
            yield process, url
        finally:
            process.terminate()
            process.wait(timeout=10)


@contextmanager
def probed(house: House, url: str, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Run the shop's probes while the block runs, from the three places of their definitions, all played here.

    Args:
        house: whose probes.
        url: address of the storefront; the definitions name another, and loopback is refused unless allowed.
        process: the shop; nobody asks before it is open.
    """
    from nines.demo.storefront import PASSWORD
    from nines.operations.rounds import Post

    wait_for(url, process)
    post = Post(
        locations=("berlin", "oslo", "porto"), secrets={"default": {"SHOP_PASSWORD": PASSWORD}}, values={"shop": url},
        allow=("127.0.0.1",),
    )  # fmt: skip
    prober = import_module("nines.worker.probing").build(house, post, now)
    prober.start()
    try:
        yield
    finally:
        prober.stop()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when the storefront answers, or the shop has closed, or after fifteen seconds."""
    import httpx

    until = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < until:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/healthz", timeout=2, trust_env=False).is_success:
                return
        time.sleep(0.1)


def show_standings(house: House, form: Format) -> None:
    """Print how the shop stands now."""
    from nines.cli.standing import COLUMNS
    from nines.evaluation.standing_json import standing_json
    from nines.operations import standings
    from nines.operations.house import local_principal
    from nines.operations.showing import standing_row

    found = standings.standings(house, local_principal("default"), at=now())
    if form is Format.json:
        document([standing_json(s) for s in found])
    else:
        rows(COLUMNS, [standing_row(s) for s in found], form)


def run_demo(*, once: bool, data: Path | None, listen: str, seconds: float, form: Format) -> None:
    """Open the house and the shop; stay until interrupted, or print standings once."""
    from nines.operations import people
    from nines.operations.house import local_principal, open_house

    folder = data or Path(tempfile.mkdtemp(prefix="nines-demo-"))
    running = None
    try:
        house = open_house(folder, now=now(), open_on_loopback=True)
        furnish(house, definitions_folder())
        running = start(house, "127.0.0.1:0" if once else listen)
        name, who = f"shop {now():%Y-%m-%d %H:%M:%S}", local_principal("default")
        made = people.make_token(house, who, name, scopes=("ingest",), days=1, now=now())
        say(f"the shop is open; nines serves {running.url}" + ("" if once else "  (stop with Ctrl-C)"))
        with shop(running, made.secret) as (process, door):
            # Whoever asks the shop stops before it closes: else the last probe finds a door that was shut on purpose.
            with probed(house, door, process):
                if once:
                    let_run(process, seconds)
                else:
                    wait_until_interrupted(process)
            if once:
                close_in_order(process)
                settle(house)
                show_standings(house, form)
    finally:
        if running is not None:
            running.stop()
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def let_run(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Return after some seconds, or as soon as the shop has closed."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=seconds)


def close_in_order(process: subprocess.Popen[bytes]) -> None:
    """Let the shop serve the customers it has, tell what it measured, and close."""
    if process.poll() is None:
        process.send_signal(signal.SIGUSR1)
    process.wait(timeout=30)


def settle(house: House) -> None:
    """Bring the last rows into the lake, so that the standings include them."""
    from nines.operations import ingesting

    ingesting.flush(house, now=now())


def wait_until_interrupted(process: subprocess.Popen[bytes]) -> None:
    """Return when the person presses Ctrl-C or the shop has closed, telling what breaks meanwhile."""
    from nines.demo.faults import ROUND_S, SCHEDULE

    opened, told = time.monotonic(), set[tuple[int, str]]()
    try:
        while process.poll() is None:
            elapsed = time.monotonic() - opened
            for fault in SCHEDULE:
                key = (int(elapsed // ROUND_S), fault.service)
                if key not in told and fault.begins_s <= elapsed % ROUND_S:
                    told.add(key)
                    say(f"{now():%H:%M:%S} {fault.service}: {fault.story} (for {fault.lasts_s:.0f} s)")
            threading.Event().wait(0.5)
    except KeyboardInterrupt:
        say("closing the shop")
