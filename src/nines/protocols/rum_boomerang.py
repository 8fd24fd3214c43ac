"""What Boomerang sends: one page load, or one request of a page, as a query string or a form.

Source: boomerang.js, plugins/rt.js and plugins/early.js of akamai/boomerang, version 1.815
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from nines.protocols.rum_rows import LONGEST_URL, NAVIGATION, Page, Row, elapsed, identity, refuse, text
from nines.protocols.rum_sender import Sender

#: Fields of a form at most.
MOST_FIELDS = 500
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)
_STATUS = re.compile(r"[1-5]\d\d", re.ASCII)
#: Times that stand beside the load: their fields, and the attributes they become.
_BESIDE = {"t_resp": "t_resp", "t_page": "t_page", "pt.fcp": "fcp", "pt.lcp": "lcp"}
_LEFT_OUT = {
    "early": "an early beacon, which the one of the whole load follows: left out",
    "rt.quit": "the end of a page whose load was told before: left out",
    "interaction": "an interaction after the load: left out",
}


def fields_of(body: bytes) -> dict[str, str]:
    """Return the fields of a query string or form; of one given twice the last stands.

    Raises:
        ValueError: there are too many, or none that Boomerang always sends.
    """
    found = parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    named = {name: text(value, LONGEST_URL) for name, value in found}
    if "u" not in named and "t_done" not in named:
        refuse("it is neither JSON nor a form with u or t_done")
    return named


def page_of(fields: dict[str, str], sender: Sender) -> Page:
    """Return what a beacon says of its page."""
    return Page(
        sender, url=fields.get("pgu") or fields.get("u", ""), session=fields.get("rt.si", "")[:128],
        client_time=fields.get("rt.end", "")[:64],
    )  # fmt: skip


def row_of(fields: dict[str, str]) -> Row | str:
    """Return the row of a beacon, or why it is left out, although it is well-formed.

    Raises:
        ValueError: it is malformed.
    """
    initiator, quit_early = fields.get("http.initiator", ""), "rt.abld" in fields
    why = next((n for n in ("early", "rt.quit") if n in fields and not quit_early), initiator)
    if why in _LEFT_OUT:
        return _LEFT_OUT[why]
    page, number = fields.get("pid", ""), fields.get("n", "")
    own_id = identity("/".join((fields.get("rt.si", ""), page, number))) if page and number else None
    if initiator == "error":
        return Row("error", state="error", id=own_id)
    took = _milliseconds(fields, "t_done") if "t_done" in fields or not quit_early else None
    errno = fields.get("http.errno", "")
    return Row(
        "fetch" if initiator == "xhr" else "load", value=took, duration=took, id=own_id,
        state="abandoned" if quit_early else "error" if errno else "ok",
        status=int(errno) if _STATUS.fullmatch(errno) else None, attributes=_attributes(fields, initiator),
    )  # fmt: skip


def _attributes(fields: dict[str, str], initiator: str) -> dict[str, str]:
    beside = {name: f"{_milliseconds(fields, key):g}" for key, name in _BESIDE.items() if fields.get(key)}
    ways = {"": "navigate", "spa": "soft-navigation", "spa_hard": "navigate", "bfcache": "back-forward-cache"}
    return beside | ({NAVIGATION: ways[initiator]} if initiator in ways else {})


def _milliseconds(fields: dict[str, str], name: str) -> float:
    given = fields.get(name, "")
    if not _NUMBER.fullmatch(given):
        refuse(f"its {name} {given[:20]!r} is no number of milliseconds")
    return elapsed(float(given), name)
