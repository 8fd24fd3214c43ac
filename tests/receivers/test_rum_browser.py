import json
import re
import time

import pytest

from nines.protocols.rum import Routes, decode, decode_many
from pages.browser import chromium, need_chromium
from receivers.rum_site import MODULE, fetch_package, sender, site

pytestmark = pytest.mark.slow
NOW = 1_772_323_200_000_000
#: Text to paint, a button that is slow to answer, and a block that comes late and pushes all down.
BODY = """
<h1>Shop</h1><p id="text">something to paint</p><button id="slow">go</button>
<script>
document.getElementById("slow").onclick = () => { const end = performance.now() + 150; while (performance.now() < end); };
setTimeout(() => {
  const late = document.createElement("div");
  late.style.height = "200px";
  document.body.prepend(late);
  requestAnimationFrame(() => setTimeout(() => { document.title = "shifted"; }, 50));
}, 150);
</script>
"""
OURS = """<script type="module">
import { start } from "/rum/nines-rum.js";
window.rum = start({ url: "/beacon", key: "k 1", app: "shop", version: "4.2", %s });
</script>"""
THEIRS = """<script src="/web-vitals.js"></script><script>
const queue = new Map();
for (const name of ["CLS", "FCP", "INP", "LCP", "TTFB"]) webVitals["on" + name]((m) => queue.set(m.id, m));
const flush = () => { if (queue.size) navigator.sendBeacon("/theirs", JSON.stringify([...queue.values()])); queue.clear(); };
addEventListener("visibilitychange", () => document.visibilityState === "hidden" && flush());
</script>"""


@pytest.fixture(scope="module")
def browser():
    need_chromium()
    with chromium() as found:
        yield found


@pytest.fixture
def shop():
    with site() as found:
        yield found


@pytest.fixture(scope="module")
def web_vitals(tmp_path_factory):
    return (fetch_package("web-vitals", tmp_path_factory.mktemp("npm")) / "dist" / "web-vitals.iife.js").read_bytes()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 800, "height": 600})
    yield context.new_page()
    context.close()


def use(page, shop, path="/product/17?secret=1#top"):
    """Look at a page as a person would: wait for the late block, press the slow button, go away."""
    page.goto(shop.url + path)
    page.wait_for_function("document.title === 'shifted'")
    page.click("#slow")
    # web-vitals takes interactions up when the page is idle, or after a second.
    page.wait_for_timeout(1200)
    page.goto(shop.url + "/away")


def decoded(beacons, **more):
    """Return the rows of beacons in the order they came, with what their bodies said: the last of each id."""
    found = [decode(body, sender(headers, **more), now_us=NOW + i) for i, (*_, headers, body) in enumerate(beacons)]
    assert all((b.refused, b.left_out) == (0, 0) for _, b in found), [b.problems for _, b in found]
    rows = {row["id"]: row | {"attributes": dict(row["attributes"])} for t, _ in found for row in t.to_pylist()}
    bodies = [json.loads(body) for *_, body in beacons]
    said = {m["id"]: m for body in bodies for m in (body if isinstance(body, list) else body["metrics"])}
    assert set(rows) == set(said)
    assert {i: row["value"] for i, row in rows.items()} == {i: m.get("value") for i, m in said.items()}
    return list(rows.values())


def vitals(rows):
    return {row["attributes"]["metric"]: row for row in rows if row["attributes"]["rum"] == "vital"}


def test_what_the_module_measures_is_what_is_decoded(page, shop):
    shop.put("/product/17", BODY + OURS % 'routes: ["/cart", "/product/{id}"]')
    use(page, shop)
    beacons = shop.wait(lambda b: len(b) >= 1)
    method, path, headers, _ = beacons[0]
    assert (method, path, headers["Content-Type"]) == ("POST", "/beacon?key=k%201", "text/plain;charset=UTF-8")
    rows = decoded(beacons)
    found = vitals(rows)
    assert set(found) == {"CLS", "FCP", "INP", "LCP", "TTFB"}
    assert {r["attributes"]["rum"] for r in rows} == {"vital", "load"}
    assert 150 <= found["INP"]["value"] <= 1000
    assert 0 < found["TTFB"]["value"] < found["FCP"]["value"] <= found["LCP"]["value"]
    assert 0 < found["CLS"]["value"] < 1
    (load,) = (r for r in rows if r["attributes"]["rum"] == "load")
    assert (load["state"], load["http_status"]) == ("ok", 200)
    for row in rows:
        assert re.fullmatch(r"n1-\d{13}-\d{13}", row["id"])
        assert (row["operation"], row["service"], row["version"]) == ("/product/{id}", "shop", "4.2")
        assert (row["weight_num"], row["weight_den"], row["trace"]) == (1, 1, None)
        assert row["attributes"]["page"] == shop.url + "/product/17"
        assert row["attributes"]["synthetic"] == "true"
    assert len({row["session"] for row in rows}) == 1
    assert b"secret" not in b"".join(body for *_, body in beacons)


def test_web_vitals_as_its_authors_use_it_is_decoded_whole(page, shop, web_vitals):
    shop.put("/web-vitals.js", web_vitals, "text/javascript")
    shop.put("/product/17", THEIRS + BODY)
    use(page, shop)
    rows = decoded(shop.wait(lambda b: len(b) >= 1), routes=Routes.of("/product/{id}"))
    assert set(vitals(rows)) == {"CLS", "FCP", "INP", "LCP", "TTFB"}
    for row in rows:
        assert re.fullmatch(r"v\d-\d{13}-\d{13}", row["id"])
        assert (row["operation"], row["attributes"]["navigation_type"]) == ("/product/{id}", "navigate")
        assert row["weight"] is None


def test_the_module_measures_what_web_vitals_measures(page, shop, web_vitals):
    shop.put("/web-vitals.js", web_vitals, "text/javascript")
    shop.put("/product/17", THEIRS + BODY + OURS % "")
    use(page, shop)
    beacons = shop.wait(lambda b: len({p.partition("?")[0] for _, p, *_ in b}) == 2)
    ours = vitals(decoded([b for b in beacons if b[1].startswith("/beacon")]))
    theirs = vitals(decoded([b for b in beacons if b[1] == "/theirs"]))
    assert set(ours) == set(theirs) == {"CLS", "FCP", "INP", "LCP", "TTFB"}
    for name, row in theirs.items():
        assert ours[name]["value"] == pytest.approx(row["value"], rel=1e-9), name
        assert ours[name]["attributes"]["rating"] == row["attributes"]["rating"]


def test_a_page_restored_whole_is_measured_anew_as_web_vitals_does(page, shop, web_vitals):
    shop.put("/web-vitals.js", web_vitals, "text/javascript")
    shop.put("/product/17", THEIRS + BODY + OURS % "")
    page.goto(shop.url + "/product/17")
    page.wait_for_function("document.title === 'shifted'")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.wait_for_timeout(200)
    page.click("#slow")
    page.wait_for_timeout(1200)
    page.goto(shop.url + "/away")
    beacons = shop.wait(lambda b: len({p.partition("?")[0] for _, p, *_ in b}) == 2)
    for rows in (decoded([b for b in beacons if (b[1] == "/theirs") == own]) for own in (False, True)):
        again = vitals(r for r in rows if r["attributes"].get("navigation_type") == "back-forward-cache")
        assert set(again) == {"CLS", "FCP", "INP", "LCP", "TTFB"}
        assert (again["TTFB"]["value"], again["CLS"]["value"]) == (0, 0)
        assert 0 < again["FCP"]["value"] < 200
        assert again["INP"]["value"] >= 150


def test_a_metric_that_changes_after_it_was_sent_is_sent_again_under_its_id(page, shop):
    shop.put("/", BODY + OURS % "")
    page.goto(shop.url + "/")
    page.wait_for_function("document.title === 'shifted'")
    page.evaluate("rum.flush()")
    shop.wait(lambda b: len(b) == 1)
    page.evaluate("rum.flush()")
    page.click("#slow")
    # A shift within half a second of a click is the click's doing, and not counted.
    page.wait_for_timeout(700)
    page.evaluate("document.body.style.marginTop = '300px'")
    page.wait_for_timeout(300)
    page.goto(shop.url + "/away")
    first, second = shop.wait(lambda b: len(b) == 2)
    before, after = vitals(decoded([first])), vitals(decoded([second]))
    assert "INP" not in before
    assert set(after) == {"INP", "CLS"}
    assert after["CLS"]["id"] == before["CLS"]["id"]
    assert after["CLS"]["value"] > before["CLS"]["value"]
    assert vitals(decoded([first, second]))["CLS"]["value"] == after["CLS"]["value"]


def test_errors_missing_parts_and_fetches_are_told(page, shop):
    shop.put("/broken.json", "", status=503)
    shop.put("/fine.json", "{}")
    shop.put("/", BODY + OURS % "fetches: true" + """<script type="module">
        setTimeout(() => { throw new Error("boom"); });
        Promise.reject(new Error("lost"));
        const part = document.createElement("script"); part.src = "/missing.js?token=1"; document.head.append(part);
        await fetch("/fine.json?token=1"); await fetch(new Request("/broken.json"));
        await fetch("/fine.json", { method: "POST" });
        await fetch("http://127.0.0.1:9/").catch(() => {});
        const stop = new AbortController(), gone = fetch("/fine.json", { signal: stop.signal }).catch(() => {});
        stop.abort(); await gone; window.over = true;
    </script>""")  # fmt: skip
    page.goto(shop.url + "/")
    page.wait_for_function("window.over && document.title === 'shifted'")
    page.goto(shop.url + "/away")
    beacons = shop.wait(lambda b: any(b"lost" in body for *_, body in b))
    rows = decoded([b for b in beacons if b[1].startswith("/beacon")])
    errors = [r["attributes"]["message"] for r in rows if r["attributes"]["rum"] == "error"]
    assert sorted(errors) == ["SCRIPT not loaded", "Uncaught Error: boom", "lost"]
    fetches = [
        (r["attributes"]["method"], r["state"], r["http_status"]) for r in rows if r["attributes"]["rum"] == "fetch"
    ]
    assert sorted(fetches, key=str) == [
        ("GET", "aborted", None), ("GET", "error", 503), ("GET", "error", None), ("GET", "ok", 200), ("POST", "ok", 204),
    ]  # fmt: skip
    assert [r["state"] for r in rows if r["attributes"]["rum"] == "load"] == ["error"]
    assert all("token" not in str(r) for r in rows)


def test_a_page_left_before_it_was_there_is_abandoned(page, shop):
    shop.put("/", OURS % "" + BODY + '<img src="/never.png">')
    page.route("**/never.png", lambda _: None)
    page.goto(shop.url + "/", wait_until="commit")
    page.wait_for_function("document.title === 'shifted'")
    page.goto(shop.url + "/away")
    rows = decoded(shop.wait(lambda b: len(b) >= 1))
    assert [r["state"] for r in rows if r["attributes"]["rum"] == "load"] == ["abandoned"]


def test_a_page_of_the_server_saying_no_is_no_good_load(page, shop):
    shop.put("/", BODY + OURS % "", status=500)
    page.goto(shop.url + "/")
    page.wait_for_load_state()
    page.wait_for_timeout(200)
    page.goto(shop.url + "/away")
    rows = decoded(shop.wait(lambda b: len(b) >= 1))
    assert [(r["state"], r["http_status"]) for r in rows if r["attributes"]["rum"] == "load"] == [("error", 500)]


def test_a_session_is_kept_or_dropped_whole_and_says_at_which_rate(browser, shop):
    shop.put("/", OURS % "sampleRate: 0.5" + BODY)
    sessions, tabs = {}, 24
    for _ in range(tabs):
        context = browser.new_context()
        tab = context.new_page()
        for _ in range(3):
            tab.goto(shop.url + "/")
            tab.wait_for_function("window.rum")
        tab.goto(shop.url + "/away")
        context.close()
    time.sleep(0.5)
    for *_, headers, body in shop.beacons:
        events, _ = decode(body, sender(headers), now_us=NOW)
        assert set(events["weight_num"].to_pylist()) == {2}
        assert events["trace"].to_pylist() == events["session"].to_pylist()
        sessions.setdefault(json.loads(body)["session"], []).append(body)
    # With 24 fair draws, none or all kept happens once in eight million runs.
    assert 0 < len(sessions) < tabs
    assert {len(bodies) for bodies in sessions.values()} == {3}


def test_a_page_that_went_wrong_a_hundred_times_stays_below_what_browsers_send(page, shop):
    shop.put("/", OURS % "" + BODY)
    page.goto(shop.url + "/")
    page.wait_for_function("window.rum")
    page.evaluate("for (let i = 0; i < 100; i++) window.reportError(new Error('\\u0001'.repeat(5000)))")
    page.goto(shop.url + "/away")
    beacons = shop.wait(lambda b: len(b) >= 2)
    assert max(len(body) for *_, body in beacons) <= 60_000
    rows = decoded(beacons)
    assert sum(r["attributes"]["rum"] == "error" for r in rows) == 20


def test_the_module_is_small_and_needs_nothing():
    source = MODULE.read_text()
    assert MODULE.stat().st_size < 6 * 1024
    assert "import" not in source
    assert "cookie" not in source


def test_faro_as_its_authors_use_it_is_decoded_whole(page, shop, tmp_path):
    package = fetch_package("@grafana/faro-web-sdk", tmp_path)
    shop.put("/faro.js", (package / "dist" / "bundle" / "faro-web-sdk.iife.js").read_bytes(), "text/javascript")
    shop.put("/product/17", """<script src="/faro.js"></script><script>
        const { initializeFaro } = window.GrafanaFaroWebSdk;
        window.faro = initializeFaro({ url: "/beacon", app: { name: "shop", version: "4.2" } });
        setTimeout(() => faro.api.pushError(new Error("boom")), 50);
    </script>""" + BODY)  # fmt: skip
    use(page, shop)
    beacons = shop.wait(lambda b: b'"lcp"' in b"".join(x[3] for x in b) and b"boom" in b"".join(x[3] for x in b))
    events, found = decode_many([(body, sender(headers)) for *_, headers, body in beacons], now_us=NOW)
    assert {(b.form, b.status, b.refused) for b in found} == {("faro", 202, 0)}
    rows = [row | {"attributes": dict(row["attributes"])} for row in events.to_pylist()]
    bodies = [json.loads(body) for *_, body in beacons]
    said = {m["context"]["id"]: m for b in bodies for m in b.get("measurements", []) if m["type"] == "web-vitals"}
    told = {r["id"]: r for r in rows if r["attributes"]["rum"] == "vital"}
    assert set(told) == set(said)
    for name, measurement in said.items():
        assert told[name]["value"] == measurement["values"][told[name]["attributes"]["metric"].lower()]
    assert {r["attributes"]["metric"] for r in told.values()} >= {"FCP", "LCP", "TTFB", "CLS"}
    assert [r["state"] for r in rows if r["attributes"].get("message") == "boom"] == ["error"]
    assert {r["session"] for r in rows} == {bodies[0]["meta"]["session"]["id"]}
    assert {(r["service"], r["version"], r["operation"]) for r in rows} == {("shop", "4.2", "/product/17")}


def test_boomerang_as_its_authors_use_it_is_decoded_whole(page, shop, tmp_path):
    package = fetch_package("boomerangjs", tmp_path)
    parts = [package / "boomerang.js", *(package / "plugins" / f"{n}.js" for n in ("rt", "painttiming"))]
    shop.put("/boomerang.js", b"\n".join(p.read_bytes() for p in parts), "text/javascript")
    shop.put("/product/17", """<script src="/boomerang.js"></script>
        <script>BOOMR.init({ beacon_url: "/beacon", beacon_type: "POST" });</script>""" + BODY)  # fmt: skip
    use(page, shop)
    beacons = shop.wait(lambda b: len(b) >= 1)
    events, found = decode_many([(body, sender(headers)) for *_, headers, body in beacons], now_us=NOW)
    assert {(b.form, b.refused) for b in found} == {("boomerang", 0)}
    (row,) = (row | {"attributes": dict(row["attributes"])} for row in events.to_pylist())
    done = re.search(rb"(?:^|&)t_done=(\d+)", beacons[0][3])
    assert (row["duration_ms"], row["state"], row["operation"]) == (float(done[1]), "ok", "/product/17")
