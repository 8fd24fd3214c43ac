"""The policy workbench: what a policy would have told, changed in the address, beside another one, held against incidents."""

import re
from datetime import timedelta
from fractions import Fraction
from urllib.parse import urlencode

import pytest

from nines.alerting.catalogue import published
from nines.errors import CannotTellError, ForbiddenError, NotFoundError
from nines.operations import workbench as operation
from nines.operations.house import open_house
from nines.pages.app import build
from nines.pages.workbench import changed, incidents_of
from nines.pages.workbench_charts import burn_chart, lane_chart, lanes
from nines.people.rights import Principal
from pages.browser import chromium, need_chromium, served
from pages.caller import Caller
from pages.house_of_alerts import NOW, WHO, furnish

PAGE = "/workbench/checkout%4030d"
OUTAGE = "2026-03-03T11:18:00Z/2026-03-03T11:50:00Z db"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return furnish(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def visitor(house):
    return Caller(build(house, lambda: NOW, hosts=frozenset()))


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def ask(visitor, **given):
    return words(visitor.get(f"{PAGE}?{urlencode({'known': 'now', **given})}"))


def bench(house, policy="", incidents=(), **more):
    objective, found = operation.chosen(house, WHO, "checkout@30d", policy, at=NOW)
    return operation.workbench(house, WHO, objective, [found], at=NOW, days=1, incidents=incidents, known="now", **more)


def test_it_says_in_one_sentence_what_the_policy_would_have_told(visitor):
    assert "Changed here." in ask(visitor, share1="3")
    assert "google-workbook would have made 1 page (21.0 a week) and 2 tickets." in ask(visitor)


def test_it_fires_when_the_alert_really_fired(house):
    """The alert of the tick and that of the back-test stand on the same minutes."""
    fired = {e.rule: e.fired for e in bench(house).tried[0].told.episodes}
    assert fired["page-1h"] == NOW - timedelta(minutes=39)
    real = {k: v["alert"]["since"] for k, v in house.store.ticking.alerts("default").items() if "alert" in v}
    assert real["checkout@30d/page-1h"] == fired["page-1h"].isoformat()


@pytest.mark.parametrize(("share", "ago"), [("2", [39]), ("80", [1]), ("100", [])])
def test_a_higher_share_fires_later_or_never(house, share, ago):
    """Nine of ten events are bad for 40 minutes: the rate over an hour is 15 after one minute, and 600 at the end."""
    objective, base = operation.chosen(house, WHO, "checkout@30d", "", at=NOW)
    policy = changed(base, {"share1": share, "share2": "", "share3": "", "share4": ""}, [])
    (tried,) = operation.workbench(house, WHO, objective, [policy], at=NOW, known="now").tried
    assert [e.fired for e in tried.told.episodes] == [NOW - timedelta(minutes=m) for m in ago]


def test_an_address_changes_shares_windows_k_and_comparison():
    base, wrong = published("google-workbook", timedelta(days=30)), []
    policy = changed(base, {"share1": "4", "window1": "2h", "short1": "10m", "lasts1": "5m", "k": "7", "comparison": "gt"}, wrong)  # fmt: skip
    first = policy.rules[0]
    assert (first.share, first.long, first.short, first.lasts) == (
        Fraction(4, 100), timedelta(hours=2), timedelta(minutes=10), timedelta(minutes=5),
    )  # fmt: skip
    assert (policy.low_traffic.least_bad, policy.comparison, wrong) == (7, "gt", [])
    assert policy.rules[1:] == base.rules[1:]


def test_a_rule_that_fires_at_once_keeps_doing_so_when_its_form_is_sent():
    wrong = []
    policy = changed(published("google-workbook", timedelta(days=30)), {"share1": "4", "lasts1": "0s"}, wrong)
    assert policy.rules[0].lasts == timedelta()
    assert wrong == []


def test_factors_are_changed_where_a_source_states_factors():
    policy = changed(published("pyrra", timedelta(days=30)), {"factor1": "7.5", "factor2": ""}, [])
    assert [float(r.stated) for r in policy.rules] == [7.5, 2, 1]


@pytest.mark.parametrize(
    "wrong",
    [{"share1": "much"}, {"share1": "-1"}, {"share1": "101"}, {"short1": "2h"}, {"window1": "90s"}, {"window1": "soon"},
     {"k": "0"}, {"k": "x"}, {"comparison": "lt"}, {"days": "0"}, {"days": "93"}, {"incidents": "yesterday"},
     {"incidents": "2026-03-03T11:00:00Z/2026-03-03T10:00:00Z"}, {"share1": "", "share2": "", "share3": "", "share4": ""}],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(visitor, wrong):
    page = visitor.get(f"{PAGE}?{urlencode(wrong)}")
    assert page.status_code == 400
    assert f"Error, {next(iter(wrong))}" in words(page)


def test_two_policies_stand_side_by_side_with_a_lane_for_each_rule(visitor):
    page = visitor.get(f"{PAGE}?against=pyrra&known=now")
    assert "google-workbook pyrra pages 1 1" in words(page)
    assert "pyrra page-64m" in page.text


def test_pages_are_held_against_incidents(visitor):
    told = ask(visitor, incidents=OUTAGE)
    assert "and caught 1 of 1 incidents" in told
    assert "median delay 3 min" in told
    assert [i.name for i in incidents_of(OUTAGE, [])] == ["db"]


def test_data_that_came_late_tells_nothing_in_time_unless_asked_as_known_now(house):
    """All of this house's events came at its last minute, so nobody would have been told of them before it."""
    objective, policy = operation.chosen(house, WHO, "checkout@30d", "", at=NOW)
    found = operation.workbench(house, WHO, objective, [policy], at=NOW, days=1)
    assert {(e.fired >= NOW - timedelta(minutes=1)) for e in found.tried[0].told.episodes} <= {True}
    assert found.known == "then"


def test_an_unknown_objective_and_an_unknown_policy_are_told(visitor):
    assert visitor.get("/workbench/none").status_code == 404
    assert "there is no such policy" in words(visitor.get(f"{PAGE}?policy=none"))


def test_policies_that_do_not_fit_the_window_are_not_offered(house):
    assert "datadog" in bench(house).names
    assert "slowly" in bench(house).names


def test_without_minutes_it_says_that_nothing_is_known(house):
    objective, policy = operation.chosen(house, WHO, "checkout@30d", "", at=NOW)
    early = NOW - timedelta(days=20)
    with pytest.raises(CannotTellError, match="no data"):
        operation.workbench(house, WHO, objective, [policy], at=early)
    with pytest.raises(NotFoundError):
        operation.chosen(house, WHO, "none", "", at=NOW)


def test_only_those_who_may_see_are_answered(house):
    with pytest.raises(ForbiddenError):
        operation.watched(house, Principal("token", "t", "default", frozenset({"ingest"})), at=NOW)


def test_a_search_needs_two_weeks(visitor):
    assert "a search needs two weeks" in ask(visitor, search="1", incidents=OUTAGE)


def test_every_objective_with_a_budget_is_listed(visitor, tmp_path):
    assert [f"{n}@30d" in visitor.get("/workbench").text for n in ("checkout", "edge", "search", "pay")] == [True] * 4
    bare = Caller(build(open_house(tmp_path, now=NOW, open_on_loopback=True), lambda: NOW, hosts=frozenset()))
    assert "No objective keeps a budget yet" in bare.get("/workbench").text


@pytest.mark.parametrize("draw", [burn_chart, lane_chart])
def test_charts_keep_to_their_schema(house, draw):
    from altair.utils.schemapi import debug_mode

    found = bench(house, incidents=incidents_of(OUTAGE, []))
    with debug_mode(True):
        assert draw(found).to_dict()["layer"]
    assert {s.lane for s in lanes(found)} == {"page-1h", "page-6h", "ticket-1d", "ticket-3d"}


@pytest.fixture(scope="module")
def opened(house):
    need_chromium()
    with chromium() as browser, served(build(house, lambda: NOW, hosts=frozenset())) as url:

        def page(path, width=1280, scheme="light", *, script=True):
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
            )
            found, said = context.new_page(), []
            found.on("console", lambda m: said.append(m.text))
            found.on("pageerror", lambda e: said.append(str(e)))
            found.goto(url + path)
            assert said == []
            return found

        yield page


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light"), (2000, "dark")])
@pytest.mark.parametrize("path", ["/workbench", f"{PAGE}?against=pyrra&known=now&{urlencode({'incidents': OUTAGE})}"])
def test_the_pages_fit_the_screen_and_have_no_serious_fault(opened, path, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(path, width, scheme)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = [v for v in Axe().run(page).response["violations"] if v["impact"] in {"serious", "critical"}]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
    page.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False])
def test_a_changed_share_is_tried_at_once_and_without_scripts_by_the_button(opened, script):
    page = opened(PAGE, script=script)
    page.get_by_label("Share of page-1h in per cent").fill("50")
    page.keyboard.press("Tab" if script else "Enter")
    page.wait_for_url("**share1=50**")
    assert "Changed here." in page.inner_text("main")
    page.context.close()
