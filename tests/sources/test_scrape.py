"""Pages are fetched within bounds; what is scraped is counted as what happened, newborn series and silence included."""

import gzip
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from nines.definitions.load import load_texts
from nines.errors import DependencyError, InputError
from nines.operations import defining, ingesting
from nines.operations.house import local_principal, open_house
from nines.operations.promises import in_force
from nines.operations.pulling_rows import Puller
from nines.sources.scrape import fetch_page
from nines.telemetry.series import MinuteState
from sources.test_prometheus import Answers

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def serve():
    made = []

    def start(answer):
        made.append(Answers(answer))
        return made[-1]

    yield start
    for one in made:
        one.shutdown()
        one.server_close()


class TestFetching:
    def test_a_page_comes_whole_packed_or_not_with_its_type_and_a_token_from_its_file(self, serve, tmp_path):
        (tmp_path / "token").write_text("hush\n")
        plain = serve(lambda _: (200, {"Content-Type": "Text/Plain; version=0.0.4"}, b"up 1\n"))
        packed = serve(lambda _: (200, {"Content-Encoding": "gzip"}, gzip.compress(b"up 1\n")))
        found = fetch_page(f"{plain.url}/metrics", token_file=str(tmp_path / "token"))
        assert (found.body, found.kind, plain.seen) == (b"up 1\n", "text/plain", ["Bearer hush"])
        assert fetch_page(packed.url).body == b"up 1\n"

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            ((302, {"Location": "http://169.254.169.254/"}, b""), "redirect"),
            ((500, {}, b""), "refused"),
            ((200, {}, b"x" * 2000), "too-long"),
            ((200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 50_000_000)), "too-long"),
            ((200, {"Content-Encoding": "gzip"}, gzip.compress(b"up 1")[:-9]), "unreachable"),
            ((200, {"Content-Encoding": "gzip"}, b"no gzip"), "unreachable"),
            ((200, {"Content-Length": "50"}, b"up 1"), "unreachable"),
        ],
    )
    def test_what_is_no_whole_short_page_is_a_failure(self, serve, answer, code):
        with pytest.raises(DependencyError) as failed:
            fetch_page(serve(lambda _: answer).url, most_bytes=1000, timeout_s=1.0)
        assert [p.code for p in failed.value.problems] == [code]

    @pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
    def test_a_server_that_drips_is_left_at_the_time_out(self, beginning):
        over = threading.Event()

        def drip(server):
            connection, _ = server.accept()
            connection.sendall(beginning)
            try:
                while not over.wait(0.05):
                    connection.sendall(b"x")
            except OSError:
                pass

        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=drip, args=(server,), daemon=True).start()
            began = time.monotonic()
            with pytest.raises(DependencyError) as failed:
                fetch_page(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_s=0.7)
            over.set()
        assert [p.code for p in failed.value.problems] == ["slow"]
        assert time.monotonic() - began < 4

    @pytest.mark.parametrize(
        "url", ["ftp://host/", "http://u:p@127.0.0.1/", "http://169.254.169.254/", "http://0.0.0.0/"]
    )
    def test_an_address_of_another_kind_is_refused(self, url):
        with pytest.raises(InputError):
            fetch_page(url)


DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: scrape, options: {url: "URLS", job: api}, heartbeat: {gap: 2m}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: works}
spec: {source: shop, bad: 'hits_total{code="500",job="api"}', total: 'hits_total{job="api"}'}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: works}
spec: {service: shop, indicator: works, target: 99%, window: 1h}
"""


class Shop:
    """An installation that scrapes some targets every fifteen seconds of a clock of its own."""

    def __init__(self, folder, *targets):
        self.house, self.who, self.now = open_house(folder, now=NOON), local_principal("default"), NOON
        text = DEFINITIONS.replace("URLS", " ".join(f"{t.url}/metrics" for t in targets))
        begins = datetime(2026, 1, 1, tzinfo=UTC)
        defining.apply_definitions(
            self.house, self.who, load_texts([("s.yaml", text)]), now=NOON, effective_from=begins
        )
        self.puller = Puller(self.house)
        self.problems = []

    def look(self, times=1):
        for _ in range(times):
            self.now += timedelta(seconds=15)
            source = in_force(self.house, "default", at=self.now).sources["shop"]
            self.problems += self.puller.look(self.who, source, now=self.now).problems

    def series(self):
        ingesting.flush(self.house, now=self.now)
        definitions = in_force(self.house, "default", at=self.now)
        start = int(NOON.timestamp()) // 60
        end = int(self.now.timestamp()) // 60 + 1
        return self.house.lake.series(
            "default", definitions.indicators["works"], definitions.sources["shop"], start, end
        )

    def counts(self):
        series = self.series()
        return int(series.good.sum()), int(series.bad.sum()), int(series.unknown.sum())

    def readings(self, metric):
        ingesting.flush(self.house, now=self.now)
        lake = self.house.lake
        return lake._ask(
            f"SELECT s.value, l.labels FROM {lake.tables.samples.relation()} AS s JOIN {lake.tables.series.relation()} "
            f"AS l USING (series) WHERE l.labels['__name__'] = '{metric}' ORDER BY s.time, l.labels['instance']"
        ).to_pylist()


class Page:
    """A page that says what it is told to."""

    def __init__(self, text, kind="text/plain; version=0.0.4"):
        self.text, self.kind, self.status = text, kind, 200

    def __call__(self, _number):
        return self.status, {"Content-Type": self.kind}, self.text.encode()


@pytest.fixture
def one(serve, tmp_path):
    page = Page('hits_total{code="200"} 100\n')
    return page, Shop(tmp_path, serve(page))


def test_what_grew_is_what_is_counted_and_what_stood_before_is_not(one):
    page, shop = one
    shop.look()
    page.text = 'hits_total{code="200"} 104\n'
    shop.look()
    assert shop.counts() == (4, 0, 0)


def test_a_series_born_between_two_good_looks_counts_whole(one):
    page, shop = one
    shop.look(4)
    page.text += 'hits_total{code="500"} 3\n'
    shop.look()
    assert shop.counts() == (0, 3, 0)


def test_a_series_first_seen_after_a_failed_look_counts_from_the_last_good_one(one):
    page, shop = one
    shop.look(4)
    page.status = 500
    shop.look()
    page.status, page.text = 200, page.text + 'hits_total{code="500"} 3\n'
    shop.look()
    assert shop.counts() == (0, 3, 0)
    assert [r["value"] for r in shop.readings("up")] == [1, 1, 1, 1, 0, 1]


def test_a_page_with_a_line_that_cannot_be_read_proves_no_absence(one):
    page, shop = one
    page.text += 'hits_total{code="500"} three\n'
    shop.look(30)
    page.text = page.text.replace("three", "3")
    shop.look()
    good, bad, unknown = shop.counts()
    assert (good, bad) == (0, 0)  # three bad ones may be years old: nobody knows
    assert unknown == 3
    assert {r["value"] for r in shop.readings("up")[:-1]} == {0}
    assert {p.code for p in shop.problems} == {"bad-line"}
    assert shop.problems[0].where.endswith("/metrics line 2")


def test_a_restart_loses_nothing(one):
    page, shop = one
    shop.look(2)
    page.text = 'hits_total{code="200"} 6\n'
    shop.look()
    assert shop.counts() == (6, 0, 0)


def test_a_creation_says_since_when_a_first_value_counts(serve, tmp_path):
    page = Page("", "application/openmetrics-text; version=1.0.0")
    shop = Shop(tmp_path, serve(page))
    page.text = 'hits_total{code="200"} 0\n# EOF\n'
    shop.look(4)
    page.text = f'hits_total{{code="200"}} 5\nhits_created{{code="200"}} {shop.now.timestamp() + 1}\n# EOF\n'
    shop.look()
    assert shop.counts() == (5, 0, 0)
    page.text = page.text.replace("# EOF\n", "")
    shop.look()
    assert [p.code for p in shop.problems] == ["cut-short"]
    assert shop.readings("up")[-1]["value"] == 0


def test_what_grew_while_nothing_could_be_read_is_known_in_sum_alone(one):
    page, shop = one
    shop.look(20)  # five quiet minutes
    page.status = 500
    shop.look(40)  # ten in which nothing can be read
    page.status, page.text = 200, page.text.replace("100", "107")
    shop.look(8)
    states = shop.series().state.tolist()
    assert set(states[:4]) == {MinuteState.ALIVE}
    assert (set(states[6:14]), states[-2]) == ({MinuteState.BRIDGED}, MinuteState.ALIVE)
    assert shop.counts() == (7, 0, 0)


def test_targets_have_labels_of_their_own_and_pages_keep_theirs_under_another_name(serve, tmp_path):
    pages = Page('hits_total{code="200",job="x",instance="y"} 1\n'), Page('hits_total{code="200"} 10\n')
    servers = [serve(p) for p in pages]
    shop = Shop(tmp_path, *servers)
    shop.look(2)
    pages[0].text, pages[1].status = pages[0].text.replace(" 1\n", " 3\n"), 503
    shop.look()
    assert shop.counts() == (2, 0, 0)
    labels = [dict(r["labels"]) for r in shop.readings("hits_total")]
    instances = {s.url.removeprefix("http://") for s in servers}
    assert {one["instance"] for one in labels} == instances
    assert {one["job"] for one in labels} == {"api"}
    assert {(one.get("exported_job"), one.get("exported_instance")) for one in labels} == {("x", "y"), (None, None)}
    assert [r["value"] for r in shop.readings("up")[-2:]].count(0) == 1
