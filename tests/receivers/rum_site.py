"""A small site over loopback that keeps the beacons its pages send, and the libraries those pages load."""

import json
import shutil
import subprocess
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from nines.protocols.rum import Sender
from parts import require

MODULE = Path(__file__).resolve().parents[2] / "src" / "nines" / "receivers" / "static" / "nines-rum.js"


def fetch_package(name, folder):
    """Return the unpacked folder of a package of the npm registry, or skip."""
    require("npm", shutil.which("npm") is not None, "install Debian's npm")
    command = ["npm", "pack", f"{name}@latest", "--json", "--loglevel=error"]
    try:
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        reason = run.stderr.strip().splitlines()[:1]
        good = run.returncode == 0
    except subprocess.TimeoutExpired:
        good, reason = False, ["it took too long"]
    require(f"{name} of the npm registry", good, " ".join(reason) if not good else "")
    told = json.loads(run.stdout)
    packed = told[0] if isinstance(told, list) else next(iter(told.values()))
    with tarfile.open(folder / packed["filename"]) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    return folder / "unpacked" / "package"


class Site:
    """What is served by path, and what was sent: method, path with query, headers and body of each beacon."""

    def __init__(self):
        self.pages, self.beacons, self.came = {}, [], threading.Condition()

    def put(self, path, content, kind="text/html", status=200):
        self.pages[path] = (status, kind, content if isinstance(content, bytes) else content.encode())

    def wait(self, enough, timeout=10):
        with self.came:
            assert self.came.wait_for(lambda: enough(self.beacons), timeout), f"only {len(self.beacons)} beacons came"
            return list(self.beacons)

    def take(self, method, path, headers, body):
        with self.came:
            self.beacons.append((method, path, headers, body))
            self.came.notify_all()


@contextmanager
def site():
    """Serve a site on a free port of this machine while the block runs."""
    held = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            if path == "/beacon":
                held.take("GET", self.path, dict(self.headers), query.encode())
            status, kind, content = held.pages.get(path, (204 if path == "/beacon" else 404, "text/plain", b""))
            self.answer(status, kind, content)

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            held.take("POST", self.path, dict(self.headers), body)
            self.answer(204, "text/plain", b"")

        def answer(self, status, kind, content):
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    held.url = f"http://127.0.0.1:{server.server_address[1]}"
    held.put("/rum/nines-rum.js", MODULE.read_bytes(), "text/javascript")
    held.put("/away", "<title>away</title><p>gone")
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def sender(headers, **more):
    """Return what a receiver knows of a beacon."""
    return Sender(headers.get("User-Agent", ""), **more)
