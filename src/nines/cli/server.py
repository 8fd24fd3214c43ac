"""Puts the faces together into one process: API, pages and worker over one house.

Faces do not import each other, so they are found by name in `FACES`.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from nines.cli.options import now
from nines.cli.output import say
from nines.cli.settings import data_folder, setting
from nines.errors import DependencyError, InputError, Problem
from nines.operations.house import House, open_house

#: Face -> where its `build(house, clock)` is.
FACES: dict[str, str] = {
    "api": "nines.api.app:build",
    "pages": "nines.pages.app:build",
    "receivers": "nines.receivers.app:build",
    "worker": "nines.worker.loop:build",
}


def build_face(name: str, house: House) -> Any:  # noqa: ANN401 - faces are of different kinds
    """Return one face of a house.

    Raises:
        InputError: there is no such face.
    """
    if name not in FACES:
        raise InputError(
            Problem("--only", f"there is no face {name!r}", f"choose from {', '.join(FACES)}", code="bad-face")
        )
    module, _, function = FACES[name].partition(":")
    return getattr(import_module(module), function)(house, now)


def assemble(house: House, only: tuple[str, ...] = (), asked: Mapping[str, str] | None = None) -> tuple[Any, Any, Any]:
    """Return the application to serve, the worker to run and the ports to open; any may be None.

    Args:
        house: what they work on.
        only: names of faces; every one when empty.
        asked: HOST:PORT of further ports by name, as statsd and grpc; "" opens none.

    Raises:
        InputError: ports are asked for, and no receivers run.
    """
    names = only or tuple(FACES)
    built = {name: build_face(name, house) for name in names}
    app = built.get("api") or built.get("pages")
    if app is not None and "api" in built and "pages" in built:
        app.mount("/", built["pages"])  # the API's routes were added first, so they win
    receivers = built.get("receivers")
    if receivers is not None:
        app = receivers if app is None else Front(receivers, app)
    return app, built.get("worker"), _ports(receivers, {k: v for k, v in (asked or {}).items() if v})


def _ports(receivers: Starlette | None, asked: dict[str, str]) -> Any:  # noqa: ANN401 - found by name, as faces are
    if not asked:
        return None
    if receivers is None:
        what = f"{', '.join(asked)} needs the receivers, and --only leaves them out"
        raise InputError(Problem("--only", what, "add receivers to --only", code="bad-face"))
    build = import_module("nines.receivers.ports").build
    return build(receivers.state.desk, {name: parse_listen(text) for name, text in asked.items()})


class Front:
    """Gives the paths that senders know to the receivers, and all others to the other faces."""

    def __init__(self, receivers: Starlette, others: ASGIApp) -> None:
        """Stand before both.

        Args:
            receivers: asked first, whatever the method.
            others: get what no receiver's path matches.
        """
        self._receivers, self._others = receivers, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        theirs = scope["type"] == "http" and any(
            route.matches(scope)[0] is not Match.NONE for route in self._receivers.routes
        )
        await (self._receivers if theirs else self._others)(scope, receive, send)


@dataclass
class Running:
    """A server and a worker at work.

    Attributes:
        url: where the server answers.
        server: the HTTP server, or None when only the worker runs.
        worker: the worker, or None.
        ports: further ports, or None.
    """

    url: str
    server: uvicorn.Server | None
    worker: Any
    thread: threading.Thread | None = None
    ports: Any = None

    def stop(self) -> None:
        """Stop taking requests, finish those in hand, then stop the worker."""
        if self.server is not None:
            self.server.should_exit = True
        if self.thread is not None:
            self.thread.join(timeout=10)
        if self.ports is not None:
            self.ports.stop()
        if self.worker is not None:
            self.worker.stop()


def parse_listen(listen: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT.

    Raises:
        InputError: it is not HOST:PORT.
    """
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) >= 2**16:
        raise InputError(
            Problem("--listen", f"{listen!r} is not HOST:PORT", "write it like 127.0.0.1:8321", code="bad-listen")
        )
    return host.strip("[]"), int(port)


def bind(host: str, port: int) -> socket.socket:
    """Return a bound socket, so that a taken port is told before anything starts.

    Raises:
        DependencyError: the address is taken or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, accepted connections send at once; without it small answers wait 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise DependencyError(
            Problem(
                f"{host}:{port}",
                f"cannot listen here: {error.strerror}",
                "choose another address with --listen",
                code="listen",
            )
        ) from error
    return listener


class Server(uvicorn.Server):
    """The HTTP server; while nothing happens it looks about once a second instead of ten times."""

    async def main_loop(self) -> None:
        """Look about until told to stop."""
        counter = 0
        stopping = await self.on_tick(counter)
        while not stopping:
            counter = (counter + 10) % 864_000  # tenths of a second, as its own loop counts; dates are set anew at tens
            await asyncio.sleep(1)
            stopping = await self.on_tick(counter)


def make_server(app: Any) -> uvicorn.Server:  # noqa: ANN401 - any ASGI application
    """Return an HTTP server with bounded patience: slow or silent clients are let go."""
    return Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
            limit_concurrency=512,
        )
    )


def start(house: House, listen: str, only: tuple[str, ...] = (), **asked: str) -> Running:
    """Start faces in the background and return when the server answers.

    Args:
        house: what they work on.
        listen: HOST:PORT; port 0 takes a free one.
        only: names of faces; every one when empty.
        asked: HOST:PORT of further ports, as statsd and grpc.
    """
    app, worker, ports = assemble(house, only, asked)
    host, port = parse_listen(listen)
    if worker is not None:
        worker.start()
    if ports is not None:
        ports.start()
    if app is None:
        return Running("", None, worker, ports=ports)
    listener = bind(host, port)
    server = make_server(app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="nines-http", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.02)
    return Running(f"http://{host}:{listener.getsockname()[1]}", server, worker, thread, ports)


def serve_forever(data: Path | None, listen: str, only: tuple[str, ...], asked: Mapping[str, str]) -> None:
    """Serve until interrupted."""
    from nines.operations import people

    house = open_house(data or data_folder(), now=now(), store_url=setting("NINES_STORE"))
    app, worker, ports = assemble(house, only, asked)
    host, port = parse_listen(listen)
    if worker is not None:
        worker.start()
    if app is None:
        say("the worker runs; stop it with Ctrl-C")
        threading.Event().wait()
        return
    listener = bind(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    if ports is not None:
        ports.start()
    say(f"nines serves {url}" + "".join(f", {name} at {text}" for name, text in asked.items() if text))
    link = people.set_up_link(house, url, now=now())
    if link:
        say(f"nobody can sign in yet; make the first account here, once, within an hour: {link}")
    try:
        make_server(app).run(sockets=[listener])
    finally:
        if ports is not None:
            ports.stop()
        if worker is not None:
            worker.stop()
