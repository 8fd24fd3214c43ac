"""Real senders of remote write: what the shop counted is what is counted, resets and new series included."""

import shutil
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from parts import require
from protocols.sender import Sent, request
from receivers.serving import free_port, served, until

DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: metrics}
spec: {type: remote-write}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: requests}
spec: {source: metrics, bad: 'shop_requests_total{code=~"5.."}', total: shop_requests_total}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: requests}
spec: {service: shop, indicator: requests, target: 99%, window: 1h}
"""
#: What the counter of good requests shows at the first scrape: it happened before anybody looked.
BEFORE = 7


class Shop:
    """Counters that grow whenever they are scraped, and a page of them."""

    def __init__(self):
        self.good = self.bad = self.all_good = self.all_bad = self.scrapes = 0
        self.frozen, self.lock = False, threading.Lock()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                text = shop.page().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self):
        with self.lock:
            self.scrapes += 1
            if not self.frozen:
                self.grow(BEFORE, 1 if self.scrapes > 5 else 0)
            bad = f'shop_requests_total{{code="500"}} {self.bad}\n' if self.bad else ""
            return f'# TYPE shop_requests_total counter\nshop_requests_total{{code="200"}} {self.good}\n{bad}'

    def grow(self, good, bad):
        self.good, self.bad = self.good + good, self.bad + bad
        self.all_good, self.all_bad = self.all_good + good, self.all_bad + bad

    def restart(self):
        with self.lock:
            self.good = self.bad = 0

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def shop():
    found = Shop()
    yield found
    found.close()


def prometheus(folder, shop, house):
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: shop\n  static_configs:\n"
        f"  - targets: ['{shop.address}']\nremote_write:\n- url: {house.url}/api/v1/write\n"
        f"  authorization: {{credentials: {house.token}}}\n  queue_config: {{batch_send_deadline: 500ms}}\n"
    )
    return [
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{free_port()}", "--log.level=error",
    ]  # fmt: skip


def vmagent(folder, shop, house):
    (folder / "scrape.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: shop\n  static_configs:\n"
        f"  - targets: ['{shop.address}']\n"
    )
    return [
        "vmagent", f"-promscrape.config={folder}/scrape.yml", f"-remoteWrite.url={house.url}/api/v1/write",
        f"-remoteWrite.bearerToken={house.token}", f"-remoteWrite.tmpDataPath={folder}/queue",
        f"-httpListenAddr=127.0.0.1:{free_port()}", "-remoteWrite.flushInterval=500ms", "-loggerLevel=ERROR",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("sender", [prometheus, vmagent], ids=["prometheus", "vmagent"])
def test_what_a_real_sender_saw_grow_is_what_is_counted(tmp_path, shop, sender):
    require(sender.__name__, shutil.which(sender.__name__), "Debian has it in prometheus and victoria-metrics")
    with served(tmp_path / "house", DEFINITIONS) as house:
        process = subprocess.Popen(sender(tmp_path, shop, house), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until(lambda: house.total("requests")[0] > 50)
            shop.restart()  # the counters begin again, and what they count from there on is not lost
            later = shop.scrapes + 8
            until(lambda: shop.scrapes > later)
            with shop.lock:
                shop.frozen = True
            expected = (shop.all_good - BEFORE, shop.all_bad, 0)
            until(lambda: house.total("requests") == expected, 30, lambda: f"{house.total('requests')}, not {expected}")
        finally:
            process.kill()
            process.wait()
        assert expected[1] > 5


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_requests_in_any_order_and_repeated_count_what_grew(tmp_path, version, compression):
    begin = (int(time.time()) // 60 - 10) * 60_000
    requests = []
    for step in range(12):
        at = begin + step * 15_000
        sent = [
            Sent(sorted({"__name__": "shop_requests_total", "code": code, "instance": "a", "job": "shop"}.items()), one)
            for code, one in (("200", [(10.0 * step, at, 0)]), ("500", [(1.0 * step, at, 0)]))
        ]
        requests.append(request(sent, version, compression))
    with served(tmp_path, DEFINITIONS) as house, httpx.Client(headers=house.headers) as client:
        for number, (body, headers) in enumerate([*requests[6:], *requests[:6], *requests[3:9]]):
            answer = client.post(f"{house.url}/api/v1/write", content=body, headers=headers)
            assert answer.status_code == 204, answer.text
            if number % 4 == 0:
                house.total("requests")  # a flush in between
        assert house.total("requests") == (110, 11, 0)


def test_a_sender_without_a_token_is_told_so_and_poison_is_not_retried(tmp_path):
    with served(tmp_path, DEFINITIONS) as house:
        url = f"{house.url}/api/v1/write"
        assert httpx.post(url, content=b"").status_code == 401
        assert httpx.post(url, content=b"nonsense", headers=house.headers).status_code == 400
        assert httpx.post(url, content=b"", headers=house.headers | {"Content-Encoding": "br"}).status_code == 415
        assert httpx.get(url, headers=house.headers).status_code == 405


def test_series_that_no_indicator_names_are_not_stored(tmp_path):
    at = int(time.time() * 1000)
    sent = [Sent([("__name__", "other_total"), ("job", "x")], [(5.0, at, 0)])]
    body, headers = request(sent)
    with served(tmp_path, DEFINITIONS) as house:
        assert httpx.post(f"{house.url}/api/v1/write", content=body, headers=headers | house.headers).status_code == 204
        house.total("requests")
        assert not house.house.lake.tables.samples.exists()


def test_a_target_that_cannot_be_looked_at_is_silent_and_not_quiet(tmp_path):
    begin = (int(time.time()) // 60 - 30) * 60_000
    labels = {"instance": "a", "job": "shop"}
    with served(tmp_path, DEFINITIONS) as house, httpx.Client(headers=house.headers) as client:
        for minute in range(20):
            at, up = begin + minute * 60_000 + 30_000, not 5 <= minute < 15
            sent = [Sent(sorted({"__name__": "up", **labels}.items()), [(float(up), at, 0)])]
            if up:
                counter = sorted({"__name__": "shop_requests_total", "code": "200", **labels}.items())
                sent.append(Sent(counter, [(float(minute), at, 0)]))
            body, headers = request(sent)
            assert client.post(f"{house.url}/api/v1/write", content=body, headers=headers).status_code == 204
        series = house.series("requests")
    first = begin // 60_000 - series.start
    states = series.state[first : first + 20].tolist()
    assert states[:5] == [1] * 5
    assert 1 not in states[5:15]  # silent, or bridged by the reading that came afterwards
    assert states[16:] == [1] * 4
