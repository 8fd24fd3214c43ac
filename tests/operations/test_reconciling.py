"""Two SLIs held against each other through the front door: rows in, what is planted is named, and nothing else is."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nines.definitions.load import load_texts
from nines.errors import ForbiddenError, InputError, NotFoundError
from nines.operations import defining, ingesting
from nines.operations.house import local_principal, open_house
from nines.operations.reconciling import Question, choices, reconciled, reconciled_files
from nines.operations.reconciling_asked import dimensions
from nines.people.rights import Principal
from nines.telemetry.reconcile import Cell

NOW = datetime(2026, 3, 8, 12, tzinfo=UTC)
DAYS = 7
BEGIN = NOW - timedelta(days=DAYS)
CELLS = [(r, g, d) for r in ("/", "/buy") for g in ("eu", "us") for d in ("desk", "phone")]
DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: rum}
spec: {type: parquet, columns: {time: time}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: tries}
spec: {type: parquet, columns: {time: time}}
---
apiVersion: nines/v1
kind: DataSource
metadata: {name: pages}
spec: {type: parquet, columns: {time: time}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: had}
spec: {source: rum, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: tried}
spec: {source: tries, good: state = 'up'}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: answered}
spec: {source: pages, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: works}
spec: {combine: {rule: users-with-probe-fallback, users: had, probes: tried}}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: visits}
spec: {source: rum, good: http_status < 500, scope: session, session: {gap: 30m}}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: works}
spec: {service: shop, indicator: works, target: 99%, window: 30d}
"""


class World:
    """Chances of failure and sizes by cell, seven days in hours; equal events of an hour are bundled in one row."""

    def __init__(self, seed=1):
        self.rng = np.random.default_rng(seed)
        self.users = np.full(len(CELLS), 0.002)
        self.probes = self.users.copy()
        self.per_hour = np.full(len(CELLS), 200.0)
        self.capture = np.full(len(CELLS), 0.98)
        self.bad_capture = np.ones(len(CELLS))

    def at(self, **wanted):
        names = ("route", "region", "device")
        return np.array([all(c[names.index(n)] == v for n, v in wanted.items()) for c in CELLS])

    def tables(self, *, device=True):
        """Return what users' beacons, probes and servers give."""
        shape = DAYS * 24, len(CELLS)
        pages = self.rng.poisson(self.per_hour, shape)
        failed = self.rng.binomial(pages, self.users)
        bad = self.rng.binomial(failed, self.capture * self.bad_capture)
        good = self.rng.binomial(pages - failed, self.capture)
        down = self.rng.binomial(60, self.probes, shape)
        return {
            "rum": rows(good, bad),
            "tries": rows(60 - down, down, state=True, device=device),
            "pages": rows(pages - failed, failed),
        }


def rows(good, bad, *, state=False, device=True):
    """Return event rows; those with a state are tries, whose location is their site."""
    made = []
    for hour, cell in np.argwhere(good + bad):
        route, region, kind = CELLS[cell]
        at = BEGIN + timedelta(hours=int(hour), minutes=7)
        for n, fine in ((int(good[hour, cell]), True), (int(bad[hour, cell]), False)):
            told = {"state": "up" if fine else "down", "site": region}
            told = told if state else {"http_status": 200 if fine else 500, "region": region}
            about = [("device", kind)] if device else []
            made += [{"time": at, "operation": route, "bundled": n, "attributes": about, **told}] if n else []
    kinds = {
        "time": pa.timestamp("us", tz="UTC"), "operation": pa.string(), "bundled": pa.int64(),
        "attributes": pa.map_(pa.string(), pa.string()), "state": pa.string(), "site": pa.string(),
        "http_status": pa.int64(), "region": pa.string(),
    }  # fmt: skip
    return pa.Table.from_pylist(made, schema=pa.schema(kinds.items()))


def furnished(folder, tables):
    house, who = open_house(folder, now=BEGIN, open_on_loopback=True), local_principal("default")
    found = load_texts([("slo.yaml", DEFINITIONS.replace("parquet, columns: {time: time}", "events"))])
    assert not found.errors, found.errors
    defining.apply_definitions(house, who, found, now=BEGIN, effective_from=BEGIN)
    for source, table in tables.items():
        ingesting.ingest_table(house, who, source, table, now=NOW, key=source)
    ingesting.flush(house, now=NOW)
    return house, who


@pytest.fixture
def told(tmp_path):
    """Return the report about a world, and close its house."""
    houses = []

    def report(tables, **asked):
        house, who = furnished(tmp_path / str(len(houses)), tables)
        houses.append(house)
        return reconciled(house, who, Question(**{"users": "had", "probes": "tried", **asked}), at=NOW)

    yield report
    for house in houses:
        house.lake.inbox.close()


def kinds(report):
    return [f.kind for f in report.found.findings]


def test_a_null_world_agrees_cell_by_cell(told):
    found = told(World().tables(), expected="answered")
    assert kinds(found) == ["agree"]
    assert (found.verdict, found.names, len(found.found.cells)) == ("agree", ("route", "region", "device"), 8)
    assert (found.target, found.objective, found.block) == (Fraction("0.99"), "works@30d", 60)
    assert round(float(found.captured[0].rate), 2) == 0.98


def test_a_blind_spot_is_named_with_its_cells(told):
    world = World()
    world.users[world.at(route="/buy", region="us")] += 0.04
    found = told(world.tables(), expected="answered")
    (only,) = found.found.findings
    assert (only.kind, set(only.cells)) == ("blind-spot", {Cell("/buy", "us", "desk"), Cell("/buy", "us", "phone")})
    assert any("all in region us" in line for line in only.evidence)
    assert found.verdict == "differ"


def test_a_fault_of_a_probe_is_named_with_its_location(told):
    world = World()
    world.probes[world.at(region="eu")] += 0.05
    (only,) = told(world.tables(), expected="answered").found.findings
    assert (only.kind, {c.region for c in only.cells}, len(only.cells)) == ("probe-fault", {"eu"}, 4)


def test_a_shift_of_the_mix_is_no_difference_of_cells(told):
    world = World()
    phones = world.at(device="phone")
    world.users[phones] = world.probes[phones] = 0.03
    world.per_hour = np.where(phones, 400.0, 40.0)
    (only,) = told(world.tables(), expected="answered").found.findings
    assert only.kind == "mix"
    assert "device phone" in only.reason


def test_a_loss_of_beacons_is_named_and_the_better_ratio_not_believed(told):
    world = World()
    lossy = world.at(route="/buy", device="phone")
    world.users[lossy] = world.probes[lossy] = 0.03
    world.capture[lossy], world.bad_capture[lossy] = 0.7, 0.3
    (only,) = told(world.tables(), expected="answered").found.findings
    assert (only.kind, only.untrusted) == ("capture-loss", "users")
    assert set(only.cells) == {Cell("/buy", "eu", "phone"), Cell("/buy", "us", "phone")}


def test_a_cell_of_which_no_beacon_comes_is_a_loss_too(told):
    world = World()
    world.capture[world.at(route="/buy", region="eu", device="desk")] = 0
    found = told(world.tables(), expected="answered")
    (only,) = found.found.findings
    assert (only.kind, only.cells) == ("capture-loss", (Cell("/buy", "eu", "desk"),))
    assert found.found.unvisited == (Cell("/buy", "eu", "desk"),)


def test_what_one_side_never_says_is_added_up_in_both(told):
    found = told(World().tables(device=False))
    assert (found.names, found.folded) == (("route", "region"), (("device", "tried"),))
    assert len(found.found.cells) == 4
    assert kinds(found) == ["agree"]


def test_counts_of_cells_add_up_to_the_counts_of_the_sli(told):
    tables = World().tables()
    found = told(tables)
    sums = {n: sum(getattr(t, n) for t in found.users.values()) for n in ("good", "bad", "unknown")}
    status, times = tables["rum"].column("http_status").to_numpy(), tables["rum"].column("bundled").to_numpy()
    assert sums == {"good": times[status < 500].sum(), "bad": times[status >= 500].sum(), "unknown": 0}


def test_rows_that_do_not_say_a_dimension_are_left_out_and_told(told):
    tables = World().tables()
    region = tables["rum"].column("region").to_pylist()
    some = pa.array([None if n % 10 == 0 else r for n, r in enumerate(region)])
    tables["rum"] = tables["rum"].set_column(tables["rum"].schema.get_field_index("region"), "region", some)
    (note,) = told(tables).problems
    missed = int(tables["rum"].column("bundled").to_numpy()[::10].sum())
    assert (note.code, note.what) == ("no-cell", f"{missed} of its events do not say a dimension, and are left out")


def test_dimensions_the_tries_say_in_other_words_are_matched(told):
    tables = World().tables()
    steps = pa.array(
        ["shop/pay" if r == "/buy" else "shop/open" for r in tables["tries"].column("operation").to_pylist()]
    )
    tables["tries"] = tables["tries"].set_column(1, "operation", steps)
    apart = told(tables)
    assert [p.code for p in apart.problems] == ["no-match"]
    assert kinds(apart) == ["cannot-tell"]
    assert (len(apart.found.unprobed), len(apart.found.unvisited)) == (8, 8)
    same = "route=CASE WHEN operation = 'shop/pay' THEN '/buy' ELSE '/' END"
    assert kinds(told(tables, by_probes=same)) == ["agree"]


def test_sampled_events_count_by_their_weight_and_widen_the_interval(told):
    tables = World().tables()
    tables["rum"] = tables["rum"].append_column("weight", pa.array([5.0] * tables["rum"].num_rows))
    sampled = told(tables)
    kept = [
        (r["bundled"], r["bundled"] * (r["http_status"] == 500))
        for r in tables["rum"].to_pylist()
        if (r["operation"], r["region"], dict(r["attributes"])["device"]) == CELLS[0]
    ]
    n, b = (sum(column) for column in zip(*kept, strict=True))
    cell = sampled.users[Cell(*CELLS[0])]
    assert (cell.total, cell.bad) == (5 * n, 5 * b)
    # A row of equal events is kept or dropped as one: w (w - 1) sum (b - r n)^2 over w n r (1 - r), and 1 for counting.
    spread = 1 + 4 * sum((bad - b / n * of) ** 2 for of, bad in kept) / (n * b / n * (1 - b / n))
    assert cell.spread == pytest.approx(spread)
    assert kinds(sampled) == ["agree"]


def test_weights_that_are_fractions_are_counted_in_one_unit(told):
    tables = World().tables()
    routes = tables["rum"].column("operation").to_pylist()
    weights = pa.array([1.5 if r == "/buy" else 1.0 for r in routes])
    tables["rum"] = tables["rum"].append_column("weight", weights)
    found = told(tables, expected="answered")
    assert found.units == (2, 1)
    kept = sum(n for n, r in zip(tables["rum"].column("bundled").to_pylist(), routes, strict=True) if r == "/buy")
    assert sum(t.total + t.unknown for c, t in found.users.items() if c.route == "/buy") == 3 * kept
    plain = found.captured[1]
    assert (plain.cell, plain.heard) == (Cell("/", "eu", "desk"), Fraction(found.users[plain.cell].total, 2))


def test_a_source_that_began_later_shortens_the_time_looked_at(told):
    tables = World().tables()
    late = BEGIN + timedelta(days=2)
    tables["rum"] = tables["rum"].filter(pa.array([t >= late for t in tables["rum"].column("time").to_pylist()]))
    found = told(tables)
    assert found.span.start == late
    assert [p.code for p in found.problems] == ["cut-short"]


def test_an_sli_with_combine_gives_both_sides(told):
    found = told(World().tables(), users="works", probes="")
    assert (found.sides.users.name, found.sides.probes.name) == ("had", "tried")


def test_the_past_is_told_as_it_was_known(tmp_path):
    tables = World().tables()
    house, who = furnished(tmp_path, {"tries": tables["tries"]})
    ingesting.ingest_table(house, who, "rum", tables["rum"], now=NOW + timedelta(hours=1), key="late")
    ingesting.flush(house, now=NOW + timedelta(hours=1))
    asked = Question(users="had", probes="tried")
    assert kinds(reconciled(house, who, asked, at=NOW)) == ["agree"]
    before = reconciled(house, who, asked, at=NOW, known_at=NOW)
    assert (kinds(before), before.users) == (["cannot-tell"], {})
    house.lake.inbox.close()


def test_files_give_what_the_lake_gives(told, tmp_path):
    tables, paths = World().tables(), []
    for name, table in tables.items():
        paths.append((name, tmp_path / f"{name}.parquet"))
        pq.write_table(table, paths[-1][1])
    (tmp_path / "slo.yaml").write_text(DEFINITIONS)
    asked = Question(users="had", probes="tried", expected="answered")
    from_files = reconciled_files([tmp_path / "slo.yaml"], paths, asked, at=NOW)
    stored = told(tables, expected="answered")
    assert from_files.found == stored.found
    assert (from_files.users, from_files.captured) == (stored.users, stored.captured)


@pytest.mark.parametrize(
    ("asked", "error", "code"),
    [
        ({"users": "hda"}, NotFoundError, "no-indicator"), ({"probes": ""}, InputError, "one-side"),
        ({"probes": "had"}, InputError, "member-twice"), ({"probes": "visits"}, InputError, "no-events"),
        ({"by": "root"}, InputError, "predicate-column"), ({"by": "route,route"}, InputError, "bad-dimension"),
        ({"by": "route,region,device,version"}, InputError, "bad-dimension"),
        ({"by_probes": "version=version"}, InputError, "bad-dimension"), ({"target": Fraction(1)}, InputError, "target"),
        ({"start": NOW}, InputError, "bad-span"), ({"start": NOW - timedelta(days=200)}, InputError, "bad-span"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_told(told, asked, error, code):
    with pytest.raises(error) as refused:
        told({}, **asked)
    assert [p.code for p in refused.value.problems] == [code]


def test_whoever_may_not_see_is_refused(told, tmp_path):
    told({})
    house, _ = furnished(tmp_path / "other", {})
    nobody = Principal("token", "blind", "default")
    with pytest.raises(ForbiddenError):
        reconciled(house, nobody, Question(users="had", probes="tried"), at=NOW)
    with pytest.raises(ForbiddenError):
        choices(house, nobody, at=NOW)


def test_only_slis_that_count_single_events_can_be_chosen(tmp_path):
    house, who = furnished(tmp_path, {})
    found = choices(house, who, at=NOW)
    assert (found.names, found.pairs) == (("answered", "had", "tried"), (("works", "had", "tried"),))
    house.lake.inbox.close()


def test_dimensions_are_parted_by_commas_outside_of_brackets_and_quotes():
    found = dimensions("route, place=coalesce(region, attributes['a,b'])")
    assert [(d.name, d.key.text) for d in found] == [
        ("route", "operation"),
        ("place", "coalesce(region, attributes['a,b'])"),
    ]
