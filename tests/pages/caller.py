"""Somebody who calls an application over HTTP: a browser's cookies and headers, without a browser or a socket."""

import asyncio

import httpx


class Caller:
    """Calls an ASGI application, as from 127.0.0.1 unless told otherwise; keeps cookies like a browser."""

    def __init__(self, app, *, base="http://127.0.0.1:8321", peer="127.0.0.1"):
        self.app, self.base, self.peer, self.cookies = app, base, peer, httpx.Cookies()

    def __call__(self, method, path, **options):
        async def call():
            transport = httpx.ASGITransport(self.app, client=(self.peer, 50000), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self.base, cookies=self.cookies) as client:
                answer = await client.request(method, path, **options)
                self.cookies = client.cookies
                return answer

        return asyncio.run(call())

    def get(self, path, **options):
        return self("GET", path, **options)

    def post(self, path, **options):
        return self("POST", path, **options)
