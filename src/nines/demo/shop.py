"""Opens the shop: starts its services on free loopback ports and sends customers through them.

Run as `python -m nines.demo.shop --url http://127.0.0.1:8321 --token-file ...`; it ends with its parent, after
`--seconds`, or in order when it is sent SIGUSR1 (SIGTERM is uvicorn's, and leaves customers standing).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import socket
from contextlib import suppress

import httpx
import uvicorn
from opentelemetry.sdk.trace import TracerProvider

from nines.demo.export import EventExporter
from nines.demo.services import HEALTH, SHOP, Shop, service_app, tracer_of
from nines.demo.storefront import STOREFRONT, storefront_app

#: Customers' visits per second; each visit calls one to three services.
VISITS_PER_S = 12.0
#: What a visit does, with its weight.
VISITS: tuple[tuple[str, float], ...] = (("search", 5), ("catalog", 6), ("cart", 3), ("checkout", 2))


def free_socket() -> socket.socket:
    """Return a listening-ready socket on a free loopback port."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    return listener


async def look_after(shop: Shop, client: httpx.AsyncClient) -> None:
    """Ask every service for its health every fifteen seconds, as a load balancer would."""
    while True:
        for port in list(shop.ports.values()):
            with suppress(httpx.HTTPError):
                await client.get(f"http://127.0.0.1:{port}{HEALTH}")
        await asyncio.sleep(15)


async def visit(client: httpx.AsyncClient, shop: Shop, service: str, session: str) -> None:
    """Send one customer to one service; what goes wrong is the shop's telemetry's to tell."""
    with suppress(httpx.HTTPError):
        await client.get(f"http://127.0.0.1:{shop.ports[service]}{SHOP[service][0]}", headers={"x-session": session})


async def customers(shop: Shop, seconds: float | None, closing: asyncio.Event) -> None:
    """Send visits at random instants until time is up, the shop is told to close, or the parent is gone."""
    dice = random.Random(shop.seed)  # noqa: S311 - dice for a simulation
    names, weights = zip(*VISITS, strict=True)
    parent, tasks = os.getppid(), set[asyncio.Task[None]]()
    async with httpx.AsyncClient(timeout=5.0) as client:
        watch = asyncio.create_task(look_after(shop, client))
        while (seconds is None or shop.elapsed_s() < seconds) and not closing.is_set() and os.getppid() == parent:
            service = dice.choices(names, weights)[0]
            task = asyncio.create_task(visit(client, shop, service, f"s{dice.randrange(400)}"))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(dice.expovariate(VISITS_PER_S))
        watch.cancel()
        await asyncio.gather(*tasks, watch, return_exceptions=True)


def start_service(
    service: str, shop: Shop, listener: socket.socket | None = None
) -> tuple[uvicorn.Server, asyncio.Task[None], TracerProvider]:
    """Start one service on a socket, or on a free port, and note the port in the shop."""
    tracer, provider = tracer_of(service, shop)
    listener = listener or free_socket()
    shop.ports[service] = listener.getsockname()[1]
    app = storefront_app(shop, tracer) if service == STOREFRONT else service_app(service, shop, tracer)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    return server, asyncio.create_task(server.serve(sockets=[listener])), provider


async def open_shop(url: str, token: str, seconds: float | None, door: socket.socket | None = None) -> None:
    """Start every service, send customers, and close in order so that no span is left behind.

    Args:
        url: nines' address, without a path.
        token: token with the right to send events, or "".
        seconds: how long to stay open, or None for as long as the parent lives.
        door: where the storefront listens, or None for any free port.
    """
    closing = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, closing.set)
    target = f"{url.rstrip('/')}/api/nines/v1/events"
    shop = Shop(exporter=lambda service: EventExporter(f"{target}/{service}", token))
    started = [start_service(service, shop) for service in SHOP]
    started.append(start_service(STOREFRONT, shop, door))
    while not all(server.started for server, _, _ in started):  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    await customers(shop, seconds, closing)
    for server, _, _ in started:
        server.should_exit = True
    await asyncio.gather(*(run for _, run, _ in started))
    for _, _, provider in started:
        await asyncio.to_thread(provider.shutdown)


def main(arguments: list[str] | None = None) -> None:
    """Run the shop from the command line."""
    parser = argparse.ArgumentParser(prog="nines-shop", description="The demo shop of nines.")
    parser.add_argument("--url", required=True, help="address of the nines server")
    parser.add_argument("--token-file", default="", help="file that holds the token")
    parser.add_argument("--seconds", type=float, default=None, help="close after so many seconds")
    parser.add_argument("--door", type=int, default=-1, help="open socket, by number, at which the storefront listens")
    options = parser.parse_args(arguments)
    door = socket.socket(fileno=options.door) if options.door >= 0 else None
    token = ""
    if options.token_file:
        with open(options.token_file, encoding="utf-8") as file:  # noqa: PTH123 - one line
            token = file.read().strip()
    with suppress(KeyboardInterrupt):
        asyncio.run(open_shop(options.url, token, options.seconds, door))


if __name__ == "__main__":
    main()
