"""One person, several tenants: each gives its own role, and those that give none are not there."""

import re

import pytest

from nines.api.app import build
from nines.errors import InputError, NotFoundError
from nines.operations import people
from nines.operations.house import local_principal, open_house
from nines.pages import app as pages
from nines.people.rights import Principal
from pages.caller import Caller
from pages.house_of_shop import NOW

V1 = "/api/nines/v1"
PASSWORD = "four small words here"


@pytest.fixture
def house(tmp_path):
    """Ann is an admin of shop and may look at bank; vault knows nothing of her."""
    house = open_house(tmp_path, now=NOW)
    people.add_person(house, local_principal("shop"), "ann", PASSWORD, role="admin", now=NOW)
    for tenant in ("bank", "vault"):
        people.add_person(house, local_principal(tenant), "eve", PASSWORD + tenant, role="admin", now=NOW)
    people.join(house, local_principal("bank", house), "ann", home="shop", role="viewer", now=NOW)
    return house


@pytest.fixture
def ann(house):
    app = build(house, lambda: NOW, hosts=frozenset())
    app.mount("/", pages.build(house, lambda: NOW, hosts=frozenset()))
    caller = Caller(app)
    assert caller.post("/sign-in", data={"name": "ann", "password": PASSWORD}).status_code == 303
    return caller


def csrf(caller):
    return re.search(r'name="csrf" content="([0-9a-f]+)"', caller.get("/").text)[1]


def test_a_guest_has_in_each_tenant_the_role_it_gave(ann):
    at_home = ann.get(f"{V1}/me").json()
    assert (at_home["tenant"], at_home["tenants"]) == ("shop", ["bank", "shop"])
    assert "define" in at_home["deeds"]
    for away in (ann.get(f"{V1}/me?tenant=bank"), ann.get(f"{V1}/me", headers={"Nines-Tenant": "bank"})):
        assert (away.json()["tenant"], away.json()["deeds"]) == ("bank", ["see"])


def test_a_tenant_that_gave_no_role_is_answered_like_one_that_is_not_there(ann):
    real, invented = (ann.get(f"{V1}/standings?tenant={t}") for t in ("vault", "nowhere"))
    assert real.status_code == invented.status_code == 404
    assert real.text.replace("vault", "") == invented.text.replace("nowhere", "")


def test_the_menu_chooses_the_tenant_and_offers_no_other(ann):
    page = ann.get("/").text
    assert re.findall(r"<option( selected)?>(bank|shop|vault)", page) == [("", "bank"), (" selected", "shop")]
    assert ann.post("/tenant", data={"tenant": "vault", "csrf": csrf(ann)}).status_code == 404
    assert ann.post("/tenant", data={"tenant": "bank", "csrf": csrf(ann)}).status_code == 303
    assert "<option selected>bank" in ann.get("/").text


def test_a_form_of_one_tenant_does_nothing_once_another_was_chosen(ann):
    old = csrf(ann)
    ann.post("/tenant", data={"tenant": "bank", "csrf": old})
    assert ann.post("/annotations", data={"subject": "a", "text": "b", "csrf": old}).status_code == 403


def test_a_role_that_was_taken_away_is_gone_at_once(house, ann):
    ann.post("/tenant", data={"tenant": "bank", "csrf": csrf(ann)})
    people.leave(house, local_principal("bank"), "ann", home="shop", now=NOW)
    assert ann.get(f"{V1}/me?tenant=bank").status_code == 404
    assert ann.get("/").status_code == 200
    assert ann.get(f"{V1}/me").json()["tenants"] == ["shop"]


def test_who_cannot_speak_for_a_tenant_is_told_of_none_of_its_people(house):
    eve = Principal("person", "eve", "vault", frozenset({"manage-people"}), ("vault",))
    told = []
    for name in ("ann", "nobody"):
        with pytest.raises(NotFoundError) as refused:
            people.join(house, eve, name, home="shop", role="admin", now=NOW)
        told.append(str(refused.value).replace(name, ""))
    assert told[0] == told[1]
    assert [m["name"] for m in people.members(house, eve)] == ["eve"]


def test_a_role_that_is_none_and_a_guest_at_home_are_told_together(house):
    with pytest.raises(InputError) as refused:
        people.join(house, local_principal("shop", house), "ann", home="shop", role="king", now=NOW)
    assert {p.code for p in refused.value.problems} == {"bad-role", "at-home"}


def test_a_second_time_changes_the_role_and_the_journal_tells_of_both(house):
    bank = local_principal("bank", house)
    people.join(house, bank, "ann", home="shop", role="auditor", now=NOW)
    assert people.members(house, bank)[1] == {"name": "ann", "of": "shop", "role": "auditor"}
    told = house.store.told("bank", kinds=("person.joined",))
    assert [said["role"] for _, said in told] == ["viewer", "auditor"]
    assert house.store.verify("bank")[1] == []


def test_a_token_speaks_for_its_own_tenant_alone(house, ann):
    secret = people.make_token(house, local_principal("shop"), "ci", scopes=("see",), days=1, now=NOW).secret
    sent = {"Authorization": f"Bearer {secret}"}
    assert ann.get(f"{V1}/me?tenant=shop", headers=sent).json()["tenants"] == ["shop"]
    assert ann.get(f"{V1}/me?tenant=bank", headers=sent).status_code == 404


def test_on_this_machine_in_an_open_house_all_tenants_may_be_chosen(tmp_path):
    house = open_house(tmp_path, now=NOW, open_on_loopback=True)
    people.add_person(house, local_principal("shop"), "ann", PASSWORD, role="viewer", now=NOW)
    caller = Caller(build(house, lambda: NOW, hosts=frozenset()))
    assert caller.get(f"{V1}/me").json()["tenants"] == ["default", "shop"]
    assert caller.get(f"{V1}/me?tenant=shop").json()["tenant"] == "shop"
    assert caller.get(f"{V1}/me?tenant=nowhere").status_code == 404
