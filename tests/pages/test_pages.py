"""Pages over HTTP: what they show, who may see them, and what they turn away."""

import json
import re
from dataclasses import replace

import pytest

from nines.definitions.load import load_texts
from nines.operations import people
from nines.operations.house import local_principal
from nines.pages.app import PAGES, build
from nines.pages.visit import local_address
from pages.caller import Caller
from pages.house_of_shop import NOW

PASSWORD = "four small words here"


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


class TestWhatPagesShow:
    def test_the_overview_has_every_objective_with_state_figure_and_budget(self, visitor):
        page = visitor.get("/")
        assert page.status_code == 200
        words = text_of(page.text)
        for word in ("checkout", "search-speed", "edge", "missed", "unknown", "99.9 %"):
            assert word in words
        assert words.index("checkout misses its target.") < words.index("Burn 1 h")

    def test_the_overview_sorts_and_filters_without_a_script(self, visitor):
        keys = re.findall(r'data-key="([^"]+)"', visitor.get("/?sort=name&dir=down").text)
        assert keys == sorted(keys, reverse=True)
        assert re.findall(r'data-key="([^"]+)"', visitor.get("/?q=search").text) == ["search-speed@30d"]
        assert re.findall(r'data-key="([^"]+)"', visitor.get("/?service=edge&state=unknown").text) == ["edge@30d"]
        assert re.findall(r'data-key="([^"]+)"', visitor.get("/?label=team%3Dfind").text) == ["search-speed@30d"]

    def test_what_has_no_value_stands_last_whichever_way_it_is_sorted(self, visitor):
        for way in ("up", "down"):
            keys = re.findall(r'data-key="([^"]+)"', visitor.get(f"/?sort=sli&dir={way}").text)
            assert keys[-1] == "edge@30d"

    def test_a_filter_that_nothing_fits_says_so(self, visitor):
        assert "No objective fits the filter" in visitor.get("/?q=nowhere").text

    def test_an_objective_has_its_figures_its_steps_and_a_table_behind_each_chart(self, visitor):
        page = visitor.get("/objectives/checkout@30d").text
        words = text_of(page)
        for word in (
            "Budget left",
            "Burn rates",
            "Where this number comes from",
            "move-of-db",
            "v418 rolled out",
            "Without exclusions",
        ):
            assert word in words
        assert page.count("<figure") == page.count("The figures as a table") == 3
        assert page.count('role="img"') == 6

    def test_the_past_is_as_it_was_known_then(self, visitor):
        at = "2026-11-23T14:00:00Z"
        now = visitor.get(f"/objectives/checkout@30d?at={at}").text
        then = visitor.get(f"/objectives/checkout@30d?at={at}&known_at={at}").text
        assert "move-of-db" in now
        assert "move-of-db" not in then
        assert "as known at" in then
        assert 'data-live=""' in then

    def test_sources_tell_fresh_from_never_heard(self, visitor):
        words = text_of(visitor.get("/sources").text)
        assert re.search(r"shop events fresh", words)
        assert re.search(r"edge events never heard", words)

    def test_sources_tell_how_late_rows_come_and_what_was_not_kept(self, visitor):
        words = text_of(visitor.get("/sources").text)
        assert re.search(r"How late rows come .* shop 0 s stated not known", words)
        assert re.search(r"Lossy Repeated Identical Refused Unnamed Lost Gaps edge no 0", words)

    def test_a_house_without_sites_or_agents_says_how_to_get_them(self, visitor):
        words = text_of(visitor.get("/sites").text)
        assert "No source names a site" in words
        assert "No agent has told of itself" in words

    def test_the_journal_verifies_when_asked(self, visitor):
        assert "verified" not in visitor.get("/journal").text
        assert "The journal verifies" in visitor.get("/journal?verify=1").text

    def test_an_empty_house_tells_how_to_begin_with_definitions_that_hold(self, tmp_path, closed_house):
        page = Caller(build(replace(closed_house, open_on_loopback=True), lambda: NOW, hosts=frozenset())).get("/").text
        example = re.search(r"<pre[^>]*>(apiVersion.*?)</pre>", page, re.DOTALL)[1].replace("&lt;", "<")
        assert load_texts([("checkout.yaml", example)]).errors == ()

    def test_names_are_escaped(self, visitor):
        page = visitor.get("/?q=%3Cscript%3Ealert(1)%3C/script%3E").text
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


class TestWhatGoesWrong:
    def test_an_unknown_page_and_an_unknown_objective_are_404_with_words(self, visitor):
        for path in ("/nothing", "/objectives/none", "/static/0/nines.css"):
            page = visitor.get(path)
            assert page.status_code == 404
            assert "To the objectives" in page.text

    def test_every_mistake_in_an_address_is_named_at_once(self, visitor):
        page = visitor.get("/?at=yesterday&known_at=2026-01-01T00:00:00&page=0")
        assert page.status_code == 400
        assert len(re.findall(r'<li class="error">', page.text)) == 3

    def test_a_wrong_method_is_refused(self, visitor):
        assert visitor.post("/sources").status_code == 405

    def test_a_defect_shows_a_page_and_no_traceback(self, shop):
        broken = Caller(build(shop, lambda: 1 / 0, hosts=frozenset()))
        page = broken.get("/")
        assert page.status_code == 500
        assert "a defect of nines" in page.text
        assert "ZeroDivisionError" not in page.text

    def test_a_form_that_is_too_long_is_refused_before_it_is_read(self, visitor):
        assert visitor.post("/annotations", data={"text": "a" * 70_000}).status_code == 413


class TestTheDoor:
    def test_every_answer_carries_a_policy_without_inline_scripts_or_styles(self, visitor):
        for path in ("/", "/objectives/checkout@30d", "/nothing", "/journal"):
            page = visitor.get(path)
            policy = page.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "default-src 'none'" in policy
            assert re.search(r"\sstyle=|<style|\son[a-z]+=", page.text) is None
            assert re.findall(r"<script(?![^>]*src=)", page.text) == []
            assert page.headers["cache-control"] == "no-store"

    def test_static_files_are_kept_for_ever_under_a_name_that_changes_with_them(self, visitor):
        for path in set(re.findall(r'(?:src|href)="(/static/[^"]+)"', visitor.get("/").text)):
            answer = visitor.get(path)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]

    def test_a_foreign_name_that_points_at_this_machine_gets_no_local_rights(self, shop):
        rebound = Caller(build(shop, lambda: NOW, hosts=frozenset()), base="http://evil.example")
        assert rebound.get("/").headers["location"].startswith("/sign-in")

    def test_where_names_are_listed_no_other_is_answered(self, shop):
        app = build(shop, lambda: NOW, hosts=frozenset({"nines.example"}))
        assert Caller(app, base="http://evil.example").get("/sign-in").status_code == 403
        assert Caller(app, base="https://nines.example").get("/sign-in").status_code == 200

    @pytest.mark.parametrize(
        "headers", [{"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
    )
    def test_another_sites_form_is_turned_away(self, visitor, headers):
        assert (
            visitor.post("/annotations", data={"subject": "checkout", "text": "x"}, headers=headers).status_code == 403
        )

    def test_somebody_from_elsewhere_is_led_to_the_sign_in_page_and_back(self, shop):
        remote = Caller(build(shop, lambda: NOW, hosts=frozenset()), base="http://nines.example", peer="192.0.2.7")
        answer = remote.get("/objectives/checkout@30d?at=2026-11-23T00:00:00Z")
        assert answer.status_code == 303
        assert (
            answer.headers["location"] == "/sign-in?back=%2Fobjectives%2Fcheckout%4030d%3Fat%3D2026-11-23T00%3A00%3A00Z"
        )

    def test_every_page_but_those_of_the_door_asks_who_is_there(self, stranger):
        for path, method, _, free in PAGES:
            answer = stranger(method, path.replace("{key}", "x"))
            assert (answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")) or free, path

    def test_no_link_leads_a_form_off_this_site(self):
        for address in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"):
            assert local_address(address) == "/"


class TestAccounts:
    def link(self, house):
        return people.set_up_link(house, "", now=NOW).partition("link=")[2]

    def signed_in(self, stranger, house):
        answer = stranger.post("/set-up", data={"link": self.link(house), "name": "ann", "password": PASSWORD})
        assert answer.status_code == 303
        return answer

    def csrf(self, caller, path="/tokens"):
        return re.search(r'name="csrf" content="([0-9a-f]+)"', caller.get(path).text)[1]

    def test_the_one_time_link_makes_the_first_account_and_works_once(self, stranger, closed_house):
        link = self.link(closed_house)
        assert stranger.get(f"/set-up?link={link}").status_code == 200
        form = {"link": link, "name": "ann", "password": PASSWORD}
        answer = stranger.post("/set-up", data=form)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert stranger.get("/").status_code == 200
        assert Caller(stranger.app).post("/set-up", data=form).status_code == 403

    def test_a_short_password_can_be_mended_with_the_same_link(self, stranger, closed_house):
        form = {"link": self.link(closed_house), "name": "ann", "password": "short"}
        refused = stranger.post("/set-up", data=form)
        assert refused.status_code == 400
        assert "shorter than 12 characters" in refused.text
        assert 'value="ann"' in refused.text
        assert "short<" not in refused.text
        assert stranger.post("/set-up", data={**form, "password": PASSWORD}).status_code == 303

    def test_over_https_the_cookie_is_secure(self, closed_house):
        secure = Caller(build(closed_house, lambda: NOW, hosts=frozenset()), base="https://127.0.0.1")
        assert "secure" in self.signed_in(secure, closed_house).headers["set-cookie"].lower()

    def test_a_wrong_password_is_told_without_telling_which_part_was_wrong(self, stranger, closed_house):
        self.signed_in(stranger, closed_house)
        other = Caller(stranger.app)
        answers = [other.post("/sign-in", data={"name": name, "password": "wrong and long"}) for name in ("ann", "eve")]
        assert [a.status_code for a in answers] == [401, 401]
        assert answers[0].text.replace("ann", "eve") == answers[1].text

    def test_signing_in_leads_back_and_signing_out_ends_it(self, stranger, closed_house):
        self.signed_in(stranger, closed_house)
        browser = Caller(stranger.app)
        answer = browser.post("/sign-in", data={"name": "ann", "password": PASSWORD, "back": "/journal"})
        assert answer.headers["location"] == "/journal"
        assert browser.get("/journal").status_code == 200
        kept = dict(browser.cookies)
        assert browser.post("/sign-out", data={"csrf": self.csrf(browser)}).status_code == 303
        browser.cookies.update(kept)
        assert browser.get("/journal").status_code == 303

    def test_a_form_without_the_sessions_secret_changes_nothing(self, stranger, closed_house):
        self.signed_in(stranger, closed_house)
        form = {"name": "agent", "scope": "ingest", "days": "30"}
        assert stranger.post("/tokens", data=form).status_code == 403
        assert stranger.post("/tokens", data={**form, "csrf": "0" * 64}).status_code == 403
        assert "There is no token yet" in stranger.get("/tokens").text

    def test_a_token_is_shown_once_and_can_be_revoked(self, stranger, closed_house):
        self.signed_in(stranger, closed_house)
        form = {"name": "agent", "scope": ["ingest", "see"], "days": "30", "csrf": self.csrf(stranger)}
        made = stranger.post("/tokens", data=form)
        secret = re.search(r"nines_[A-Za-z0-9_-]{20,}", made.text)[0]
        assert people.identify(closed_house, session=None, token=secret, loopback=False, now=NOW).deeds == {
            "ingest",
            "see",
        }
        again = stranger.get("/tokens").text
        assert secret not in again
        prefix = re.search(r'name="name" value="(nines_[^"]+)"', again)[1]
        assert stranger.post("/tokens/revoke", data={"name": prefix, "csrf": form["csrf"]}).status_code == 303
        assert "revoked" in stranger.get("/tokens").text

    def test_a_token_form_with_mistakes_says_so(self, stranger, closed_house):
        self.signed_in(stranger, closed_house)
        csrf = self.csrf(stranger)
        for form in ({"name": "a", "days": "x", "scope": "see"}, {"name": "", "scope": "see"}, {"name": "a"}):
            answer = stranger.post("/tokens", data={**form, "csrf": csrf})
            assert answer.status_code == 400
            assert 'class="error"' in answer.text

    def test_a_viewer_sees_standings_and_not_the_journal(self, stranger, closed_house):
        people.add_person(closed_house, local_principal("default"), "bob", PASSWORD, role="viewer", now=NOW)
        browser = Caller(stranger.app)
        browser.post("/sign-in", data={"name": "bob", "password": PASSWORD})
        assert browser.get("/").status_code == 200
        assert browser.get("/journal").status_code == 403


class TestRecording:
    def test_an_exclusion_and_a_note_from_their_forms_are_on_record(self, tmp_path):
        from pages.house_of_shop import furnish

        caller = Caller(build(furnish(tmp_path), lambda: NOW, hosts=frozenset()))
        back = "/objectives/edge%4030d"
        form = {
            "name": "fibre",
            "start": "2026-11-20T00:00:00Z",
            "end": "2026-11-20T01:00:00Z",
            "objective": "edge",
            "mode": "drop-events",
            "back": back,
        }
        assert caller.post("/exclusions", data=form).headers["location"] == back
        assert (
            caller.post("/annotations", data={"subject": "edge", "text": "a digger", "back": back}).status_code == 303
        )
        words = text_of(caller.get(back).text)
        assert "fibre" in words
        assert "a digger" in words
        assert caller.post("/exclusions", data={**form, "start": "noon"}).status_code == 400


def test_the_order_of_a_row_is_json_that_a_script_can_read(visitor):
    found = re.findall(r'data-order="([^"]+)"', visitor.get("/").text)
    orders = [json.loads(text.replace("&#34;", '"')) for text in found]
    assert {"sli", "left", "burn1h"} <= set(orders[0])
