"""Answers that are kept: the same question gets the same bytes without work, and what is kept is bounded."""

from datetime import timedelta

from nines.api.app import build
from nines.api.context import Answers
from nines.operations import people
from nines.operations.house import local_principal
from pages.caller import Caller
from pages.house_of_shop import NOW, furnish

V1 = "/api/nines/v1"


def test_what_is_kept_stays_within_its_bytes_and_the_longest_unasked_goes_first():
    answers = Answers(most=10)
    for tag in ("a", "b"):
        answers.keep(tag, b"12345")
    assert answers.get("a") == b"12345"
    answers.keep("c", b"12345")
    assert [answers.get(tag) for tag in ("a", "b", "c")] == [b"12345", None, b"12345"]
    answers.keep("d", b"more than all of it")
    assert answers.get("d") is None


def test_the_same_question_gets_the_same_bytes_and_the_next_minute_gets_others(shop):
    now = [NOW]
    client = Caller(build(shop, lambda: now[0], hosts=frozenset()))

    def told(later):
        now[0] = NOW + later
        return client.get(f"{V1}/standings/checkout@30d").content

    first, again, after = (told(timedelta(seconds=s)) for s in (0, 30, 60))
    assert first == again != after


def test_who_may_not_see_gets_no_answer_that_somebody_else_was_given(tmp_path):
    house, who = furnish(tmp_path, open_on_loopback=False), local_principal("default")
    stranger = Caller(build(house, lambda: NOW, hosts=frozenset()))
    seeing, sending = (
        {"Authorization": f"Bearer {people.make_token(house, who, s, scopes=(s,), days=1, now=NOW).secret}"}
        for s in ("see", "ingest")
    )
    for path in ("", "/explain", "/scopes", "/history"):
        given = stranger.get(f"{V1}/standings/checkout@30d{path}", headers=seeing)
        assert given.status_code == 200
        known = {"If-None-Match": given.headers["etag"]}
        assert stranger.get(f"{V1}/standings/checkout@30d{path}", headers=sending | known).status_code == 403
