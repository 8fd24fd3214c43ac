"""The OpenTelemetry SDK for JavaScript as sender, in Node and in Chromium: what was sent is what is counted."""

import json
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from pages.browser import chromium, need_chromium
from parts import require
from receivers.rum_site import site
from receivers.serving import served
from receivers.test_otlp import DEFINITIONS, SLOS

pytestmark = pytest.mark.slow
SENDER = Path(__file__).with_name("sender.mjs")
PACKAGES = (
    "@opentelemetry/api",
    "@opentelemetry/exporter-trace-otlp-http",
    "@opentelemetry/exporter-trace-otlp-proto",
    "@opentelemetry/resources",
    "@opentelemetry/sdk-trace-base",
    "esbuild",
)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Return a folder in which the SDK is installed, with the sender in it."""
    require("npm", shutil.which("npm") is not None, "install Debian's npm")
    folder = tmp_path_factory.mktemp("node")
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", folder, *PACKAGES]
    run = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    require("the OpenTelemetry SDK of the npm registry", run.returncode == 0, run.stderr[:200])
    shutil.copy(SENDER, folder)
    return folder


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with served(tmp_path_factory.mktemp("house"), DEFINITIONS + SLOS) as found:
        yield found


def grown(house, before):
    return tuple(b - a for a, b in zip(before, house.total("pays"), strict=True))


@pytest.mark.parametrize("way", ["json", "protobuf"])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_every_span_sent_from_node_is_counted_once(house, node, way, compression):
    before = house.total("pays")
    asked = {"url": house.url, "token": house.token, "way": way, "number": 300, "failing": 10}
    words = ["node", node / SENDER.name, json.dumps(asked | {"compression": compression})]
    subprocess.run(words, cwd=node, check=True, timeout=60, capture_output=True)
    assert grown(house, before) == (270, 30, 0)


@pytest.mark.parametrize("way", ["json", "protobuf"])
def test_every_span_sent_from_a_page_of_another_origin_is_counted_once(house, node, way):
    need_chromium()
    bundle = ["node_modules/.bin/esbuild", SENDER.name, "--bundle", "--format=esm", "--platform=browser"]
    text = subprocess.run(bundle, cwd=node, check=True, timeout=60, capture_output=True).stdout
    before = house.total("pays")
    asked = {"url": house.url, "token": house.token, "way": way, "number": 200, "failing": 4}
    with site() as shop, chromium() as browser:
        shop.put("/sender.js", text, "text/javascript")
        shop.put("/", '<title>shop</title><script type="module" src="/sender.js"></script>')
        page = browser.new_page()
        page.goto(shop.url + "/")
        page.wait_for_function("typeof globalThis.send === 'function'")
        page.evaluate("asked => globalThis.send(asked)", asked)
    assert grown(house, before) == (150, 50, 0)


def test_a_page_without_a_token_is_refused(house):
    page = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}
    asked = httpx.options(f"{house.url}/v1/traces", headers=page | {"Access-Control-Request-Method": "POST"})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, "https://shop.example")
    assert httpx.post(f"{house.url}/v1/traces", content=b"{}", headers=page).status_code == 403
