"""Probes as they are written: what they say, and every mistake with its line."""

from datetime import timedelta

import pytest

from definitions.texts import doc, join, only, read, told
from nines.telemetry.journey import BrowserAct, BrowserCall, DnsCall, Extract, HttpCall, TlsCall

SHOP = """\
apiVersion: nines/v1
kind: Probe
metadata: {name: buying}
spec:
  source: log
  schedule: {every: 2m, jitter: 15s}
  timeout: 20s
  locations: [berlin, oslo, porto]
  quorum: 2
  retry: {times: 2, after: 3s}
  connectivity: ["https://one.example/", "192.0.2.1:53"]
  steps:
    - name: login
      http:
        url: https://shop.example/login
        method: POST
        form: {user: probe, password: "${secret:SHOP}"}
        headers: {X-Trace: "1"}
      expect: {status: [200, 3xx], contains: welcome, header: {content-type: ^text/html}, maxMs: 900}
      extract:
        token: {regex: 'token=(\\w+)', secret: true}
        session: {cookie: sid}
      share: 25%
    - name: pay
      http: {url: "https://shop.example/pay/${session}", json: {token: "${token}"}, follow: 0}
      expect: {json: {$.state: paid}}
      share: 5s
    - name: names
      dns: {name: shop.example, type: AAAA, expect: ["2001:db8::1"]}
    - name: certificate
      tls: {host: shop.example, minDays: 21}
    - name: page
      browser:
        - goto: https://shop.example/
        - fill: {into: "#q", value: lamp}
        - click: button
        - expect: Lamps
        - wait: 500ms
"""


@pytest.fixture(scope="module")
def buying():
    found = read(SHOP)
    assert found.problems == ()
    return found.probes["buying"]


def step(text, **fields):
    beside = "".join(f", {k}: {v}" for k, v in fields.items())
    return doc("Probe", "p", f"{{source: log, steps: [{text}]{beside}}}")


GET = "{name: a, http: {url: 'http://a.example/'}}"


def test_a_journey_says_how_often_from_where_and_how_patiently(buying):
    assert (buying.every, buying.jitter, buying.timeout) == tuple(timedelta(seconds=s) for s in (120, 15, 20))
    assert (buying.locations, buying.quorum) == (("berlin", "oslo", "porto"), 2)
    assert (buying.retries, buying.retry_after) == (2, timedelta(seconds=3))


def test_a_step_keeps_what_is_asked_expected_and_extracted(buying):
    login, pay = buying.steps[:2]
    assert isinstance(login.call, HttpCall)
    assert login.call.form == (("user", "probe"), ("password", "${secret:SHOP}"))
    assert (login.expect.status, login.expect.max_ms) == (((200, 200), (300, 399)), 900)
    assert login.extract == (
        Extract("token", "regex", r"token=(\w+)", secret=True),
        Extract("session", "cookie", "sid"),
    )
    assert (pay.call.json, pay.expect.json, pay.call.follow) == ({"token": "${token}"}, (("$.state", "paid"),), 0)


def test_a_share_is_a_length_or_a_part_of_the_timeout(buying):
    assert [s.share for s in buying.steps[:3]] == [timedelta(seconds=5), timedelta(seconds=5), None]


def test_other_kinds_of_step_are_read_too(buying):
    names, certificate, page = (s.call for s in buying.steps[2:])
    assert names == DnsCall(name="shop.example", type="AAAA", expect=("2001:db8::1",))
    assert certificate == TlsCall(host="shop.example", min_days=21)
    assert isinstance(page, BrowserCall)
    assert [a.kind for a in page.acts] == ["goto", "fill", "click", "expect", "wait"]
    assert page.acts[1] == BrowserAct("fill", "#q", "lamp")


WRONG = [
    ("{name: a}", {}, "probe-step"),
    ("{name: a, tcp: {host: x, port: 1}, icmp: {host: x}}", {}, "probe-step"),
    ("{name: a, tcp: {host: x, port: 1}, expect: {contains: x}}", {}, "probe-step"),
    ("{name: a, tcp: {host: x, port: 70000}}", {}, "bad-shape"),
    ("{name: a, http: {url: 'ftp://a.example/'}}", {}, "bad-url"),
    ("{name: a, http: {url: 'http://me:word@a.example/'}}", {}, "bad-url"),
    ("{name: a, http: {url: 'http://a.example/', body: x, form: {a: b}}}", {}, "probe-body"),
    ("{name: a, http: {url: 'http://a.example/', headers: {'a b': x}}}", {}, "bad-header"),
    ("{name: a, http: {url: 'http://a.example/${token}'}}", {}, "probe-value"),
    ("{name: a, http: {url: 'http://a.example/'}, extract: {t: {regex: '('}}}", {}, "bad-pattern"),
    ("{name: a, http: {url: 'http://a.example/'}, extract: {t: {regex: a, cookie: b}}}", {}, "probe-extract"),
    ("{name: a, http: {url: 'http://a.example/'}, extract: {t: {json: orders}}}", {}, "bad-value"),
    ("{name: a, http: {url: 'http://a.example/'}, expect: {status: 700}}", {}, "bad-status"),
    ("{name: a, http: {url: 'http://a.example/'}, expect: {status: 299-200}}", {}, "bad-status"),
    ("{name: a, http: {url: 'http://a.example/'}, expect: {matches: '(?<=a)b'}}", {}, "bad-pattern"),
    ("{name: a, browser: [{goto: 'http://a.example/', click: b}]}", {}, "probe-act"),
    (f"{GET}, {GET}", {}, "probe-step-twice"),
    (GET, {"quorum": "2"}, "probe-quorum"),
    (GET, {"locations": "[oslo, oslo]"}, "probe-location-twice"),
    (GET, {"timeout": "2m"}, "probe-timeout"),
    (GET, {"schedule": "{every: 1m, jitter: 1m}"}, "probe-jitter"),
    (GET, {"connectivity": "['here']"}, "bad-url"),
    ("{name: a, share: 31s, icmp: {host: x}}", {}, "probe-share"),
]


@pytest.mark.parametrize(("text", "beside", "code"), WRONG, ids=range(len(WRONG)))
def test_a_mistake_is_refused(text, beside, code):
    problem = only(read(step(text, **beside)))
    assert (problem.code, problem.where.partition(":")[0]) == (code, "f0.yaml")


def test_all_mistakes_are_told_at_once_each_in_its_line():
    text = SHOP.replace("quorum: 2", "quorum: 9").replace("3xx", "9xx").replace("${session}", "${sesion}")
    lines = text.splitlines()
    found = {(w, lines[int(w.partition(":")[2]) - 1].split()[0]) for w, _ in told(read(text))}
    assert {word for _, word in found} == {"quorum:", "expect:", "-"}
    assert len(found) == 3


def test_a_value_is_known_only_after_the_step_that_takes_it():
    late = "{name: a, http: {url: 'http://a.example/${t}'}, extract: {t: {cookie: c}}}"
    assert only(read(step(late))).code == "probe-value"


def test_a_source_must_be_there_and_take_events():
    assert only(read(step(GET).replace("source: log", "source: lgo"))).code == "unknown-datasource"
    csv = doc("DataSource", "table", "{type: csv, columns: {time: t}}")
    assert only(read(join(csv, step(GET).replace("source: log", "source: table")))).code == "probe-source"


def test_a_secret_in_plain_text_is_a_warning_that_does_not_repeat_it():
    (problem,) = read(
        step("{name: a, http: {url: 'http://a.example/', headers: {Authorization: Bearer abc123}}}")
    ).problems
    assert (problem.severity, problem.code) == ("warning", "plain-secret")
    assert "abc123" not in str(problem)
