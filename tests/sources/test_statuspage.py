"""Status pages as values: what Statuspage and feeds say, nothing beyond it, whatever somebody writes into them."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.errors import DependencyError, InputError
from nines.sources import statuspage, statuspage_feed
from nines.sources.statuspage import fetch_incidents, fetch_summary, read_incidents, read_summary
from nines.sources.statuspage_feed import fetch_feed, read_feed
from shared_data import shared
from sources.test_prometheus import Answers

AT = "2026-03-01T12:00:00.000Z"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def incident(**more):
    return {
        "id": "i1",
        "name": "Slow",
        "status": "resolved",
        "impact": "minor",
        "created_at": AT,
        "incident_updates": [],
    } | more


def update(minute, status):
    return {"status": status, "body": f"It is {status}.", "created_at": f"2026-03-01T13:{minute:02}:00+01:00"}


SUMMARY = {
    "page": {"id": "p", "name": "Shop"},
    "status": {"indicator": "minor", "description": "Minor outage"},
    "components": [
        {"id": "a", "name": "API", "status": "degraded_performance", "updated_at": AT, "group": False},
        {"id": "g", "name": "All of it", "status": "operational", "group": True},
    ],
    "incidents": [incident(status="investigating")],
    "scheduled_maintenances": [incident(id="m1", scheduled_for="2026-03-02T00:00:00Z", impact="maintenance")],
}


def dumped(**found):
    return json.dumps(found).encode()


def test_a_summary_has_components_without_groups_incidents_and_maintenances():
    found = read_summary(dumped(**SUMMARY))
    assert (found.name, found.indicator) == ("Shop", "minor")
    assert [(c.name, c.status, c.updated) for c in found.components] == [("API", "degraded_performance", NOON)]
    assert [(i.id, i.started, i.resolved) for i in found.incidents] == [("i1", NOON, None)]
    assert found.maintenances[0].started == datetime(2026, 3, 2, tzinfo=UTC)


def test_an_incident_has_its_updates_in_order_with_the_components_they_name():
    first = update(5, "investigating") | {"affected_components": [{"name": "API", "new_status": "major_outage"}]}
    whole = incident(incident_updates=[update(20, "resolved"), first], resolved_at="2026-03-01T12:20:00Z")
    whole |= {"components": [{"name": "API"}], "started_at": "2026-03-01T11:55:00Z", "shortlink": "https://stspg.io/x"}
    (found,) = read_incidents(dumped(incidents=[whole]))
    assert (found.started.minute, found.resolved.minute, found.components, found.url) == (
        55,
        20,
        ("API",),
        "https://stspg.io/x",
    )
    assert [(u.at.hour, u.at.minute, u.status) for u in found.updates] == [
        (12, 5, "investigating"),
        (12, 20, "resolved"),
    ]
    assert found.updates[0].components == (("API", "major_outage"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b"<html>",
        b"[" * 100_000,
        dumped(incidents=3),
        dumped(incidents=[3]),
        dumped(incidents=[{"id": "x", "incident_updates": []}]),
        dumped(incidents=[incident(incident_updates=[{"status": "x"}])]),
    ],
)
def test_what_is_no_list_of_incidents_is_refused(body):
    with pytest.raises(InputError) as refused:
        read_incidents(body)
    assert [p.code for p in refused.value.problems] == ["bad-page"]


def test_texts_lists_and_pages_are_bounded(monkeypatch):
    monkeypatch.setattr(statuspage, "MOST_TEXT", 10)
    monkeypatch.setattr(statuspage, "MOST_UPDATES", 2)
    monkeypatch.setattr(statuspage, "MOST_ITEMS", 3)
    (found,) = read_incidents(
        dumped(incidents=[incident(name="x" * 50, incident_updates=[update(i, "a") for i in range(3)])])
    )
    assert (len(found.name), len(found.updates)) == (10, 2)
    with pytest.raises(InputError, match="more than 3 incidents"):
        read_incidents(dumped(incidents=[incident()] * 4))
    monkeypatch.setattr(statuspage, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="longer than 10 bytes"):
        read_incidents(dumped(incidents=[]))


RSS = b"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Shop Status</title>
<image><title>Logo</title></image>
<item><title>Slow &amp; broken</title><description>&lt;p&gt;It is slow.&lt;/p&gt;</description>
<pubDate>Sun, 01 Mar 2026 13:00:00 +0100</pubDate><link>https://shop.example/i1</link><guid>i1</guid></item>
<item><title>Later</title><link>https://shop.example/i2</link><pubDate>soon</pubDate></item>
</channel></rss>"""

ATOM = b"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Shop Status</title>
<author><name>Shop</name></author>
<entry><id>tag:shop,1</id><published>2026-03-01T12:00:00Z</published><updated>2026-03-01T12:30:00Z</updated>
<link rel="alternate" type="text/html" href="https://shop.example/i1"/><link rel="self" href="https://shop.example/self"/>
<title>Slow &amp; broken</title><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">It <b>is</b> slow.</div></content>
</entry></feed>"""


def test_rss_and_atom_give_the_same_kind_of_entries():
    rss, atom = read_feed(RSS), read_feed(ATOM)
    assert rss.title == atom.title == "Shop Status"
    assert [(e.id, e.title, e.link, e.published) for e in rss.entries] == [
        ("i1", "Slow & broken", "https://shop.example/i1", NOON),
        ("https://shop.example/i2", "Later", "https://shop.example/i2", None),
    ]
    assert rss.entries[0].text == "<p>It is slow.</p>"
    (entry,) = atom.entries
    assert (entry.id, entry.title, entry.link) == ("tag:shop,1", "Slow & broken", "https://shop.example/i1")
    assert (entry.published, entry.updated.minute, entry.text) == (NOON, 30, "It is slow.")


EXTERNAL = b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]><rss><channel><title>&x;</title></channel></rss>'
LAUGHS = b'<!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><rss><channel><title>&b;</title></channel></rss>'


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (EXTERNAL, "document type"),
        (LAUGHS, "document type"),
        (b"<rss><channel>", "no XML"),
        (b"<rss>&x;</rss>", "no XML"),
        (b"", "no XML"),
        (b"<html><head><title>x</title></head></html>", "neither RSS nor Atom"),
        (b"<feed>" + b"<a>" * 100 + b"</a>" * 100 + b"</feed>", "nested deeper"),
        (b'<?xml version="1.0" encoding="none-such"?><rss></rss>', "no XML"),
    ],
)
def test_what_is_no_plain_feed_is_refused(body, told):
    with pytest.raises(InputError, match=told):
        read_feed(body)


def test_a_feed_is_bounded(monkeypatch):
    monkeypatch.setattr(statuspage_feed, "MOST_TEXT", 10)
    long = RSS.replace(b"Later", b"x" * 1000)
    assert [len(e.title) for e in read_feed(long).entries] == [10, 10]
    monkeypatch.setattr(statuspage_feed, "MOST_ITEMS", 1)
    with pytest.raises(InputError, match="more than 1 entries"):
        read_feed(RSS)


@given(st.binary(max_size=200), st.integers(0, len(ATOM)))
def test_no_bytes_make_it_fail_otherwise(noise, at):
    for body in (noise, ATOM[:at] + noise + ATOM[at:], RSS[: at % len(RSS)] + noise):
        try:
            found = read_feed(body)
        except InputError:
            continue
        assert all(len(e.title) <= statuspage_feed.MOST_TEXT for e in found.entries)


def test_pages_are_fetched_where_they_stand():
    answers = [dumped(**SUMMARY), dumped(incidents=[incident()]), ATOM, b"{}"]
    server = Answers(lambda number: (200, {}, answers[number - 1]))
    try:
        assert fetch_summary(f"{server.url}/").name == "Shop"
        assert [i.id for i in fetch_incidents(server.url)] == ["i1"]
        assert len(fetch_feed(f"{server.url}/history.atom").entries) == 1
        with pytest.raises(InputError, match=r"summary\.json: it has no list of components"):
            fetch_summary(server.url)
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(DependencyError):
        fetch_incidents(server.url, timeout_s=1)


def test_years_of_real_incidents_are_read_whole():
    listed = json.loads((shared("status_github_sla_2026") / "incidents.json").read_text())
    found = read_incidents(dumped(incidents=listed))
    assert len(found) == len(listed)
    assert sum(len(i.updates) for i in found) == sum(len(i["incident_updates"]) for i in listed)
    assert all(i.resolved is None or i.resolved >= i.started for i in found if i.impact != "maintenance")
    assert {i.impact for i in found} <= {"none", "minor", "major", "critical", "maintenance"}
