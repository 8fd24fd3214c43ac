"""Counters read from a real Prometheus are what the server counted; a failing one is met by its documented contract."""

import http.server
import json
import shutil
import socket
import subprocess
import threading
import time

import httpx
import pytest

from nines.errors import DependencyError, InputError
from nines.objectives.indicator import CounterIndicator
from nines.operations.pulling import Span, read
from nines.sources.fetching import Client
from nines.sources.prometheus import read_samples
from nines.telemetry.datasource import DataSource
from parts import require


class Answers(http.server.ThreadingHTTPServer):
    """A server on loopback that answers each request by calling `answer(handler)`; it ends with its test."""

    def __init__(self, answer):
        self.answer, self.seen = answer, []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append(self.headers.get("authorization"))
        status, headers, body = self.server.answer(len(self.server.seen))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name the library calls

    def log_message(self, *_words):
        pass


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail("waited for a minute in vain")
        time.sleep(0.05)


class Shop:
    """Counters of a shop, as its /metrics shows them."""

    def __init__(self):
        self.good, self.bad = 0, 0
        self.server = Answers(self.page)

    def page(self, _number):
        text = f'shop_total{{code="200"}} {self.good}\nshop_total{{code="500"}} {self.bad}\n'
        return 200, {"Content-Type": "text/plain; version=0.0.4"}, f"# TYPE shop_total counter\n{text}".encode()

    def scraped(self, times=2):
        """Wait until what stands now was looked at."""
        after = len(self.server.seen) + times
        until(lambda: len(self.server.seen) >= after)


@pytest.fixture
def shop():
    made = Shop()
    yield made
    made.server.shutdown()


@pytest.fixture
def prometheus(shop, tmp_path):
    program = shutil.which("prometheus")
    require("prometheus", program, "install the Debian package prometheus")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{found.getsockname()[1]}"
    target = shop.server.url.removeprefix("http://")
    config = tmp_path / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: shop\n  static_configs: [{{targets: ['{target}']}}]\n"
    )
    words = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address={address}"]
    process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ready():
        try:
            return httpx.get(f"http://{address}/-/ready", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    until(ready)
    yield f"http://{address}"
    process.terminate()
    process.wait(timeout=20)


@pytest.mark.slow
def test_counters_read_from_prometheus_are_what_the_shop_counted_and_a_reset_loses_nothing(shop, prometheus):
    begins = int(time.time() // 60)
    shop.scraped(3)
    shop.good, shop.bad = 30, 5
    shop.scraped(3)
    shop.good, shop.bad = 7, 2  # restarted: counts begin again
    shop.scraped(3)
    indicator = CounterIndicator(name="shop", source="prom", bad='shop_total{code="500"}', total="sum(shop_total)")
    source = DataSource(name="prom", type="prometheus", options=(("url", prometheus),))
    series, _ = read(Client(prometheus), indicator, source, Span(begins - 1, int(time.time() // 60) + 1))
    assert (int(series.good.sum()), int(series.bad.sum()), int(series.unknown.sum())) == (37, 7, 0)


EMPTY = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": []}}).encode()


def client(answer, **options):
    server = Answers(answer)
    return server, Client(server.url, pause=lambda _seconds: None, **options)


def test_a_server_that_asks_to_wait_is_asked_again_after_the_time_it_names():
    waited = []
    server = Answers(lambda n: (429, {"Retry-After": "7"}, b"") if n == 1 else (200, {}, EMPTY))
    found = read_samples(Client(server.url, pause=waited.append), "up", 0, 1000)
    assert (waited, len(found.labels)) == ([7.0], 0)


def test_a_server_that_fails_every_time_is_told_as_a_dependency_that_failed():
    server, asked = client(lambda _n: (500, {}, b"{}"))
    with pytest.raises(DependencyError, match="it answers 500; tried 4 times"):
        read_samples(asked, "up", 0, 1000)
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((200, {}, b"<html>"), "no JSON"),
        ((302, {"Location": "/x"}, b""), "redirect"),
        ((200, {}, b'{"data": 1}'), "gives no matrix"),
    ],
)
def test_nonsense_and_redirects_are_refused(answer, word):
    _, asked = client(lambda _n: answer)
    with pytest.raises(DependencyError, match=word):
        read_samples(asked, "up", 0, 1000)


def test_a_request_the_server_calls_wrong_is_the_definitions_mistake():
    _, asked = client(lambda _n: (400, {}, b'{"error": "parse error at char 3"}'))
    with pytest.raises(InputError, match="parse error at char 3"):
        read_samples(asked, "up(", 0, 1000)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "http://0.0.0.0:9090", "file:///etc/passwd", "http://a:b@127.0.0.1"]
)
def test_addresses_a_definition_must_not_make_us_ask_are_refused(url):
    with pytest.raises(InputError):
        read_samples(Client(url), "up", 0, 1000)


def test_a_token_is_sent_from_its_file_and_never_told(tmp_path):
    secret = tmp_path / "token"
    secret.write_text("s3cret-token\n")
    server, asked = client(lambda _n: (403, {}, b'{"error": "no"}'), token_file=str(secret))
    with pytest.raises(InputError) as refused:
        read_samples(asked, "up", 0, 1000)
    assert server.seen == ["Bearer s3cret-token"]
    assert "s3cret" not in str(refused.value) + repr(asked)
