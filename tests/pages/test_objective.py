"""An objective's page shows every figure with what it rests on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from nines.evaluation.explain import explain
from nines.evaluation.standing import Aggregated
from nines.pages.asking import asked
from nines.pages.objective import Material, burns, compared, exclusion_row, facts, objective_page, revisions
from nines.pages.render import render
from nines.people.rights import Principal
from pages.promises import AT, MAINTENANCE, WORLDS, past, standing


def shown(name):
    return {f.name: (f.value, f.note) for f in facts(standing(name))}


def test_a_promise_with_its_budget_says_how_much_is_left_and_until_when():
    found = shown("checkout")
    assert found["Budget left"][0] == "74 %"
    assert found["SLI"][1].endswith("events good")
    assert found["Runs out"][0] == "25 Nov 02:41"
    assert found["Without exclusions"][1] == "maintenance"


def test_an_overspent_budget_says_by_how_much_and_is_gone():
    found = shown("invoices-fresh")
    assert found["Budget left"] == ("-39 %", "8,400 bad events more than the 21,600 allowed")
    assert found["Runs out"][0] == "gone"


def test_a_threshold_objective_has_a_figure_and_a_bound_and_no_budget():
    figure = Aggregated("p95", Fraction(311), Fraction(308), Fraction(314), Fraction(300), "lte", 40)
    outcome = replace(standing("login").outcome, period=None)
    found = replace(standing("login"), aggregated=figure, outcome=outcome, burn_rates={}, exhaustion=None)
    names = [f.name for f in facts(found)]
    assert names == ["p95", "Bound", "Data"]
    assert burns(found) == []


def test_figures_with_and_without_exclusions_stand_side_by_side():
    lines = {c["name"]: (c["applied"], c["plain"]) for c in compared(standing("checkout"))}
    assert lines["excluded"] == ("72,000", "0")
    assert lines["SLI"][0] != lines["SLI"][1]


def test_an_exclusion_recorded_after_it_began_is_marked():
    late = replace(MAINTENANCE, recorded_at=AT, clause="4.2", where="version = 'v418'")
    found = exclusion_row(late)
    assert found["late"] is True
    assert found["why"] == "where version = 'v418', 4.2, approved by ann"


def test_revisions_are_told_newest_first():
    assert [(r["number"], r["target"]) for r in revisions(WORLDS["checkout"][0])] == [("2", "99.9 %"), ("1", "99.5 %")]


def test_each_world_makes_a_page_with_a_table_behind_each_chart():
    for name, (objective, facts_of) in WORLDS.items():
        found = standing(name)
        material = Material(objective, found, past(name, timedelta(days=1)), past(name, timedelta(minutes=1), last=180),
                            facts_of.get("exclusions", ()), (), explain(found))  # fmt: skip
        values = objective_page(material, asked({}, datetime(2026, 11, 23, 14, 32, tzinfo=UTC)))
        frame = {
            "who": Principal.nobody(),
            "csrf": "",
            "here": "/",
            "badge": "",
            "live": "",
            "can_exclude": False,
            "can_annotate": False,
        }
        page = render("objective.html", {**frame, **values})
        assert page.count("The figures as a table") == page.count('class="broad"')
        for figure in ("burn_down", "by_day", "by_minute"):
            rows = values[figure].rows
            assert [r.x for r in rows] == sorted(r.x for r in rows)


def test_the_page_of_something_never_heard_draws_nothing_and_says_why():
    material = Material(
        *(WORLDS["never-heard"][0], standing("never-heard")),
        past("never-heard", timedelta(days=1)),
        past("never-heard", timedelta(minutes=1), last=180),
    )
    values = objective_page(material, asked({}, AT))
    assert values["by_minute"].broad is None
    assert values["by_minute"].empty == "Nothing is known about this time; silence is not success."
