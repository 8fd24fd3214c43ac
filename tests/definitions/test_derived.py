"""SLIs made of others: the rule is part of the definition, and every mistake is told at once."""

from fractions import Fraction

from definitions.texts import doc, join
from nines.definitions.load import load_texts

BASE = [
    doc("DataSource", "rum", {"type": "events"}),
    doc("DataSource", "tries", {"type": "events", "sites": ["eu", "us", "asia"]}),
    doc("SLI", "had", {"source": "rum", "good": "http_status < 500"}),
    doc("SLI", "tried", {"source": "tries", "good": "state = 'up'"}),
]
PROBE = doc("Probe", "buy", {
    "source": "tries", "schedule": {"every": "5m", "jitter": "30s"}, "locations": ["eu", "us"], "quorum": 2,
    "steps": [{"name": "home", "tcp": {"host": "127.0.0.1", "port": 80}}],
})  # fmt: skip


def load(*documents):
    return load_texts([("slo.yaml", join(*BASE, *documents))])


def made(spec, *more, name="both"):
    found = load(*more, doc("SLI", name, spec))
    assert found.problems == ()
    return found.indicators[name]


def codes(*documents):
    return sorted(p.code for p in load(*documents).problems)


def test_a_rule_names_two_indicators_and_its_terms():
    both = made({"combine": {"rule": "weighted", "users": "had", "probes": "tried", "probesWeight": "0.5"}})
    assert (both.users.name, both.probes.name, both.probes_weight) == ("had", "tried", Fraction(1, 2))


def test_identity_hangs_on_the_rule_and_on_what_is_counted_and_on_no_name():
    rule = {"rule": "worst", "users": "had", "probes": "tried"}
    one = made({"combine": rule})
    renamed = made(
        {"combine": rule | {"users": "seen"}}, doc("SLI", "seen", {"source": "rum", "good": "http_status < 500"})
    )
    stricter = made({"combine": rule | {"minuteTarget": "98%"}})
    other = made(
        {"combine": rule | {"users": "seen"}}, doc("SLI", "seen", {"source": "rum", "good": "http_status < 400"})
    )
    assert one.identity == renamed.identity
    assert len({one.identity, stricter.identity, other.identity}) == 3


def test_a_quorum_takes_the_sites_of_its_source_or_what_its_probe_says():
    plain = made({"quorum": {"of": "tried"}})
    assert (plain.locations, plain.needed, plain.hold) == (("asia", "eu", "us"), None, 1)
    told = made({"quorum": {"of": "tried", "probe": "buy"}}, PROBE)
    assert (told.locations, told.needed, told.hold) == (("eu", "us"), 2, 6)


def test_a_combination_may_count_a_quorum_that_stands_after_it():
    quorum = doc("SLI", "reached", {"quorum": {"of": "tried"}})
    both = load(doc("SLI", "both", {"combine": {"rule": "worst", "users": "had", "probes": "reached"}}), quorum)
    assert both.problems == ()
    assert both.indicators["both"].probes == both.indicators["reached"]


def test_all_mistakes_are_told_at_once():
    wrong = {"rule": "weighted", "users": "hat", "probes": "trid", "usersWeight": 0, "minuteTarget": "0%"}
    found = load(doc("SLI", "both", {"combine": wrong}))
    assert sorted(p.code for p in found.problems) == ["bad-value", "bad-value", "unknown-sli", "unknown-sli"]
    assert {p.fix for p in found.problems if p.code == "unknown-sli"} == {"did you mean had?", "did you mean tried?"}


def test_what_cannot_be_combined_is_refused():
    rule = {"rule": "worst", "users": "had", "probes": "tried"}
    states = doc("SLI", "up", {"source": "tries", "states": {"good": "state = 'up'"}})
    assert codes(doc("SLI", "a", {"combine": rule}), doc("SLI", "b", {"combine": rule | {"users": "a"}})) == [
        "combine-member"
    ]
    assert codes(states, doc("SLI", "a", {"combine": rule | {"rule": "weighted", "probes": "up"}})) == ["unit-mix"]
    assert codes(doc("SLI", "a", {"combine": rule | {"probes": "had"}})) == ["member-twice"]
    assert codes(doc("SLI", "a", {"combine": rule, "source": "rum"})) == ["sli-ways"]
    assert codes(doc("SLI", "a", {"combine": rule, "quorum": {"of": "tried"}})) == ["sli-ways"]


def test_a_quorum_that_means_nothing_is_refused():
    assert codes(doc("SLI", "a", {"quorum": {"of": "had"}})) == ["quorum-locations"]
    assert codes(doc("SLI", "a", {"quorum": {"of": "tried", "needed": 4}})) == ["quorum-needed"]
    assert codes(PROBE, doc("SLI", "a", {"quorum": {"of": "had", "probe": "buy"}})) == ["quorum-member"]
    assert codes(doc("SLI", "a", {"quorum": {"of": "tried", "probe": "bye"}})) == ["unknown-probe"]
    states = doc("SLI", "up", {"source": "tries", "states": {"good": "state = 'up'"}})
    assert codes(states, doc("SLI", "a", {"quorum": {"of": "up"}})) == ["quorum-member"]


def test_an_indicator_of_rows_still_needs_its_source():
    assert codes(doc("SLI", "a", {"good": "http_status < 500"})) == ["missing-field"]
