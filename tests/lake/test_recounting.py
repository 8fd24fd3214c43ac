"""However rows arrive - in any order, in any flushes, some of them twice - the counts are those of all rows at once."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from nines.lake.counting import Wanted
from nines.lake.lake import Lake
from nines.lake.rows import Rows
from nines.objectives.indicator import EventIndicator, SessionRule
from nines.sources.columns import EVENT_TYPES
from nines.telemetry.datasource import DataSource, Sampling
from nines.telemetry.series import COUNTED

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FIRST = int(NOON.timestamp()) // 60
EVENT = EventIndicator(name="ok", source="web", good="http_status < 500")
SESSIONS = [
    EventIndicator(
        name=f"visit-{good}", source="web", good="http_status < 500", scope="session", assign=assign,
        session=SessionRule(key="session", gap=timedelta(minutes=5), good=good, share=share),
    )
    for good, share, assign in (
        ("all", Fraction(1), "end"), ("any", Fraction(1), "start"), ("last", Fraction(1), "end"),
        ("share", Fraction(2, 3), "end"),
    )
]  # fmt: skip
INDICATORS = [EVENT, *SESSIONS]
PLAIN = DataSource(name="web", type="events")
TRACES = DataSource(name="web", type="otlp", sampling=Sampling("declared"))
BEACONS = DataSource(name="web", type="rum")
SITES = DataSource(name="web", type="events", sites=("berlin", "oslo"))

row = st.fixed_dictionaries(
    {
        "second": st.integers(0, 1800),
        "http_status": st.sampled_from([200, 200, 200, 500, None]),
        "session": st.sampled_from([None, "a", "b", "c"]),
        "trace": st.sampled_from([None, "t1", "t2", "t3"]),
        "weight": st.sampled_from([None, (1, 1), (10, 1), (10, 3)]),
        "bundled": st.sampled_from([None, None, 3]),
        "site": st.sampled_from([None, "berlin", "oslo"]),
        "id": st.sampled_from([None, None, "i1", "i2", "i3", "i4"]),
    }
)


def table(rows):
    columns = {
        "time": [NOON + timedelta(seconds=r["second"]) for r in rows],
        "weight_num": [r["weight"][0] if r["weight"] else None for r in rows],
        "weight_den": [r["weight"][1] if r["weight"] else None for r in rows],
        **{n: [r[n] for r in rows] for n in ("http_status", "session", "trace", "bundled", "site", "id")},
    }
    return pa.table({f.name: pa.array(columns.get(f.name, [None] * len(rows)), f.type) for f in EVENT_TYPES})


def plain(series):
    strata = [(s.weight, {n: getattr(s, n).tolist() for n in COUNTED}) for s in series.strata]
    return [series.good.tolist(), series.bad.tolist(), series.unknown.tolist(), series.scale, strata]


def unique(rows, source):
    """Leave of rows with one id the first that comes, or for beacons of each instant."""
    seen, kept = set(), []
    for r in rows:
        key = (r["id"], r["second"])
        if r["id"] is None or key not in seen:
            kept.append(r)
            seen.add(key)
    return kept


@pytest.mark.slow
@pytest.mark.parametrize("source", [PLAIN, TRACES, BEACONS, SITES], ids=lambda s: f"{s.type}{len(s.sites)}")
@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(batches=st.lists(st.lists(row, min_size=1, max_size=8), min_size=1, max_size=4), late=st.booleans())
def test_any_order_of_arrival_counts_what_all_rows_at_once_count(tmp_path_factory, source, batches, late):
    lake = Lake(tmp_path_factory.mktemp("lake"))
    known = INDICATORS[:1] if late else INDICATORS  # the others are defined when the rows are there already
    for number, rows in enumerate(batches):
        lake.append("acme", "web", table(rows), arrival=NOON, key=f"b{number}")
        lake.flush({"acme": Wanted({i.identity: i for i in known}, {"web": source})}, NOON)
        lake.append("acme", "web", table(rows), arrival=NOON, key=f"b{number}")  # repeated: counts nothing
    lake.flush({"acme": Wanted({i.identity: i for i in INDICATORS}, {"web": source})}, NOON)
    whole = [r for rows in batches for r in rows]
    at_once = Rows(table(unique(whole, source)), replacing=source.replaces)
    for indicator in INDICATORS:
        found = lake.series("acme", indicator, source, FIRST, FIRST + 40)
        expected = at_once.series(indicator, source, FIRST, FIRST + 40)
        assert plain(found) == plain(expected), indicator.name
    lake.inbox.close()


def brute_sessions(rows, rule, gap):
    """Count sessions the slow way: (good, bad, unknown) by minute of the last event."""
    found = {}
    for key in {r["session"] for r in rows if r["session"]}:
        events = sorted((r["second"], r["http_status"]) for r in rows if r["session"] == key)
        groups = [[events[0]]]
        for event in events[1:]:
            groups.append([event]) if event[0] - groups[-1][-1][0] > gap else groups[-1].append(event)
        for group in groups:
            verdicts = [None if s is None else s < 500 for _, s in group]
            verdict = rule(verdicts)
            place = found.setdefault(group[-1][0] // 60, [0, 0, 0])
            place[2 if verdict is None else 0 if verdict else 1] += 1
    return found


def all_good(verdicts):
    return False if False in verdicts else None if None in verdicts else True


def test_sessions_are_what_the_rule_says_one_by_one():
    random = np.random.default_rng(5)
    rows = [
        {"second": int(random.integers(0, 7200)), "http_status": [200, 200, 200, 500, None][random.integers(0, 5)],
         "session": f"s{random.integers(0, 30)}", "trace": None, "weight": None, "bundled": None, "site": None, "id": None}
        for _ in range(400)
    ]  # fmt: skip
    rows = list({(r["session"], r["second"]): r for r in rows}.values())
    series = Rows(table(rows)).series(SESSIONS[0], PLAIN, FIRST, FIRST + 130)
    counted = {m: list(c) for m, c in enumerate(zip(series.good, series.bad, series.unknown, strict=True)) if any(c)}
    assert counted == brute_sessions(rows, all_good, 300)
    assert sum(c[1] for c in counted.values()) > 10


def test_a_late_row_joins_two_sessions_into_one_and_the_past_stays_what_it_was(tmp_path):
    lake, indicator = Lake(tmp_path), SESSIONS[0]
    wanted = {"acme": Wanted({indicator.identity: indicator}, {"web": PLAIN})}

    def send(minute, status):
        whole = {"trace": None, "weight": None, "bundled": None, "site": None, "id": None, "session": "a"}
        lake.append("acme", "web", table([whole | {"second": minute * 60, "http_status": status}]), arrival=NOON)
        return lake.flush(wanted, NOON).seq

    def counts(seq=None):
        series = lake.series("acme", indicator, PLAIN, FIRST, FIRST + 20, seq)
        pairs = zip(series.good.tolist(), series.bad.tolist(), strict=True)
        return {minute: pair for minute, pair in enumerate(pairs) if any(pair)}

    send(0, 500)
    apart = send(8, 200)
    assert counts() == {0: (0, 1), 8: (1, 0)}
    send(4, 200)
    assert counts() == {8: (0, 1)}
    assert counts(apart) == {0: (0, 1), 8: (1, 0)}


def test_the_last_report_of_a_beacon_counts_and_no_other(tmp_path):
    lake = Lake(tmp_path)
    wanted = {"acme": Wanted({EVENT.identity: EVENT}, {"web": BEACONS})}
    whole = {"trace": None, "weight": None, "bundled": None, "site": None, "session": None, "id": "v1"}
    for second, status in ((0, 200), (60, 500), (60, 500), (180, 200)):
        lake.append("acme", "web", table([whole | {"second": second, "http_status": status}]), arrival=NOON)
        lake.flush(wanted, NOON)
    series = lake.series("acme", EVENT, BEACONS, FIRST, FIRST + 5)
    assert (series.good.tolist(), series.bad.tolist()) == ([0, 0, 0, 1, 0], [0] * 5)


def test_a_silent_site_leaves_its_usual_events_unknown(tmp_path):
    lake = Lake(tmp_path)
    whole = {"trace": None, "weight": None, "bundled": None, "session": None, "id": None, "http_status": 200}
    rows = [whole | {"second": m * 60, "site": "berlin"} for m in range(30)]
    rows += [whole | {"second": m * 60 + s, "site": "oslo"} for m in range(10) for s in range(4)]
    lake.append("acme", "web", table(rows), arrival=NOON)
    lake.flush({"acme": Wanted({EVENT.identity: EVENT}, {"web": SITES})}, NOON)
    series = lake.series("acme", EVENT, SITES, FIRST, FIRST + 30)
    assert series.good.tolist() == [5] * 10 + [1] * 20
    assert series.unknown.tolist() == [0] * 10 + [4] * 20
