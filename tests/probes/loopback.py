"""Servers on loopback that tests probe: a shop, a chatty port, names, and certificates made for the test."""

import json
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from nines.probes.journey import Surroundings, run_journey
from nines.telemetry.journey import Journey, Step
from parts import require

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PASSWORD = 'pa&ss "wörd"<1>'

PAGES = {
    "/": """<h1>Shop</h1><form action=/login method=post><input id=user name=user><input id=password name=password
        type=password><button id=enter>Log in</button></form>""",
    "/shelf": """<h1>Welcome, {user}</h1><form action=/find><input id=q name=q><button id=look>Look</button></form>""",
    "/found": """<h1>{q}: 1 hit</h1><form action=/pay method=post><input type=hidden name=token value={token}>
        <button id=pay>Pay</button></form>""",
    "/paid": "<h1>Paid</h1><p>Thank you, order 7</p>",
}


class Shop(BaseHTTPRequestHandler):
    """Login, search, pay: as pages for a browser and as JSON for a program; `server.fault` breaks one of them."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length).decode()
        kind = self.headers.get("content-type", "")
        self.answer(json.loads(body) if "json" in kind else {k: v[0] for k, v in parse_qs(body).items()})

    def answer(self, sent):
        self.server.before()
        self.server.seen.append((self.command, self.path, dict(self.headers.items()), sent))
        path, query = urlsplit(self.path).path, {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
        if self.server.fault == path:
            return self.say(500, "<h1>Out of order</h1>")
        name = "do" + path.replace("/", "_")
        return getattr(self, name, lambda *_: self.say(404, "<h1>Nothing here</h1>"))(sent, query)

    def logged_in(self):
        return SimpleCookie(self.headers.get("cookie", "")).get("sid") is not None

    def say(self, status, text, *headers, kind="text/html; charset=utf-8"):
        data = text.encode()
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(data))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def go(self, where, *headers, status=303):
        self.say(status, "", ("Location", where), *headers)

    def do_(self, sent, query):
        self.say(200, PAGES["/"])

    def do_login(self, sent, query):
        if sent.get("password") != PASSWORD:
            return self.say(403, "<h1>Wrong password</h1>" + sent.get("password", ""))
        return self.go("/shelf", ("Set-Cookie", "sid=s-4711; Path=/"))

    def do_shelf(self, sent, query):
        self.say(200, PAGES["/shelf"].replace("{user}", "probe")) if self.logged_in() else self.say(401, "log in")

    def do_find(self, sent, query):
        self.go(f"/found?q={query.get('q', '')}")

    def do_found(self, sent, query):
        self.say(200, PAGES["/found"].replace("{q}", query["q"]).replace("{token}", "tk-99"))

    def do_pay(self, sent, query):
        if not self.logged_in() or sent.get("token") != "tk-99":
            return self.say(409, "no token")
        return self.say(200, PAGES["/paid"])

    def do_api_search(self, sent, query):
        found = {"query": query.get("q"), "hits": [{"id": 7, "name": "lamp", "open": True}], "token": "tk-99"}
        self.say(200, json.dumps(found), ("X-Request", "r-1"), kind="application/json")

    def do_echo(self, sent, query):
        self.say(200, json.dumps({"sent": sent, "query": query, "headers": dict(self.headers.items())}))

    def do_round(self, sent, query):
        self.go(f"/round?n={int(query.get('n', 0)) + 1}")

    def do_away(self, sent, query):
        self.go(self.server.elsewhere, status=int(query.get("status", 302)))

    def do_slow(self, sent, query):
        time.sleep(float(query["s"]))
        self.say(200, "at last")

    def do_drip(self, sent, query):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(600):
            time.sleep(0.05)
            self.wfile.write(b"a")

    def do_flood(self, sent, query):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(64):
            self.wfile.write(b"x" * 2**20)
        self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    fault, elsewhere = "", ""
    before = staticmethod(lambda: None)

    def __init__(self, tls=None, host="127.0.0.1"):
        super().__init__((host, 0), Shop)
        self.seen = []
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass  # clients that hang up are what these tests are about


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def certificate(folder, *, days, names="DNS:localhost,IP:127.0.0.1"):
    """Return certificate and key of a self-signed certificate that ends after so many days from now."""
    require("openssl", shutil.which("openssl") is not None, "install openssl")
    cert, key = folder / f"cert{days}.pem", folder / f"key{days}.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-keyout", key, "-out", cert, "-days", str(days), "-subj", "/CN=localhost"]
    subprocess.run([*words, "-addext", f"subjectAltName={names}"], check=True, capture_output=True)
    return cert, key


def tls_context(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


@contextmanager
def chatting(reply):
    """Accept connections and answer each line by `reply(line)`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            with line:
                line.sendall(reply(line.recv(1024)))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)  # wakes whoever still waits for a connection
        listener.close()
        thread.join(5)


def record(kind, data):
    """Return one answer whose name points at the question."""
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data


@contextmanager
def naming(answer, port=0):
    """Answer DNS questions over UDP by `answer(query) -> bytes | None`."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("127.0.0.1", port))
    line.settimeout(0.05)
    over = threading.Event()

    def serve():
        while not over.is_set():
            try:
                query, client = line.recvfrom(2048)
            except TimeoutError:
                continue
            data = answer(query)
            if data is not None:
                line.sendto(data, client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield line.getsockname()[1]
    finally:
        over.set()
        thread.join(5)
        line.close()


def journey(*steps, **fields):
    made = tuple(s if isinstance(s, Step) else Step(name=f"s{n}", call=s) for n, s in enumerate(steps, 1))
    return Journey(**({"name": "p", "source": "probes", "steps": made, "timeout": timedelta(seconds=10)} | fields))


def run(*steps, secrets=None, allow=(), artifacts=None, pause=lambda _s: None, scheduled=AT, **fields):
    """Run steps as a journey and return its result."""
    around = Surroundings(
        location="here", scheduled=scheduled, at=AT, version="9.9", secrets=secrets or {}, allow=allow,
        artifacts=artifacts, pause=pause,
    )  # fmt: skip
    return run_journey(journey(*steps, **fields), around)


def only(result):
    """Return the one step that was run."""
    (step,) = result.first.steps
    return step
