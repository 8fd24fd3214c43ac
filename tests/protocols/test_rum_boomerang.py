from urllib.parse import urlencode

import pytest

from nines.protocols.refusal import Refused
from nines.protocols.rum import Sender, decode

NOW = 1_772_323_200_000_000
LOAD = {
    "u": "https://shop.example/cart?secret=1", "v": "1.815.1", "rt.si": "4f1c-s1", "rt.ss": "1772323100000",
    "rt.sl": "2", "rt.tstart": "1772323199000", "rt.end": "1772323199900", "t_done": "900", "t_resp": "120",
    "t_page": "780", "pt.fcp": "410", "pid": "abcd1234", "n": "1", "sb": "1",
}  # fmt: skip


def read(**fields):
    given = {name.replace("__", "."): value for name, value in fields.items()}
    body = urlencode({n: v for n, v in (LOAD | given).items() if v is not None}).encode()
    events, beacon = decode(body, Sender(), now_us=NOW)
    return [row | {"attributes": dict(row["attributes"])} for row in events.to_pylist()], beacon


def test_a_page_load_is_a_row():
    (row,), beacon = read()
    assert (beacon.form, beacon.status, beacon.taken) == ("boomerang", 204, 1)
    assert (row["duration_ms"], row["state"], row["session"], row["operation"]) == (900.0, "ok", "4f1c-s1", "/cart")
    assert row["id"] == "4f1c-s1/abcd1234/1"
    assert row["time"].timestamp() * 1e6 == NOW
    assert row["attributes"] == {
        "rum": "load", "t_resp": "120", "t_page": "780", "fcp": "410", "navigation_type": "navigate", "path": "/cart",
        "page": "https://shop.example/cart", "client_time": "1772323199900", "replaces": "true",
    }  # fmt: skip


def test_requests_of_a_page_are_fetches_with_their_status():
    (row,), _ = read(http__initiator="xhr", http__errno="503")
    assert (row["attributes"]["rum"], row["state"], row["http_status"]) == ("fetch", "error", 503)


def test_a_failure_without_a_status_is_still_one():
    (row,), _ = read(http__initiator="xhr", http__errno="-998")
    assert (row["state"], row["http_status"]) == ("error", None)


def test_soft_navigations_are_named():
    (row,), _ = read(http__initiator="spa")
    assert row["attributes"]["navigation_type"] == "soft-navigation"


def test_a_page_left_before_it_was_there_is_abandoned():
    (row,), _ = read(rt__quit="", rt__abld="", t_done=None)
    assert (row["state"], row["duration_ms"]) == ("abandoned", None)


@pytest.mark.parametrize("extra", [{"early": "1"}, {"rt__quit": ""}, {"http__initiator": "interaction"}])
def test_beacons_beside_the_load_do_not_count_it_twice(extra):
    rows, beacon = read(**extra)
    assert (rows, beacon.left_out, beacon.status, len(beacon.notes)) == ([], 1, 204, 1)


@pytest.mark.parametrize("t_done", ["", "-5", "NaN", "1e3", "99999999999", "\uff11\uff12", None])
def test_a_load_time_that_cannot_be_is_refused(t_done):
    rows, beacon = read(t_done=t_done)
    assert (rows, beacon.refused, beacon.status) == ([], 1, 400)
    assert beacon.problems[0].startswith("entry 1: its t_done ")


def test_a_form_of_something_else_is_no_beacon():
    with pytest.raises(Refused, match="neither JSON nor a form"):
        decode(b"user=ann&password=x", Sender(), now_us=NOW)
