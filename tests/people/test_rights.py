"""Rights: who may do what, as one table to be read and held against the program."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.errors import ForbiddenError, NotFoundError, NotSignedInError
from nines.people.rights import DEEDS, ROLES, Principal, allowed, password_problems, require

COLUMNS = ("viewer", "auditor", "engineer", "manager", "admin")
TABLE = {
    "see":           "x x x x x",
    "see-artifacts": "- - x - x",
    "see-journal":   "- x x x x",
    "audit":         "- x - x x",
    "define":        "- - x - x",
    "exclude":       "- - x x x",
    "annotate":      "- - x x x",
    "close":         "- - - x x",
    "alert":         "- - x x x",
    "ingest":        "- - x - x",
    "make-token":    "- - x - x",
    "manage-people": "- - - - x",
}  # fmt: skip
CELLS = [
    (role, deed, mark == "x") for deed, row in TABLE.items() for role, mark in zip(COLUMNS, row.split(), strict=True)
]
deeds = st.frozensets(st.sampled_from(sorted(DEEDS)))


def person(role):
    return Principal("person", "ann", "acme", ROLES[role])


def test_the_table_names_every_deed_and_every_role():
    assert set(TABLE) == set(DEEDS)
    assert set(COLUMNS) == set(ROLES)


@pytest.mark.parametrize(("role", "deed", "may"), CELLS, ids=[f"{r} {d}" for r, d, _ in CELLS])
def test_a_role_may_do_what_its_column_says_and_nothing_else(role, deed, may):
    who = person(role)
    assert allowed(who, deed, "acme") is may
    assert not allowed(who, deed, "bolt")
    if may:
        require(who, deed)
        require(who, deed, "acme")
    else:
        with pytest.raises(ForbiddenError) as refused:
            require(who, deed)
        assert deed in refused.value.problems[0].fix


@pytest.mark.parametrize("deed", TABLE)
@pytest.mark.parametrize("role", COLUMNS)
def test_another_tenant_is_not_there_for_any_role(role, deed):
    with pytest.raises(NotFoundError):
        require(person(role), deed, "bolt")


@pytest.mark.parametrize("deed", TABLE)
def test_somebody_unknown_may_do_nothing(deed):
    assert not allowed(Principal.nobody(), deed, "acme")
    for tenant in (None, "", "acme"):
        with pytest.raises(NotSignedInError):
            require(Principal.nobody(), deed, tenant)


@pytest.mark.parametrize("deed", TABLE)
def test_somebody_with_the_files_in_hand_may_do_everything_in_their_tenant_only(deed):
    require(Principal.local("acme"), deed)
    assert not allowed(Principal.local("acme"), deed, "bolt")


@given(deeds, st.sampled_from(sorted(DEEDS)), st.sampled_from(["acme", "bolt", ""]))
def test_a_token_never_exceeds_its_scopes(scopes, deed, tenant):
    token = Principal("token", "ci", "acme", scopes)
    assert allowed(token, deed, tenant) == (deed in scopes and tenant == "acme")


def test_a_deed_that_nobody_knows_is_nobodys():
    for role in ROLES:
        assert not allowed(person(role), "everything", "acme")


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        ("correct horse", []),
        ("twelve chars", []),
        ("eleven char", ["password-short"]),
        ("", ["password-short"]),
        ("x" * 1024, []),
        ("x" * 1025, ["password-long"]),
        ("Wilhelmina1234", ["password-name"]),
        ("wilhelmina and more", []),
    ],
)
def test_a_password_is_judged_by_its_length_and_the_name_in_it(password, codes):
    assert [p.code for p in password_problems("wilhelmina", password)] == codes
