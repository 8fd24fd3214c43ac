"""What needs no network: schedules, quorum, masking and addresses."""

import base64
import json
from datetime import timedelta
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.addresses import is_refused
from nines.probes.checks import Answer, taken
from nines.probes.masking import MASK, Masker
from nines.probes.quorum import agreed
from nines.probes.schedule import following, slot
from nines.spans import EPOCH
from nines.telemetry.journey import Extract
from probes.loopback import AT

MINUTE = timedelta(minutes=1)


def runs(after, most, *, name="p", location="here", jitter=timedelta(seconds=10), seed=1):
    return following(name, location, every=MINUTE, jitter=jitter, seed=seed, after=after, most=most)


class TestSchedules:
    def test_a_year_of_runs_does_not_drift(self):
        found = runs(AT, 1) + runs(AT + timedelta(days=365), 1)
        for one in found:
            assert (one.scheduled - EPOCH) % MINUTE == timedelta()
            assert timedelta() <= one.begins - one.scheduled < timedelta(seconds=10)

    def test_the_delay_is_spread_evenly_over_the_jitter(self):
        delays = [(s.begins - s.scheduled).total_seconds() for s in runs(AT, 2000)]
        tenths = [sum(int(d) == second for d in delays) for second in range(10)]
        assert all(150 < n < 250 for n in tenths)

    def test_each_location_and_seed_has_its_own_delay_and_keeps_it(self):
        assert runs(AT, 5) == runs(AT, 5)
        delays = {
            s.begins for kind in ({}, {"location": "oslo"}, {"seed": 2}, {"name": "q"}) for s in runs(AT, 1, **kind)
        }
        assert len(delays) == 4

    def test_locations_share_the_instant_their_results_are_compared_by(self):
        assert [s.scheduled for s in runs(AT, 9)] == [s.scheduled for s in runs(AT, 9, location="oslo")]

    @given(st.integers(0, 10**7), st.integers(0, 59))
    def test_no_run_is_left_out_and_none_comes_twice(self, seconds, jitter):
        after, spread = AT + timedelta(seconds=seconds), timedelta(seconds=jitter)
        whole = runs(after, 4, jitter=spread)
        step_by_step, at = [], after
        for _ in range(4):
            (one,) = runs(at, 1, jitter=spread)
            step_by_step.append(one)
            at = one.begins
        assert whole == step_by_step
        numbers = [(s.scheduled - EPOCH) // MINUTE for s in whole]
        assert numbers == list(range(numbers[0], numbers[0] + 4))
        previous = slot("p", "here", every=MINUTE, jitter=spread, seed=1, number=numbers[0] - 1)
        assert previous.begins <= after


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (r"order \d+", "order 7"),
        (r"order (\d+)", "7"),
        (r"(?i)ORDER (\d+)", "7"),
        (r"(order) (\d+)", "order"),
        (r"^first line", "first line"),
        (r"(\d+)", "7"),
        (r"o(x)?rder", ""),
    ],
)
def test_a_pattern_gives_its_first_group_or_all_it_matches(pattern, value):
    answer = Answer(200, {}, "first line\norder 7, then order 8\n")
    assert taken(Extract("x", "regex", pattern), answer) == value


@given(st.lists(st.sampled_from(["up", "down", "unknown"]), min_size=1, max_size=6), st.data())
def test_a_quorum_says_only_what_no_silent_location_could_change(states, data):
    quorum = data.draw(st.integers(1, len(states)))
    places = [str(n) for n in range(len(states))]
    told = agreed(dict(zip(places, states, strict=True)), places, quorum)
    best, worst = states.count("down"), states.count("down") + states.count("unknown")
    possible = {"down" if down >= quorum else "up" for down in range(best, worst + 1)}
    assert told == (possible.pop() if len(possible) == 1 else "unknown")


@given(st.text(min_size=4, max_size=40).filter(lambda t: t.strip()), st.text(max_size=20), st.text(max_size=20))
def test_a_secret_is_hidden_in_every_notation_it_may_have_taken(secret, before, after):
    masker = Masker([secret])
    forms = [secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1],
             json.dumps(secret, ensure_ascii=False)[1:-1], base64.b64encode(secret.encode()).decode()]  # fmt: skip
    for form in forms:
        assert masker.text(form) == MASK
        assert masker.data(f"{before}{form}{after}".encode()).count(MASK.encode()) >= 1


def test_credentials_are_hidden_whoever_sent_them():
    tree = {"headers": [{"name": "Set-Cookie", "value": "sid=1"}, {"name": "X", "value": "1"}], "cookies": [{"a": 1}]}
    assert Masker().tree(tree) == {
        "headers": [{"name": "Set-Cookie", "value": MASK}, {"name": "X", "value": "1"}],
        "cookies": [],
    }


ADDRESSES = [
    ("127.0.0.1", False), ("10.0.0.1", False), ("192.168.1.1", False), ("::1", False), ("fd00::1", False),
    ("203.0.113.9", False), ("169.254.0.1", True), ("fe80::1%eth0", True), ("::ffff:169.254.169.254", True),
    ("64:ff9b::a9fe:a9fe", True), ("2002:a9fe:a9fe::", True), ("224.0.0.1", True), ("ff02::1", True), ("::", True),
    ("0.0.0.0", True), ("255.255.255.255", True), ("100.100.100.200", True), ("fd00:ec2::254", True),
]  # fmt: skip


@pytest.mark.parametrize(("address", "refused"), ADDRESSES)
def test_private_addresses_are_asked_and_those_of_a_clouds_secrets_are_not(address, refused):
    assert is_refused(address) == refused
