"""What probes show against what users had, case by case (row 1.5)."""

from fractions import Fraction

import numpy as np
import pytest

from nines.errors import InputError
from nines.telemetry.reconcile import Block, Cell, Tally, folded, reconcile, tally_of
from nines.telemetry.reconcile_noise import design_effect, pools
from nines.telemetry.series import COUNTED, MinuteSeries, MinuteState, Stratum, series_of_strata

TARGET = Fraction("0.99")
HOME, BUY = Cell("/", "eu", "phone"), Cell("/buy", "eu", "phone")


def only(users, probes, target=TARGET, **more):
    """Return the one finding of one cell."""
    found = reconcile({HOME: users}, {HOME: probes}, target=target, **more)
    assert len(found.findings) == 1
    return found.findings[0]


def hours(bad, known, expected=None):
    return Tally(tuple(Block(n - b, b, 0, expected) for b, n in zip(bad, known, strict=True)))


def test_the_difference_and_the_margin_are_exact():
    found = reconcile({HOME: Tally.of(9_999, 1)}, {HOME: Tally.of(2, 1)}, target=Fraction("0.999"))
    assert found.cells[0].difference == Fraction(9_999, 10_000) - Fraction(2, 3)
    assert found.margin == Fraction(1, 4000)


def test_users_worse_than_probes_is_a_blind_spot():
    finding = only(Tally.of(97_000, 3000), Tally.of(10_000, 80))
    assert finding.kind == "blind-spot"
    assert finding.cells == (HOME,)
    assert "2.21 points, 2.21 times the budget" in finding.reason


def test_probes_worse_than_users_is_a_probe_fault():
    assert only(Tally.of(99_500, 500), Tally.of(9700, 380)).kind == "probe-fault"


def test_a_sure_difference_of_no_more_than_a_quarter_of_the_budget_is_none():
    users, probes = Tally.of(99_500_000, 500_000), Tally.of(99_750_000, 250_000)
    assert reconcile({HOME: users}, {HOME: probes}, target=TARGET).cells[0].high < 0
    assert only(users, probes).kind == "cannot-tell"
    assert only(users, Tally.of(99_750_001, 249_999)).kind == "blind-spot"
    assert only(users, Tally.of(99_700_000, 300_000)).kind == "agree"


def test_a_great_difference_that_chance_can_make_is_none():
    finding = only(Tally.of(985, 15), Tally.of(100, 0))
    assert finding.kind == "cannot-tell"
    assert finding.more > 1


def test_so_much_more_data_would_do():
    users, probes = Tally.of(98_000, 2000), Tally.of(985, 12)
    finding = only(users, probes)
    assert finding.kind == "cannot-tell"
    times = finding.more * 1.1
    more = [Tally.of(round(t.good * times), round(t.bad * times)) for t in (users, probes)]
    assert only(*more).kind == "blind-spot"
    less = [Tally.of(round(t.good * finding.more * 0.8), round(t.bad * finding.more * 0.8)) for t in (users, probes)]
    assert only(*less).kind == "cannot-tell"


def test_latency_is_compared_by_the_distributions_at_the_threshold():
    rng = np.random.default_rng(5)
    seen, tried = rng.lognormal(5.2, 0.5, 50_000), rng.lognormal(5.0, 0.5, 10_000)
    tallies = [Tally.of(int((x <= 400).sum()), int((x > 400).sum())) for x in (seen, tried)]
    found = reconcile({HOME: tallies[0]}, {HOME: tallies[1]}, target=Fraction("0.95"))
    assert float(found.cells[0].difference) == pytest.approx((seen <= 400).mean() - (tried <= 400).mean())
    assert found.findings[0].kind == "blind-spot"


def test_events_of_unknown_outcome_that_could_turn_it_around_leave_it_open():
    users = Tally.of(97_000, 3000)
    assert only(users, Tally.of(10_000, 80, 10)).kind == "blind-spot"
    finding = only(users, Tally.of(10_000, 80, 400))
    assert (finding.kind, finding.cells) == ("cannot-tell", (HOME,))
    assert "unknown outcome" in finding.reason


def test_what_the_carrying_cells_have_in_common_is_told():
    cells = [Cell(r, g) for r in ("/", "/buy", "/pay") for g in ("eu", "us")]
    users = {c: Tally.of(49_900, 100) for c in cells}
    probes = {c: Tally.of(9700, 380) if c.region == "us" else Tally.of(10_060, 20) for c in cells}
    found = reconcile(users, probes, target=TARGET).findings
    assert [f.kind for f in found] == ["probe-fault"]
    assert found[0].evidence[0] == "all in region us: 3 of its 3 cells"


def test_several_findings_may_hold_at_once():
    cells = [Cell(f"/{i}") for i in range(4)]
    users = {c: Tally.of(49_900, 100, 0, 51_000) for c in cells}
    probes = {c: Tally.of(10_060, 20) for c in cells}
    users[cells[1]] = Tally.of(48_000, 2000, 0, 51_000)
    probes[cells[2]] = Tally.of(9_500, 580)
    users[cells[3]] = Tally.of(49_900, 100, 0, 70_000)
    found = reconcile(users, probes, target=TARGET).findings
    assert [(f.kind, f.cells) for f in found] == [
        ("capture-loss", (cells[3],)),
        ("blind-spot", (cells[1],)),
        ("probe-fault", (cells[2],)),
    ]


class TestTheMix:
    CELLS = (Cell("/", "eu", "phone"), Cell("/", "eu", "desk"), Cell("/", "us", "phone"), Cell("/", "us", "desk"))

    def tallies(self, phones, desks):
        return {
            c: Tally.of(
                *(
                    (phones * 96 // 100, phones * 4 // 100)
                    if c.device == "phone"
                    else (desks - desks // 500, desks // 500)
                )
            )
            for c in self.CELLS
        }

    def test_cells_that_agree_but_weigh_differently_are_a_mix(self):
        found = reconcile(self.tallies(90_000, 10_000), self.tallies(10_000, 10_000), target=TARGET)
        assert [f.kind for f in found.findings] == ["mix"]
        finding = found.findings[0]
        assert any(str(self.CELLS[0]) in line for line in finding.evidence)
        assert "device phone (90 % of users' events, 50 % of tries)" in finding.reason
        assert found.whole.crude.difference == Fraction(-4, 100) * Fraction(4, 10) + Fraction(2, 1000) * Fraction(4, 10)
        assert found.whole.reweighted.difference == 0

    def test_the_parts_sum_to_the_whole(self):
        users, probes = self.tallies(70_000, 20_000), self.tallies(9000, 10_000)
        users[self.CELLS[0]] = Tally.of(60_000, 5000)
        found = reconcile(users, probes, target=TARGET).whole
        assert found.crude.difference == found.reweighted.difference + found.mix.difference

    def test_the_same_mix_is_none(self):
        found = reconcile(self.tallies(50_000, 50_000), self.tallies(10_000, 10_000), target=TARGET)
        assert [f.kind for f in found.findings] == ["agree"]


def test_a_difference_spread_over_many_cells_is_found_though_none_shows_it():
    cells = [Cell(f"/{i}") for i in range(40)]
    users, probes = {c: Tally.of(9910, 90) for c in cells}, {c: Tally.of(1436, 4) for c in cells}
    found = reconcile(users, probes, target=TARGET)
    assert {c.outcome for c in found.cells} == {"cannot-tell"}
    assert [f.kind for f in found.findings] == ["blind-spot"]
    assert "no cell alone shows it" in found.findings[0].reason
    assert found.findings[0].cells == ()
    assert len(found.findings[0].evidence) == 21  # the whole, and the cells that make half of it


class TestCapture:
    def test_fewer_than_nine_of_ten_pages_heard_is_a_loss(self):
        finding = only(Tally.of(79_900, 100, 0, 100_000), Tally.of(10_070, 10))
        assert (finding.kind, finding.untrusted, finding.cells) == ("capture-loss", "users", (HOME,))
        assert "80 %" in finding.evidence[0]

    def test_a_loss_that_chance_can_make_is_none(self):
        assert only(Tally.of(88, 0, 0, 100), Tally.of(10_070, 10)).kind == "cannot-tell"
        assert only(Tally.of(92_000, 100, 0, 100_000), Tally.of(10_070, 10)).kind == "agree"

    def test_unknown_events_were_heard(self):
        assert only(Tally.of(79_900, 100, 15_000, 100_000), Tally.of(10_070, 10)).kind != "capture-loss"

    def test_a_loss_that_explains_why_users_look_better_leaves_the_probe_without_blame(self):
        assert only(Tally.of(84_900, 100, 0, 100_000), Tally.of(9_700, 380)).kind == "capture-loss"

    def test_a_loss_too_small_to_explain_it_does_not_excuse_the_probe(self):
        found = reconcile(
            {HOME: Tally.of(84_900, 100, 0, 100_000)}, {HOME: Tally.of(5000, 5080)}, target=TARGET
        ).findings
        assert [f.kind for f in found] == ["capture-loss", "probe-fault"]

    def test_users_who_look_worse_in_spite_of_a_loss_are_a_blind_spot(self):
        found = reconcile({HOME: Tally.of(77_000, 3000, 0, 100_000)}, {HOME: Tally.of(10_070, 10)}, target=TARGET)
        assert [f.kind for f in found.findings] == ["capture-loss", "blind-spot"]

    def test_a_rate_that_falls_over_the_time_is_a_loss_even_above_nine_of_ten(self):
        users = Tally(tuple(Block(990 if i < 24 else 915, 1, 0, 1000) for i in range(48)))
        finding = only(users, hours([0] * 48, [60] * 48))
        assert (finding.kind, finding.untrusted) == ("capture-loss", "users")
        assert "first half 99.1 %, second half 91.6 %" in finding.evidence[-1]

    def test_tries_that_were_scheduled_and_gave_no_result_are_a_loss_of_the_probes(self):
        finding = only(Tally.of(99_900, 100), Tally.of(8000, 8, 0, 10_080))
        assert (finding.kind, finding.untrusted) == ("capture-loss", "probes")

    def test_more_beacons_than_pages_is_noted(self):
        found = reconcile({HOME: Tally.of(99_900, 100, 0, 90_000)}, {HOME: Tally.of(10_070, 10)}, target=TARGET)
        assert f"{HOME}: more beacons than pages answered" in found.notes


class TestCellsWithoutPartner:
    def test_users_failing_where_no_probe_looks_are_a_blind_spot(self):
        users = {HOME: Tally.of(99_900, 100), BUY: Tally.of(19_000, 1000)}
        found = reconcile(users, {HOME: Tally.of(10_070, 10)}, target=TARGET)
        assert [(f.kind, f.cells) for f in found.findings] == [("blind-spot", (BUY,))]
        assert found.unprobed == (BUY,)
        assert "16.7 % of the users' events lie in 1 cells that no probe tries" in found.notes

    def test_users_well_where_no_probe_looks_are_only_noted(self):
        users = {HOME: Tally.of(99_900, 100), BUY: Tally.of(19_990, 10)}
        found = reconcile(users, {HOME: Tally.of(10_070, 10)}, target=TARGET)
        assert [f.kind for f in found.findings] == ["agree"]

    def test_nothing_in_common_cannot_tell(self):
        found = reconcile({HOME: Tally.of(9, 1)}, {BUY: Tally.of(9, 1)}, target=TARGET)
        assert [f.kind for f in found.findings] == ["cannot-tell"]
        assert (found.unprobed, found.unvisited, found.whole) == ((HOME,), (BUY,), None)

    def test_a_dimension_one_source_does_not_know_is_folded(self):
        phone, desk = Tally.of(10, 1, 2, 20), Tally.of(5, 0, 0, None)
        found = folded({HOME: phone, HOME._replace(device="desk"): desk}, ("route", "region"))
        assert found == {Cell("/", "eu"): Tally.of(15, 1, 2, None)}


class TestBursts:
    def spells(self, seed, blocks=240, size=2000, rho=0.01, p=0.004):
        rng = np.random.default_rng(seed)
        chance = rng.beta(p * (1 / rho - 1), (1 - p) * (1 / rho - 1), blocks)
        return hours(rng.binomial(size, chance).tolist(), [size] * blocks)

    def test_the_correlation_within_blocks_is_measured(self):
        found = [pools([self.spells(10 * seed + i) for i in range(10)])[0].rho for seed in range(20)]
        assert np.mean(found) == pytest.approx(0.01, rel=0.25)  # the noisiest tenth is left out

    def test_the_design_effect_is_what_the_ratios_of_many_worlds_show(self):
        worlds = [self.spells(seed) for seed in range(400)]
        measured = np.var([float(t.ratio) for t in worlds]) / (0.004 * 0.996 / worlds[0].total)
        told = np.mean([design_effect(t, pools([t])) for t in worlds])
        assert measured / 1.3 < told < measured * 1.6

    def test_plain_counts_have_next_to_none(self):
        rng = np.random.default_rng(1)
        plain = [hours(rng.binomial(2000, 0.004, 240).tolist(), [2000] * 240) for _ in range(10)]
        assert pools(plain)[0].rho < 1e-4

    def test_failures_both_sources_saw_at_once_are_no_difference(self):
        known = [1000] * 168
        bad = [0] * 160 + [400, 700, 900, 800, 600, 500, 300, 200]
        found = reconcile(
            {HOME: hours(bad, known)}, {HOME: hours([b * 60 // 1000 for b in bad], [60] * 168)}, target=Fraction("0.95")
        )
        assert found.cells[0].outcome == "cannot-tell"
        assert [f.kind for f in found.findings] == ["agree"]

    def test_three_hours_that_only_users_saw_are_named(self):
        bad = [2] * 168
        bad[50:53] = [1000, 950, 990]
        finding = only(hours(bad, [1000] * 168), hours([0] * 168, [60] * 168))
        assert finding.kind == "blind-spot"
        found = reconcile({HOME: hours(bad, [1000] * 168)}, {HOME: hours([0] * 168, [60] * 168)}, target=TARGET)
        assert found.cells[0].bursts == (50, 51, 52)
        assert "carried by 3 of 168 blocks of time" in finding.evidence[-1]

    def test_without_blocks_of_time_the_reader_is_told(self):
        found = reconcile({HOME: Tally.of(99_900, 100)}, {HOME: Tally.of(10_070, 10)}, target=TARGET)
        assert any("bursts are not allowed for" in note for note in found.notes)

    def test_different_blocks_of_time_are_told(self):
        found = reconcile({HOME: hours([1] * 20, [900] * 20)}, {HOME: hours([0] * 30, [60] * 30)}, target=TARGET)
        assert any("different blocks" in note for note in found.notes)


class TestFromSeries:
    def test_minutes_become_blocks(self):
        minutes = np.arange(150)
        zero = np.zeros(150, dtype=np.int64)
        series = MinuteSeries(0, zero + 3, (minutes % 60 == 0).astype(np.int64), zero, np.ones(150, np.uint8), 0)
        found = tally_of(series, expected=zero + 4)
        assert found.blocks == (Block(180, 1, 0, 240), Block(180, 1, 0, 240), Block(90, 1, 0, 120))
        assert found.spread == 1

    def test_an_empty_series_has_no_events(self):
        none = np.zeros(0, dtype=np.int64)
        assert tally_of(MinuteSeries(0, none, none, none, np.zeros(0, np.uint8))).total == 0

    def test_sampled_events_widen_as_much_as_their_weight(self):
        rng = np.random.default_rng(2)
        weight, tallies = Fraction(5, 2), []
        for _ in range(400):
            kept = rng.poisson(400, 10)
            bad = rng.binomial(kept, 0.05)
            none = np.zeros(10, dtype=np.int64)
            moments = dict.fromkeys(COUNTED, kept) | dict.fromkeys(("bad", "ub", "nb", "bb"), bad)
            one = Stratum(weight, **moments | {"good": kept - bad, "unknown": none})
            tallies.append(tally_of(series_of_strata(0, [one], np.full(10, MinuteState.ALIVE, np.uint8), 0), block=5))
        measured = np.var([float(t.ratio) for t in tallies])
        told = np.mean([0.05 * 0.95 / t.total * t.spread for t in tallies])
        assert told == pytest.approx(measured, rel=0.2)


def test_a_target_without_budget_is_refused():
    with pytest.raises(InputError, match="no budget"):
        reconcile({HOME: Tally.of(1, 0)}, {HOME: Tally.of(1, 0)}, target=Fraction(1))


@pytest.mark.parametrize("tally", [Tally.of(-1, 0), Tally.of(1, 1, 0, -3), Tally((Block(1, 1),), spread=0.5)])
def test_counts_that_cannot_be_true_are_refused(tally):
    with pytest.raises(InputError):
        reconcile({HOME: tally}, {HOME: Tally.of(1, 0)}, target=TARGET)


def test_the_order_of_the_cells_changes_nothing():
    cells = [Cell(f"/{i}") for i in range(6)]
    users = {c: Tally.of(9_000 + 17 * i, 90 + 5 * i) for i, c in enumerate(cells)}
    probes = {c: Tally.of(1_400, 3 + i) for i, c in enumerate(cells)}
    turned = [dict(reversed(d.items())) for d in (users, probes)]
    assert reconcile(users, probes, target=TARGET) == reconcile(*turned, target=TARGET)


class TestBeaconsThatComeABlockLate:
    """A page answered at the end of an hour may be heard of in the next."""

    def test_are_no_loss(self):
        blocks = [Block(8 if hour % 2 == 0 else 12, 0, 0, 10) for hour in range(168)]
        users = {HOME: Tally(tuple(blocks))}
        assert [f.kind for f in reconcile(users, {HOME: Tally.of(10_079, 1)}, target=TARGET).findings] == ["agree"]

    def test_do_not_hide_a_loss_that_comes_after_them(self):
        blocks = [Block(12 if hour % 2 == 0 else 5, 0, 0, 10) for hour in range(168)]
        (loss,) = reconcile({HOME: Tally(tuple(blocks))}, {HOME: Tally.of(10_079, 1)}, target=TARGET).losses[1:]
        # 84 hours miss five and 83 later ones bring two each: 84 * 5 - 83 * 2 are missed of all.
        assert (loss.cell, loss.heard, loss.expected) == (HOME, 84 * 17, 84 * 17 + 84 * 5 - 83 * 2)
