"""Results in the lake: each run counts once, is found by its indicator, and never says down for the prober's own fault."""

from datetime import timedelta

import pytest

from definitions.texts import doc, join
from nines.errors import ForbiddenError, InputError, NotFoundError
from nines.operations import ingesting, probing
from nines.operations.defining import apply
from nines.operations.house import local_principal, open_house
from nines.operations.standings import standings
from nines.people.rights import Principal
from nines.probes.rows import event_rows
from nines.telemetry.journey import HttpCall, IcmpCall, Step
from probes.loopback import AT, journey, run

ME = local_principal("default")


def two(shop, **fields):
    steps = (Step(name="home", call=HttpCall(url=f"{shop.url}/"), share=timedelta(seconds=3)),
             Step(name="pay", call=HttpCall(url=f"{shop.url}/paid")))  # fmt: skip
    return journey(*steps, name="buying", **fields)


def table(result):
    return event_rows(result).to_pylist()


def test_a_row_for_each_step_and_one_for_the_whole(shop):
    shop.fault = "/find"
    result = run(*two(shop).steps, HttpCall(url=f"{shop.url}/find"), HttpCall(url=f"{shop.url}/"), name="buying")
    rows = table(result)
    assert [(r["operation"], r["state"], r["http_status"]) for r in rows] == [
        ("buying/home", "up", 200), ("buying/pay", "down", 404), ("buying", "down", None),
    ]  # fmt: skip


def test_ids_come_from_probe_location_instant_and_step_and_from_nothing_else(shop):
    ids = [[r["id"] for r in table(run(HttpCall(url=f"{shop.url}/")))] for _ in range(2)]
    assert ids[0] == ids[1] == ["p/here/2026-03-01T12:00:00.000000Z/s1", "p/here/2026-03-01T12:00:00.000000Z/"]


def test_attributes_say_phases_share_and_that_the_traffic_is_ours(shop):
    home, whole = table(run(*two(shop).steps[:1], name="buying"))
    about = dict(home["attributes"])
    assert (about["step"], about["attempt"], about["synthetic"], about["probe"]) == ("home", "1", "true", "buying")
    assert {"connect_ms", "first_byte_ms"} <= set(about)
    assert (about["share_ms"], about["over_share"]) == ("3000.000", "false")
    assert dict(whole["attributes"])["confirmed"] == "false"
    assert home["time"] - home["start"] == pytest.approx(
        timedelta(milliseconds=home["duration_ms"]), abs=timedelta(microseconds=2)
    )
    assert (home["site"], home["time"] > AT) == ("here", True)


def test_retries_leave_no_rows_of_their_own_but_confirm_the_first(shop):
    shop.fault = "/"
    rows = table(run(HttpCall(url=f"{shop.url}/"), retries=2))
    assert len(rows) == 2
    assert {k: dict(rows[1]["attributes"])[k] for k in ("confirmed", "tries", "failed_step", "code")} == {
        "confirmed": "true", "tries": "3", "failed_step": "s1", "code": "step-status",
    }  # fmt: skip


def test_what_nobody_knows_has_no_row(shop):
    assert table(run(HttpCall(url=f"{shop.url}/"), connectivity=("127.0.0.1:9",))) == []


class TestInAHouse:
    @pytest.fixture
    def house(self, tmp_path, shop):
        house = open_house(tmp_path / "house", now=AT)
        steps = f"[{{name: home, http: {{url: '{shop.url}/'}}}}, {{name: pay, http: {{url: '{shop.url}/paid'}}}}]"
        slo = "{service: shop, indicator: INDICATOR, target: 99%, window: 1d}"
        texts = join(
            doc("DataSource", "probes", "{type: events}"), doc("Service", "shop", "{}"),
            doc("Probe", "buying", f"{{source: probes, locations: [berlin, oslo, porto], quorum: 2, steps: {steps}}}"),
            doc("SLI", "journeys", "{source: probes, where: \"operation = 'buying'\", good: \"state = 'up'\"}"),
            doc("SLI", "pays", "{source: probes, where: \"operation = 'buying/pay'\", good: \"state = 'up'\"}"),
            doc("SLO", "journeys", slo.replace("INDICATOR", "journeys")),
            doc("SLO", "pays", slo.replace("INDICATOR", "pays")),
        )  # fmt: skip
        path = tmp_path / "slo.yaml"
        path.write_text(texts)
        apply(house, ME, [path], now=AT, effective_from=AT - timedelta(days=30))
        return house

    def counts(self, house):
        ingesting.flush(house, now=AT + timedelta(minutes=20))
        found = standings(house, ME, at=AT + timedelta(minutes=20))
        return {s.objective: (s.outcome.counts.good, s.outcome.counts.bad) for s in found}

    def go(self, house, minute=0, location="oslo", **fields):
        now = AT + timedelta(minutes=minute)
        manner = probing.Manner(secrets={})
        return probing.run_probe(house, ME, "buying", location, manner, now=now, **fields)

    def test_a_step_is_an_indicator_of_its_own(self, house, shop):
        self.go(house)
        shop.fault = "/"
        self.go(house, 1)
        assert self.counts(house) == {"journeys": (0, 2), "pays": (0, 1)}

    def test_the_same_instant_and_location_counts_once_however_often_it_is_run(self, house):
        for minute in (0, 0, 3):
            self.go(house, minute, scheduled=AT)
        self.go(house, 0, "porto", scheduled=AT)
        assert self.counts(house)["journeys"] == (0, 2)

    def test_the_quorum_is_of_locations_at_one_instant(self, house, shop):
        probe = probing.probe_in_force(house, ME, "buying", now=AT)
        results = [self.go(house, 0, location, scheduled=AT) for location in ("berlin", "oslo")]
        assert probing.together(probe, results[:1]) == "unknown"
        assert probing.together(probe, results) == "down"

    def test_its_next_runs_are_those_of_its_schedule(self, house):
        probe = probing.probe_in_force(house, ME, "buying", now=AT)
        (one,) = probing.due(probe, "oslo", probing.Manner(secrets={}), after=AT)
        assert one.begins == one.scheduled == AT + timedelta(minutes=1)

    def test_a_location_has_to_be_one_of_its_own(self, house, shop):
        for location in (None, "rome"):
            with pytest.raises(InputError):
                self.go(house, 0, location)
        assert shop.seen == []

    def test_without_the_right_or_the_source_nothing_is_asked_of_anybody(self, house, shop):
        probe, manner = probing.probe_in_force(house, ME, "buying", now=AT), probing.Manner(secrets={})
        viewer = Principal("person", "eve", "default", frozenset({"see"}))
        with pytest.raises(ForbiddenError):
            probing.run_probe(house, viewer, probe, "oslo", manner, now=AT)
        with pytest.raises(NotFoundError):
            probing.run_probe(house, local_principal("other"), probe, "oslo", manner, now=AT)
        assert shop.seen == []

    def test_an_unknown_result_stores_nothing(self, house, monkeypatch):
        monkeypatch.setattr(
            "nines.probes.icmp.socket.socket", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no"))
        )
        probe = journey(IcmpCall(host="127.0.0.1"), source="probes")
        result = probing.run_probe(house, ME, probe, None, probing.Manner(secrets={}), now=AT)
        assert (result.state, probing.store_result(house, ME, probe, result, now=AT)) == ("unknown", 0)
