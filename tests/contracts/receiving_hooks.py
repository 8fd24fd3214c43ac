"""A web server on loopback that takes hooks, and holds every request to what senders promise."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hooks:
    """Answers as told; `requests` are (path, headers, body) in order, `broken` what was wrong with them."""

    def __enter__(self):
        self.requests, self.broken, self.answers, self.seen = [], [], [], set()
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooks.requests.append((self.path, dict(self.headers), body))
                hooks.check(self.headers, body)
                status, headers = hooks.answers.pop(0) if hooks.answers else (200, {})
                if status == 0:
                    hooks.gone.wait(20)
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"noted\n")

            def log_message(self, *_):
                pass

        self.gone = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.gone.set()
        self.server.shutdown()
        self.server.server_close()

    def check(self, headers, body):
        if headers["Content-Type"] != "application/json":
            self.broken.append("the content type is not JSON")
        if not headers.get("User-Agent", "").startswith(("nines", "Apprise")):
            self.broken.append("the sender does not say who it is")
        try:
            json.loads(body)
        except ValueError:
            self.broken.append("the body is no JSON")
