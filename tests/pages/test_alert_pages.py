"""Pages of alerts and messages: full, empty and failing; what they say, and what can be done on them."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from nines.errors import ForbiddenError
from nines.operations import alerts_board, notifying, people
from nines.operations.house import local_principal, open_house
from nines.pages import alerts, messages
from nines.pages.app import build
from nines.pages.messages import outcome
from nines.pages.visit import Visit
from nines.people.rights import ROLES, Principal
from nines.spans import MINUTE
from pages.browser import chromium, need_chromium, served
from pages.caller import Caller
from pages.house_of_alerts import NOW, WHO, furnish
from pages.house_of_shop import NOW as SHOP_NOW

PATHS = ["/alerts", "/notifications", "/notifications?state=dead"]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    return furnish(tmp_path_factory.mktemp("alerts"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return open_house(tmp_path_factory.mktemp("bare"), now=NOW, open_on_loopback=True)


@pytest.fixture
def visitor(house):
    return Caller(build(house, lambda: NOW, hosts=frozenset()))


@pytest.fixture
def troubled(tmp_path):
    """A house of one's own, to change."""
    house = furnish(tmp_path)
    yield house, Caller(build(house, lambda: NOW, hosts=frozenset()))
    house.lake.inbox.close()


def words(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def post(caller, path, **fields):
    return caller.post(path, data=fields)  # on this machine there is no session, and so no secret of one


def test_what_needs_somebody_is_said_first_with_its_number(visitor):
    told = words(visitor.get("/alerts"))
    assert (
        "9 alerts fire on 2 objectives; nobody has taken on any of them; whether 1 of them still burns is not" in told
    )


def test_an_alert_stands_with_its_figures_factor_and_share(visitor):
    told = words(visitor.get("/alerts"))
    assert "page-1h Burned 15.0 times too fast over 1h, 180.0 over 5m, when it fired." in told
    assert "It fires from 14.4 (2 % of the budget in 1h)." in told


def test_an_alert_in_the_dark_reads_unknown_and_stays_among_what_fires(visitor):
    told = words(visitor.get("/alerts"))
    assert "unknown page page-1h Burned 16.7 times" in told
    assert "Its data is missing since 11:50 UTC : nobody knows whether it still burns." in told


def test_pending_alerts_budgets_and_ended_ones_stand_below(visitor):
    told = words(visitor.get("/alerts"))
    assert "pay@30d page-1h pending page" in told
    assert "checkout@30d 75 % after 50 % frozen stop-at-80, from 80 %" in told
    assert "lifted until 2026-03-09 00:00 UTC by ann: certificates run out" in told
    assert re.search(r"search@30d page-1h 2026-03-03 05:2\d UTC 2026-03-03 05:37 UTC", told)


def test_a_silenced_alert_says_by_what_and_why(visitor):
    assert "Silenced by we-know until 2026-03-03 13:30 UTC : the database is moved (local)" in words(
        visitor.get("/alerts")
    )


def test_every_page_shows_how_many_alerts_fire(visitor):
    for path in ("/alerts", "/sources", "/"):
        assert '<span id="firing"><b>9</b>' in visitor.get(path).text


def test_a_house_without_objectives_says_what_would_be_here(bare):
    caller = Caller(build(bare, lambda: NOW, hosts=frozenset()))
    assert "Nothing burns" in caller.get("/alerts").text
    assert "Nothing was told yet" in caller.get("/notifications").text
    assert "No target is defined" in caller.get("/notifications").text
    assert '<span id="firing"></span>' in caller.get("/alerts").text


def test_a_board_that_nobody_keeps_up_says_so(house):
    late = Caller(build(house, lambda: NOW + timedelta(minutes=20), hosts=frozenset()))
    assert "no minute was judged for 20 min" in words(late.get("/alerts"))
    assert not alerts_board.board(house, WHO, at=NOW + 4 * MINUTE).behind


def test_the_log_says_what_became_of_each_message(visitor):
    told = words(visitor.get("/notifications"))
    assert "7 messages were given up, nobody takes 13, 3 wait, 6 were sent, 11 were silenced." in told
    assert "the secret PHONE is missing" in told
    assert "digest of 2026-03-04 07:00 UTC" in told
    assert "answers 503" in told


def test_the_log_is_filtered_by_state_objective_and_thread(visitor):
    def rows(query):
        return len(re.findall(r"<tr><th scope=\"row\"><details>", visitor.get(f"/notifications?{query}").text))

    assert rows("state=dead") == 7
    assert rows("state=sent&objective=edge@30d") == 2
    assert rows("thread=search@30d/page-1h %231") == 4
    assert "No message fits the filter" in visitor.get("/notifications?objective=none").text
    assert visitor.get("/notifications?state=lost").status_code == 400


def test_routes_stand_in_order_with_quiet_hours_and_digest(visitor):
    told = words(visitor.get("/notifications"))
    assert "10 pages severity is page and team is shop or web ops, phone none none no after 15m, then phone" in told
    assert "22:00 to 07:00 Europe/Berlin, but for page ticket, note at 08:00 Europe/Berlin" in told


def test_no_secret_is_shown(visitor):
    page = visitor.get("/notifications").text
    assert "/phone/${secret:PHONE}" in page


def test_acknowledging_an_objective_takes_on_all_that_fires_on_it(troubled):
    _, caller = troubled
    answer = post(caller, "/alerts/acknowledge", key="checkout@30d", note="rolling back", back="/alerts")
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts")
    told = words(caller.get("/alerts"))
    assert told.count("local took it on at 2026-03-03 12:00 UTC : rolling back") == 4
    assert "nobody has taken on 5 of them" in told


def test_a_silence_is_made_and_ended_on_the_page(troubled):
    house, caller = troubled
    answer = post(caller, "/silences", match="team=web, severity=ticket", reason="moving", **{"for": "4h"}, name="move")
    assert answer.status_code == 303
    assert "team is web 2026-03-03 12:00 UTC 2026-03-03 16:00 UTC moving local" in words(caller.get("/notifications"))
    assert [
        w.shown.rule for w in alerts_board.board(house, WHO, at=NOW).firing if "move" in {s.name for s in w.quiet}
    ] == ["ticket-1d", "ticket-3d"]
    assert post(caller, "/silences/end", name="move").status_code == 303
    assert "moving" not in caller.get("/notifications").text


@pytest.mark.parametrize(
    "wrong", [{"match": "team"}, {"match": ""}, {"match": "a=b", "for": "soon"}, {"match": "a=b", "for": "60d"}]
)
def test_a_silence_that_cannot_be_is_refused_with_what_is_wrong(visitor, wrong):
    answer = post(visitor, "/silences", **{"reason": "why", "for": "1h", **wrong})
    assert answer.status_code == 400
    assert "Error, " in words(answer)


def test_a_message_that_was_given_up_is_tried_again_and_a_target_tried_at_once(troubled):
    house, caller = troubled
    (first, *_) = notifying.log(house, WHO, state="dead")
    assert post(caller, "/notifications/retry", id=first.id, target="phone").status_code == 303
    assert len(notifying.log(house, WHO, state="dead")) == 6
    answer = post(caller, "/notifications/try", target="phone")
    assert "local tries the target phone" in caller.get(answer.headers["location"]).text


@pytest.mark.parametrize(
    "path", ["/alerts/acknowledge", "/silences", "/silences/end", "/notifications/retry", "/notifications/try"]
)
def test_forms_without_the_secret_of_their_session_are_refused(stranger, closed_house, path):
    link = people.set_up_link(closed_house, "", now=SHOP_NOW).partition("link=")[2]
    stranger.post("/set-up", data={"link": link, "name": "ann", "password": "four small words here"})
    refused = stranger.post(path, data={"key": "x", "csrf": "0" * 64})
    assert (refused.status_code, "does not carry the secret" in refused.text) == (403, True)


def test_whoever_may_only_see_is_offered_no_deed(house):
    viewer = Principal("person", "vera", "default", ROLES["viewer"])
    seen = Visit(house, viewer, NOW, "", "/alerts", {}, {}, {}, secure=False)
    for page in (alerts.alerts_page, messages.messages_page):
        assert '<form method="post" action="/alerts' not in page(seen).body.decode()
        assert "Try it</button>" not in page(seen).body.decode()
    with pytest.raises(ForbiddenError):
        messages.silence(replace(seen, form={"match": ("a=b",), "for": ("1h",), "reason": ("x",)}))


def test_a_message_that_waits_says_until_when_and_why(house):
    (row,) = [r for r in notifying.log(house, WHO, state="waiting") if r.why]
    assert outcome(row, NOW) == "due 2026-03-04 07:00 UTC, digest of 2026-03-04 07:00 UTC"
    assert outcome(row, NOW + timedelta(days=1)).startswith("due now")


@pytest.fixture(scope="module")
def opened(house, bare):
    need_chromium()
    full, empty = (build(h, lambda: NOW, hosts=frozenset()) for h in (house, bare))
    with chromium() as browser, served(full) as one, served(empty) as other:

        def page(path, width, scheme="light", *, on=one):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            found, said = context.new_page(), []
            found.on("console", lambda m: said.append(m.text))
            found.on("pageerror", lambda e: said.append(str(e)))
            found.goto({"full": one, "empty": other}.get(on, on) + path)
            assert said == []
            return found

        yield page


@pytest.mark.slow
@pytest.mark.parametrize("on", ["full", "empty"])
@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light"), (2000, "dark")])
@pytest.mark.parametrize("path", PATHS)
def test_the_pages_fit_the_screen_and_have_no_serious_fault(opened, path, width, scheme, on):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(path, width, scheme, on=on)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = [v for v in Axe().run(page).response["violations"] if v["impact"] in {"serious", "critical"}]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []
    page.context.close()


@pytest.mark.slow
def test_an_alert_is_acknowledged_by_keyboard(opened, troubled):
    house, _ = troubled
    with served(build(house, lambda: NOW, hosts=frozenset())) as url:
        page = opened("/alerts", 1280, on=url)
        page.get_by_label("Note for the others about checkout@30d").focus()
        page.keyboard.type("rolling back")
        page.keyboard.press("Enter")
        page.get_by_text("local took it on").first.wait_for()
        page.context.close()


@pytest.mark.slow
def test_an_open_page_shows_an_acknowledged_alert_by_itself_and_keeps_open_what_was(opened, troubled):
    from nines.operations.alerts import acknowledge

    house, _ = troubled
    with served(build(house, lambda: NOW, hosts=frozenset())) as url:
        page = opened("/alerts", 1280, on=url)
        page.locator("details[data-key='thread edge@30d/page-1h'] summary").click()
        page.evaluate("document.activeElement.blur()")
        acknowledge(house, local_principal("default"), "checkout@30d", now=NOW)
        page.get_by_text("local took it on").first.wait_for(timeout=15_000)
        assert page.locator("details[data-key='thread edge@30d/page-1h']").get_attribute("open") is not None
        page.context.close()
