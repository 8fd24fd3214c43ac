"""What the tables know of rows that are not there, of sites and of agents; counted once however often a flush stops."""

from datetime import timedelta

import pyarrow as pa
import pytest

from lake.batches import BOTH, FIRST, NOON, WANTED, events
from nines.lake.hearing import own_figures, pulses_by_site, unkept
from nines.lake.lake import Lake
from nines.spans import EPOCH

MS = timedelta(milliseconds=1)


class StoppedError(Exception):
    """The process ends here, as far as the lake can tell."""


@pytest.fixture
def lake(tmp_path):
    made = Lake(tmp_path / "lake")
    yield made
    made.inbox.close()


def readings(*rows):
    """Readings of series; each is (series, seconds after noon, value) and, for deltas, where it begins."""
    at = [(NOON + timedelta(seconds=r[1]) - EPOCH) // MS for r in rows]
    created = [(NOON + timedelta(seconds=r[3]) - EPOCH) // MS if r[3:] else 0 for r in rows]
    return pa.table({
        "series": pa.array([r[0] for r in rows], pa.int64()), "time": pa.array(at, pa.int64()),
        "value": pa.array([float(r[2]) for r in rows]), "created": pa.array(created, pa.int64()),
        "delta": pa.array([bool(r[3:]) for r in rows]),
    })  # fmt: skip


def test_rows_sent_before_are_counted_by_source_as_identical(lake):
    lake.append("acme", "web", events((0, 200, "a"), (0, 200, "a"), (1, 200, "b")), arrival=NOON)
    lake.append("acme", "scraped", readings((1, 0, 5), (1, 0, 5)), arrival=NOON, kind="samples")
    lake.flush(BOTH, NOON)
    lake.append("acme", "web", events((1, 200, "b"), (2, 200)), arrival=NOON)
    lake.flush(BOTH, NOON)
    assert unkept(lake.tables, "acme", NOON) == {"web": {"identical": 2}, "scraped": {"identical": 1}}
    assert unkept(lake.tables, "bolt", NOON) == {}


@pytest.mark.parametrize("step", ["events", "pulses", "counts", "flushes"])
def test_a_flush_that_stopped_counts_identical_rows_once(step, tmp_path):
    def stop(done):
        if done == step:
            raise StoppedError

    first = Lake(tmp_path / "lake", stop)
    first.append("acme", "web", events((0, 200, "a"), (0, 200, "a")), arrival=NOON)
    with pytest.raises(StoppedError):
        first.flush(BOTH, NOON)
    lake = Lake(tmp_path / "lake")
    for _ in range(2):
        lake.flush(BOTH, NOON)
    assert unkept(lake.tables, "acme", NOON) == {"web": {"identical": 1}}


def test_rows_that_an_agent_dropped_are_lost(lake):
    lost = pa.table({"site": ["oslo"], "minute": pa.array([FIRST]), "number": pa.array([7])})
    lake.append("acme", "web", lost, arrival=NOON, kind="lost")
    lake.flush({"acme": WANTED}, NOON)
    assert unkept(lake.tables, "acme", NOON) == {"web": {"lost": 7}}


def test_a_delta_that_begins_after_the_one_before_it_ended_is_a_gap(lake):
    whole = [(1, 60, 4, 0), (1, 120, 4, 60), (1, 240, 4, 180), (2, 60, 1, 0)]
    lake.append("acme", "web", readings(*whole), arrival=NOON, kind="samples")
    lake.flush({"acme": WANTED}, NOON)
    assert unkept(lake.tables, "acme", NOON) == {"web": {"gaps": 1}}
    assert unkept(lake.tables, "acme", NOON + timedelta(minutes=3)) == {}


def test_pulses_come_by_site_with_the_last_one_before(lake):
    rows = events((0, 200), (1, 200), (5, 200), (5, 200))
    rows = rows.append_column("site", pa.array(["oslo", "oslo", "oslo", "porto"]))
    lake.append("acme", "web", rows, arrival=NOON)
    lake.flush({"acme": WANTED}, NOON)
    found = pulses_by_site(lake.tables, "acme", FIRST + 3, FIRST + 10)
    by_site = [(r["site"], r["minute"] - FIRST, r["rows"]) for r in found.to_pylist()]
    assert by_site == [("oslo", 1, 0), ("oslo", 5, 1), ("porto", 5, 1)]


def test_an_agents_figures_are_its_last_ones_with_the_changes_of_its_step(lake):
    names = {1: "nines_agent_step", 2: "nines_agent_rss_mb", 3: "up"}
    labels = [[("__name__", n), ("site", "oslo"), ("instance", "box")] for n in names.values()]
    kind = pa.map_(pa.string(), pa.string())
    sets = pa.table({"series": pa.array(list(names), pa.int64()), "labels": pa.array(labels, kind)})
    lake.append("acme", "agents", sets, arrival=NOON, kind="series")
    told = [(1, 0, 0), (1, 15, 0), (1, 30, 1), (1, 45, 1), (2, 0, 30), (2, 45, 31.5), (3, 0, 1)]
    lake.append("acme", "agents", readings(*told), arrival=NOON, kind="samples")
    lake.flush({"acme": WANTED}, NOON)
    found = own_figures(lake.tables, "acme", NOON, NOON + timedelta(minutes=1))
    assert [(r["name"], r["site"], r["instance"], r["value"]) for r in found] == [
        ("nines_agent_rss_mb", "oslo", "box", 31.5), ("nines_agent_step", "oslo", "box", 1.0),
    ]  # fmt: skip
    noon = (NOON - EPOCH) // MS
    assert found[1]["changes"] == [[noon, 0.0], [noon + 30_000, 1.0]]
