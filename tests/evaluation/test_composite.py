"""Composites: slice by slice by Kleene's logic, never by products of averages."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.cases import ALIVE, NOON, SILENT, ask, excluded, minutes, promise, slices
from nines.errors import InputError
from nines.evaluation.composite import Member, composite_series, members_in_order
from nines.evaluation.evidence import Evidence
from nines.objectives.indicator import CompositeIndicator
from nines.spans import minute_of

#: One letter a minute: good, bad, unknown, quiet, silent, or not yet heard.
LETTERS = {"g": (1, 0, 0, ALIVE), "b": (0, 1, 0, ALIVE), "u": (0, 0, 1, ALIVE), "-": (0, 0, 0, ALIVE), "s": (0, 0, 0, SILENT), ".": (0, 0, 0, SILENT)}  # fmt: skip


def member(text, method=None, **changes):
    """A member whose minutes before noon are written as letters."""
    first = next((i for i, c in enumerate(text) if c != "."), None)
    series = minutes(*zip(*(LETTERS[c] for c in text), strict=True), first=first)
    return Member(promise("0.5", method or slices(), **changes), Evidence(series))


def combined(op, *texts, k=0, **changes):
    """The composite of members, as letters."""
    parts = tuple(member(t, **changes) if isinstance(t, str) else t for t in texts)
    size = len(parts[0].evidence.series)
    indicator = CompositeIndicator(name="all", members=tuple(f"m{i}" for i in range(len(parts))), op=op, k=k)
    found = composite_series(indicator, parts, minute_of(NOON) - size, minute_of(NOON))
    letter = {v[:3]: c for c, v in LETTERS.items() if c in "gbu-"}
    born = len(found) if found.first is None else found.first - found.start
    rows = zip(found.good.tolist(), found.bad.tolist(), found.unknown.tolist(), strict=True)
    return "".join("." if i < born else letter[row] for i, row in enumerate(rows))


NINE = ("gggbbbuuu", "gbugbugbu")


@pytest.mark.parametrize(("op", "k", "found"), [("and", 0, "gbubbbubu"), ("or", 0, "ggggbuguu"), ("k-of-n", 1, "ggggbuguu"), ("k-of-n", 2, "gbubbbubu")])  # fmt: skip
def test_two_members_combine_by_the_tables_of_kleene(op, k, found):
    assert combined(op, *NINE, k=k) == found


@pytest.mark.parametrize(("texts", "found"), [(("g", "g", "b"), "g"), (("g", "u", "b"), "u"), (("g", "b", "b"), "b"), (("u", "u", "b"), "u"), (("g", "g", "u"), "g")])  # fmt: skip
def test_two_of_three_are_needed(texts, found):
    assert combined("k-of-n", *texts, k=2) == found


@pytest.mark.parametrize("op", ["and", "or"])
def test_a_member_without_traffic_has_no_say(op):
    assert combined(op, "gbu-", "----") == "gbu-"


def test_of_fewer_with_traffic_than_are_needed_all_must_be_good():
    assert combined("k-of-n", "gb-", "---", "---", k=2) == "gb-"


def test_a_silent_member_is_unknown_and_cannot_pass_for_success():
    assert combined("and", "gb", "ss") == "ub"
    assert combined("or", "gb", "ss") == "gu"


def test_a_member_that_was_never_heard_is_unknown_too():
    assert combined("and", "ggbb", "..gg") == "uubb"
    assert combined("and", "ggb", "...") == "uub"
    assert combined("or", "ggb", "...") == "ggu"


def test_silence_that_a_member_ignores_has_no_say():
    deaf = member("..ss", missing="ignore")
    assert combined("and", member("gbgb"), deaf) == "gbgb"


def test_of_members_that_were_never_heard_nothing_is_known():
    assert combined("and", "...", "...") == "..."
    series = composite_series(CompositeIndicator(name="a", members=("x", "y")), (member("..."), member("...")), minute_of(NOON) - 3, minute_of(NOON))  # fmt: skip
    standing = ask(promise("0.5", slices(), window=3), series)
    assert (standing.outcome.sli, standing.verdict) == (None, "unknown")


def test_each_member_is_held_to_its_own_slice_target():
    lax = Member(promise("0.9", slices("0.5")), Evidence(minutes([6, 4], [4, 6])))
    strict = Member(promise("0.9", slices("0.6")), Evidence(minutes([6, 4], [4, 6])))
    by_target = Member(promise("0.7"), Evidence(minutes([7, 6], [3, 4])))
    assert combined("and", lax, strict) == "gb"
    assert combined("or", by_target, by_target) == "gb"


def test_exclusions_of_a_member_hold_inside_the_composite():
    excused = Member(promise("0.5", slices()), Evidence(minutes([1, 0, 1], [0, 1, 0]), (excluded(1, 2, size=3),)))
    assert combined("and", "ggg", excused) == "ggg"


def test_the_composite_is_evaluated_like_any_other_series():
    series = composite_series(CompositeIndicator(name="a", members=("x", "y")), tuple(member(t) for t in NINE), minute_of(NOON) - 9, minute_of(NOON))  # fmt: skip
    outcome = ask(promise("0.5", slices(), window=9), series).outcome
    assert (outcome.units_good, outcome.units_bad, outcome.bounds.low, outcome.bounds.high) == (1, 5, Fraction(1, 9), Fraction(4, 9))  # fmt: skip


def test_longer_slices_are_judged_by_the_sums_of_each_member():
    parts = (member("ggbgb-"), member("gggggg"))
    found = composite_series(CompositeIndicator(name="a", members=("x", "y")), parts, minute_of(NOON) - 6, minute_of(NOON), slice_minutes=3)  # fmt: skip
    assert (found.good.tolist(), found.bad.tolist()) == ([0] * 6, [1, 0, 0, 1, 0, 0])


def test_traffic_adds_counts_so_that_the_busier_member_weighs_more():
    busy = Member(promise(), Evidence(minutes([90], [10])))
    idle = Member(promise(), Evidence(minutes([0], [10])))
    indicator = CompositeIndicator(name="a", members=("busy", "idle"), op="traffic")
    found = composite_series(indicator, (busy, idle), minute_of(NOON) - 1, minute_of(NOON))
    assert ask(promise(window=1), found).outcome.sli == Fraction(90, 110)


def test_summed_traffic_is_silent_where_one_member_is():
    indicator = CompositeIndicator(name="a", members=("x", "y"), op="traffic")
    found = composite_series(indicator, (member("gg"), member("gs")), minute_of(NOON) - 2, minute_of(NOON))
    assert found.state.tolist() == [ALIVE, SILENT]
    never = composite_series(indicator, (member("gg"), member("..")), minute_of(NOON) - 2, minute_of(NOON))
    assert never.first is None


def test_a_composite_that_contains_itself_is_refused_with_the_path():
    with pytest.raises(InputError, match="a -> b -> c -> a"):
        members_in_order("a", {"a": ("x", "b"), "b": ("c",), "c": ("a",)})


def test_members_come_before_what_rests_on_them_and_once():
    assert members_in_order("a", {"a": ("b", "c"), "b": ("d",), "c": ("d",)}) == ("d", "b", "c", "a")


@settings(deadline=None)
@given(st.lists(st.text("gbu-s", min_size=6, max_size=6), min_size=2, max_size=4))
def test_or_is_and_with_good_and_bad_exchanged(texts):
    mirror = str.maketrans("gb", "bg")
    assert combined("or", *texts) == combined("and", *(t.translate(mirror) for t in texts)).translate(mirror)


@settings(deadline=None)
@given(st.lists(st.text("gbu-", min_size=4, max_size=4), min_size=2, max_size=3), st.data())
def test_learning_what_was_unknown_never_overturns_a_verdict(texts, data):
    before = combined("and", *texts)
    learnt = ["".join(data.draw(st.sampled_from("gb")) if c == "u" else c for c in t) for t in texts]
    after = combined("and", *learnt)
    assert all(b in ("u", a) for b, a in zip(before, after, strict=True))
