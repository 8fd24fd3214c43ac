"""Charts draw what the history holds: gaps where nothing is known, doubt as areas, and colours of the tokens."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from nines.evaluation.history import Band
from nines.pages.charts import BROAD, NARROW, budget_chart, drawn_until, sli_chart
from nines.pages.drawing import draw
from pages.promises import past, standing


def layers(chart):
    spec = chart.to_dict()
    kept = spec.get("datasets", {})
    return [
        (layer["mark"], layer["data"].get("values") or kept.get(layer["data"].get("name"), []))
        for layer in spec["layer"]
    ]


def rows_of(chart, kind, colour=None):
    return [
        r
        for mark, rows in layers(chart)
        if mark["type"] == kind and mark.get("color", colour) == (colour or mark.get("color"))
        for r in rows
    ]


def test_the_line_of_the_budget_ends_at_what_the_standing_says_is_left():
    found = standing("checkout")
    line = rows_of(budget_chart(found, past("checkout")), "line")
    assert line[0]["y"] == 1
    assert line[-1]["y"] == float(found.outcome.period.remaining_ratio)


def test_exclusions_are_bands_and_revisions_are_ticks_with_their_words():
    chart = budget_chart(standing("checkout"), past("checkout"))
    words = {r["text"] for r in rows_of(chart, "text")}
    assert words == {"maintenance", "revision 2: 99.9 %"}
    assert len(rows_of(chart, "rect")) == 1


def test_a_projection_is_a_cone_that_begins_at_what_is_left():
    found = standing("checkout")
    cone = rows_of(budget_chart(found, past("checkout")), "area", "var(--missed-soft)")
    assert cone[0]["y"] == cone[0]["y2"] == float(found.outcome.period.remaining_ratio)
    assert cone[-1]["y"] == 0 <= cone[-1]["y2"]
    assert drawn_until(found) > found.window.end


def test_without_a_projection_the_chart_ends_with_the_window():
    assert drawn_until(standing("invoices-fresh")) == standing("invoices-fresh").window.end


def test_what_is_in_doubt_is_an_area_below_the_line():
    doubt = [
        r
        for r in rows_of(budget_chart(standing("edge-delivery"), past("edge-delivery")), "area", "var(--unknown-soft)")
        if r["y"] is not None
    ]
    assert doubt
    assert all(r["y"] <= r["y2"] for r in doubt)


def test_days_on_either_side_of_the_target_have_shapes_of_their_own():
    found = past("invoices-fresh", timedelta(days=1))
    chart = sli_chart(found.points, standing("invoices-fresh").target)
    marks = {mark["shape"]: len(rows) for mark, rows in layers(chart) if mark["type"] == "point"}
    assert marks["square"] == 1
    assert marks["circle"] + marks["square"] == sum(p.sli is not None for p in found.points)


def test_minutes_of_silence_leave_a_gap_in_the_line_and_a_band_in_its_place():
    found = past("edge-delivery", timedelta(minutes=1), last=180)
    chart = sli_chart(found.points, standing("edge-delivery").target)
    assert sum(r["y"] is None for r in rows_of(chart, "line")) == 12
    assert sum(r["y"] is not None for r in rows_of(chart, "area")) == 24


@pytest.mark.parametrize("size", [BROAD, NARROW])
def test_a_drawing_has_no_style_no_script_no_address_and_only_tokens_for_colours(size):
    svg = draw(lambda: budget_chart(standing("checkout"), past("checkout"), size), 'left & "right"', "broad").svg
    assert re.search(r"\sstyle=|<style|<script|href=|url\(", svg) is None
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) - {"none", "transparent"}
    assert {c for c in colours if not c.startswith("var(--")} == set()
    assert 'role="img" aria-label=\'left &amp; "right"\'' in svg


def test_a_name_with_markup_stays_a_name():
    band = Band('<script>alert("x")</script>', past("checkout").bands[0].span)
    svg = draw(lambda: budget_chart(standing("checkout"), replace(past("checkout"), bands=(band,))), "x", "broad").svg
    assert "<script" not in svg
    assert "&lt;script&gt;" in svg


def test_a_document_gets_the_colours_themselves():
    chart = budget_chart(standing("checkout"), past("checkout"), BROAD, "dark")
    assert "var(" not in chart.to_json()


def test_a_drawing_says_where_its_plot_lies():
    found = draw(lambda: sli_chart(past("login", timedelta(days=1)).points, standing("login").target), "x", "broad")
    assert 0 < found.left < 0.2
    assert 0.8 < found.left + found.width <= 1
