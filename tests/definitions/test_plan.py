"""The plan says in budget terms what applying would change."""

import pytest

from definitions.texts import BASE, CONTRACT, doc, join, slo
from nines.definitions.load import Definitions, load_texts
from nines.definitions.plan import Change, plan


def load(*documents: str) -> Definitions:
    found = load_texts([("a.yaml", join(BASE, *documents))])
    assert found.errors == ()
    return found


def changes(before: Definitions, after: Definitions, *, removing: bool = True) -> tuple[Change, ...]:
    return plan(before, after, {}, removing=removing).changes


def only(before: Definitions, after: Definitions) -> Change:
    (change,) = changes(before, after)
    return change


def test_a_stricter_target_halves_the_outage_it_allows():
    """30 days have 43,200 minutes; a thousandth of them is 43.2, half of that 21.6."""
    change = only(load(slo(target="99.9%")), load(slo(target="99.95%")))
    assert (change.action, change.kind, change.name) == ("change", "SLO", "a")
    assert "target: 99.9% -> 99.95%" in change.what
    assert "30d: full outage allowed 43 min 12 s -> 21 min 36 s" in change.what


def test_a_new_promise_is_told_with_what_it_allows():
    change = only(load(), load(slo(target="99.9%")))
    assert (change.action, change.kind, change.name) == ("add", "SLO", "a")
    assert "over 30d allows 43 min 12 s of full outage" in change.what


def test_identical_files_plan_nothing():
    found = load_texts([("a.yaml", CONTRACT)])
    assert plan(found, load_texts([("elsewhere.yaml", CONTRACT)]), {}, removing=True).empty


def test_layout_and_remarks_plan_nothing():
    text = join(BASE, slo())
    remarked = "# A remark.\n" + text.replace("{type: events}", "\n  type: events # all of them")
    assert plan(load_texts([("a", text)]), load_texts([("a", remarked)]), {}, removing=True).empty


def test_a_changed_indicator_starts_a_new_series():
    before = load(doc("SLI", "fast", "{source: log, good: duration_ms < 300}"))
    change = only(before, load(doc("SLI", "fast", "{source: log, good: duration_ms < 200}")))
    assert "good: duration_ms < 300 -> duration_ms < 200" in change.what
    assert "a new series begins" in change.what


def test_a_described_indicator_keeps_its_series():
    before = load(doc("SLI", "fast", "{source: log, good: duration_ms < 300}"))
    change = only(before, load(doc("SLI", "fast", "{source: log, good: duration_ms < 300, description: Quick}")))
    assert "series" not in change.what


@pytest.mark.parametrize(("window", "later"), [("{calendar: month}", True), ("30d", False)])
def test_a_calendar_target_holds_from_the_next_period_on(window, later):
    change = only(load(slo(window=window, target="99%")), load(slo(window=window, target="98%")))
    assert ("holds from the next period on" in change.what) is later


def test_a_second_window_is_told_with_what_it_allows():
    change = only(load(slo()), load(slo(window="", windows="[30d, 7d]")))
    assert "over 7d allows" in change.what


def test_a_definition_that_files_lack_is_retired_when_asked():
    before, after = load(slo("a"), slo("b")), load(slo("a"))
    assert [(c.action, c.name) for c in changes(before, after)] == [("remove", "b")]
    assert changes(before, after, removing=False) == ()


def test_a_change_of_labels_alone_is_told():
    text = join(BASE, slo())
    labelled = text.replace("metadata: {name: a}", "metadata: {name: a, labels: {team: shop}}")
    assert only(load_texts([("a", text)]), load_texts([("a", labelled)])).what == "labels or annotations"


def test_removals_come_first_then_changes_then_additions():
    before, after = load(slo("a"), slo("b")), load(slo("b", target="98%"), slo("c"))
    assert [(c.action, c.name) for c in changes(before, after)] == [("remove", "a"), ("change", "b"), ("add", "c")]
