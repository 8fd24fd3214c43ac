"""Beacons that browsers send about what users had: web-vitals, our own module, Faro and Boomerang, as events.

A browser's clock is never trusted: every row has the time its beacon came, and the browser's own stamp is only kept
beside it. Durations are differences within one browser and stand as they are. What a web vital is worth may be told
again and again under one id, and the last report counts; nothing may ever be added up over reports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from nines.protocols import rum_boomerang, rum_faro, rum_page
from nines.protocols.refusal import BAD_REQUEST, Refused
from nines.protocols.rum_rows import Page, Row, Rows, mapping, refuse, text
from nines.protocols.rum_sender import Routes, Sender
from nines.protocols.rum_vitals import VITALS, Vital

#: Bytes of a beacon: what browsers let a page send while it goes away.
MOST_BYTES = 1 << 16
#: Rows of one beacon.
MOST_ROWS = 2000
#: Values of one measurement.
MOST_VALUES = 32
#: Malformed entries told in full.
TOLD = 5
#: What each kind of sender expects as the answer to what was taken.
_ANSWERS = {"page": 204, "boomerang": 204, "faro": 202}


@dataclass(slots=True)
class Beacon:
    """What one beacon was, beside its rows.

    Attributes:
        form: "page" (web-vitals and our module), "faro" or "boomerang".
        taken: rows taken.
        refused: entries that are malformed; the others are kept.
        left_out: entries that are well-formed and count nothing.
        problems: why entries were refused, the first few and how many more.
        notes: why entries were left out, each reason once.
    """

    form: str
    taken: int = 0
    refused: int = 0
    left_out: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def status(self) -> int:
        """HTTP status of the answer: a refusal only where nothing of the beacon could be used."""
        return BAD_REQUEST if self.refused and not self.taken and not self.left_out else _ANSWERS[self.form]


def decode(body: bytes, sender: Sender, *, now_us: int) -> tuple[pa.Table, Beacon]:
    r"""Return a beacon's rows as event columns, and what else is to be said of it.

    Args:
        body: JSON of web-vitals, of our module or of Faro, not compressed, or a form or query string of Boomerang. The
            content type says nothing: browsers send JSON as text/plain to be spared a question beforehand.
        sender: what is known of who sent it.
        now_us: when it came, UTC microseconds: the time of all its rows.

    Raises:
        Refused: there are more than `MOST_BYTES` bytes, or they are no beacon at all.

    Example:
        >>> metric = b'{"name":"LCP","value":2600.5,"id":"v6-1772323200000-1234567890123","navigationType":"navigate"}'
        >>> events, beacon = decode(b"[" + metric + b',{"name":"LCP"}]', Sender(), now_us=0)
        >>> dict(events["attributes"].to_pylist()[0])["rating"], events["value"].to_pylist(), beacon.problems
        ('needs-improvement', [2600.5], ['entry 2: its value is no number'])
    """
    rows = Rows(now_us)
    beacon = take(body, sender, rows)
    return rows.table(), beacon


def decode_many(beacons: Iterable[tuple[bytes, Sender]], *, now_us: int) -> tuple[pa.Table, list[Beacon | Refused]]:
    """Return the rows of beacons of one source that came together in one table, several times faster than one by one.

    Args:
        beacons: body and sender of each, as for `decode`.
        now_us: when they came, UTC microseconds.
    """
    rows = Rows(now_us)
    found: list[Beacon | Refused] = []
    for body, sender in beacons:
        try:
            found.append(take(body, sender, rows))
        except Refused as refused:
            found.append(refused)
    return rows.table(), found


def take(body: bytes, sender: Sender, rows: Rows) -> Beacon:
    """Add the rows of a beacon to others; see `decode`.

    Raises:
        Refused: it is too large, or no beacon at all; nothing was added.
    """
    if len(body) > MOST_BYTES:
        raise Refused(BAD_REQUEST, f"a beacon of {len(body):,} bytes; up to {MOST_BYTES:,} are taken")
    stripped = body.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    try:
        if stripped[:1] in {b"{", b"["}:
            form, page, entries = _json(stripped, sender)
        else:
            form, fields = "boomerang", rum_boomerang.fields_of(stripped)
            page, entries = rum_boomerang.page_of(fields, sender), iter([("", fields)])
    except ValueError as error:
        raise Refused(BAD_REQUEST, f"the body is no beacon: {error}") from None
    beacon = Beacon(form)
    _gather(entries, page, rows, beacon)
    return beacon


_Entries = Iterator[tuple[str, object]]


def _json(body: bytes, sender: Sender) -> tuple[str, Page, _Entries]:
    try:
        # `NaN` and `Infinity` are no JSON, but one of them spoils only the entry it stands in.
        found = json.loads(body, parse_constant=lambda _: None)
    except UnicodeDecodeError:
        refuse("it is not UTF-8")
    except json.JSONDecodeError as error:
        refuse(f"it is not JSON ({error.msg} at byte {error.pos:,})")
    except (RecursionError, ValueError):
        refuse("it is JSON nested too deeply, or with a number too long")
    if isinstance(found, dict) and any(part in found for part in ("meta", *rum_faro.PARTS)) and "metrics" not in found:
        return "faro", rum_faro.page_of(mapping(found.get("meta")), sender), rum_faro.entries_of(found)
    entries = rum_page.entries_of(found)
    return "page", rum_page.page_of(found, sender), (("", entry) for entry in entries)


def _gather(entries: _Entries, page: Page, rows: Rows, beacon: Beacon) -> None:
    """Add the rows of all entries that are well-formed."""
    for number, (part, entry) in enumerate(entries, 1):
        try:
            for row in _rows(beacon, part, entry):
                if isinstance(row, str):
                    beacon.left_out += 1
                    if row not in beacon.notes:
                        beacon.notes.append(row)
                else:
                    rows.add(page, row)
                    beacon.taken += 1
        except ValueError as error:
            beacon.refused += 1
            if beacon.refused <= TOLD:
                where = f"{part} {number:,}" if part else f"entry {number:,}"
                beacon.problems.append(f"{where}: {error}")
    if beacon.refused > TOLD:
        beacon.problems.append(f"and {beacon.refused - TOLD:,} more")


def _rows(beacon: Beacon, part: str, entry: object) -> list[Row | str]:
    """Return the rows of one entry, all of them or none."""
    if beacon.taken >= MOST_ROWS:
        refuse(f"there are more than {MOST_ROWS:,} in one beacon")
    if beacon.form == "boomerang":
        return [rum_boomerang.row_of({name: text(value, 2048) for name, value in mapping(entry).items()})]
    if beacon.form == "page":
        return [rum_page.row_of(entry)]
    if len(mapping(mapping(entry).get("values"))) > MOST_VALUES:
        refuse(f"it has more than {MOST_VALUES} values")
    return rum_faro.rows_of(part, entry)


__all__ = ["VITALS", "Beacon", "Routes", "Sender", "Vital", "decode", "decode_many", "take"]
