"""Rows that beacons become, and what is common to all rows of one beacon."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, NoReturn

import pyarrow as pa

from nines.protocols.rum_sender import LONGEST_PATH, Sender, device, place, synthetic

#: Attributes: what a row is (`vital`, `load`, `error`, `event`, `log`, `fetch`, `span`, `measure`), and what of.
KIND, METRIC, RATING, NAVIGATION, DEVICE = "rum", "metric", "rating", "navigation_type", "device"
PAGE, PATH, SYNTHETIC, CLIENT_TIME, REPLACES = "page", "path", "synthetic", "client_time", "replaces"
#: Characters kept of a text, of an id, and the attributes a sender may add to one row.
LONGEST, LONGEST_ID, MOST_ATTRIBUTES = 512, 128, 24
#: Characters kept of an address before it is taken apart.
LONGEST_URL = 2048
#: No page took longer than a day, milliseconds.
LONGEST_MS = 86_400_000
_INT64 = 2**63
_UTC = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("time", _UTC), ("service", pa.string()), ("operation", pa.string()), ("http_status", pa.int64()),
        ("duration_ms", pa.float64()), ("session", pa.string()), ("weight", pa.float64()), ("weight_num", pa.int64()),
        ("weight_den", pa.int64()), ("version", pa.string()), ("region", pa.string()), ("state", pa.string()),
        ("value", pa.float64()), ("id", pa.string()), ("trace", pa.string()), ("parent", pa.string()),
        ("kind", pa.string()), ("attributes", pa.map_(pa.string(), pa.string())),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """What all rows of a beacon share.

    Attributes:
        sender: who sent it.
        url: address of the page as the beacon says, or "".
        route: route of the page as the beacon says, or "".
        session: user session, or "".
        service: name of the application, or "".
        version: version of the application, or "".
        client_time: the browser's own stamp, as it wrote it, or "".
        machine: whether the beacon itself says that no person sat there.
        rate: share of sessions that is measured, or None when nobody said.
    """

    sender: Sender
    url: str = ""
    route: str = ""
    session: str = ""
    service: str = ""
    version: str = ""
    client_time: str = ""
    machine: bool = False
    rate: Fraction | None = None


@dataclass(slots=True)
class Row:
    """One row, as far as it differs from the others of its beacon; see the event columns."""

    kind: str
    metric: str = ""
    value: float | None = None
    duration: float | None = None
    state: str | None = None
    status: int | None = None
    id: str | None = None
    trace: str | None = None
    parent: str | None = None
    span_kind: str | None = None
    operation: str = ""
    url: str = ""
    route: str = ""
    rate: Fraction | None = None
    client_time: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Rows:
    """Rows of one beacon or many.

    Attributes:
        now_us: when the beacons came, UTC microseconds: the time of every row.
        cells: cells of each row, in the order of the event table's columns after the time.
        counted: rows taken, those replaced later among them.
    """

    now_us: int
    cells: list[tuple[Any, ...] | None] = field(default_factory=list)
    counted: int = 0
    _by_id: dict[str, int] = field(default_factory=dict)

    def add(self, page: Page, row: Row) -> None:
        """Take a row; one with the id of an earlier row takes its place."""
        self.counted += 1
        if row.id is not None:
            before = self._by_id.get(row.id)
            if before is not None:
                self.cells[before] = None
            self._by_id[row.id] = len(self.cells)
        self.cells.append(_cells(page, row))

    def table(self) -> pa.Table:
        """Return the rows as event columns."""
        kept = [cells for cells in self.cells if cells is not None]
        time = pa.array([self.now_us] * len(kept), pa.int64()).cast(_UTC)
        *columns, held = zip(*kept, strict=True) if kept else [()] * (len(_SCHEMA) - 1)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, list(_SCHEMA)[1:-1], strict=True)]
        return pa.Table.from_arrays([time, *arrays, _map(held)], schema=_SCHEMA)


def _map(held: Iterable[Mapping[str, str]]) -> pa.Array:
    """Return a map for each row, put together from its flat parts: several times faster than from pairs."""
    names: list[str] = []
    texts: list[str] = []
    offsets = [0]
    for attributes in held:
        names += attributes
        texts += attributes.values()
        offsets.append(len(names))
    flat = (pa.array(offsets, pa.int32()), pa.array(names, pa.string()), pa.array(texts, pa.string()))
    return pa.MapArray.from_arrays(*flat)


def _cells(page: Page, row: Row) -> tuple[Any, ...]:
    sender = page.sender
    agent = sender.user_agent[:LONGEST]
    address, path = place((row.url or page.url)[:LONGEST_URL])
    route = sender.routes.route(path) if path else None
    # What the envelope says of its page need not hold for an entry with an address of its own.
    said = row.route or ("" if row.url and row.url != page.url else page.route)
    weight = _weight(row.rate or page.rate or sender.rate)
    # Whole sessions are kept or dropped, so the session is what sampling has for a unit.
    trace = page.session if weight[1] != weight[2] and page.session else row.trace
    own = (
        (KIND, row.kind), (METRIC, row.metric), (PAGE, address), (PATH, path), (DEVICE, device(agent)),
        (CLIENT_TIME, row.client_time or page.client_time), (REPLACES, "" if row.id is None else "true"),
        (SYNTHETIC, "true" if sender.marked or page.machine or synthetic(agent) else ""),
    )  # fmt: skip
    attributes = {**row.attributes, **{name: value for name, value in own if value}}
    return (
        page.service or None, row.operation or route or said or path or None, row.status, row.duration,
        page.session or None, *weight, page.version or None, sender.region or None, row.state, row.value, row.id,
        trace, row.parent, row.span_kind, attributes,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _weight(rate: Fraction | None) -> tuple[float | None, int | None, int | None]:
    if rate is None:
        return None, None, None
    weight = 1 / rate
    return float(weight), weight.numerator, weight.denominator


def text(value: object, longest: int = LONGEST) -> str:
    """Return a text that can be stored, cut to its longest, or "" for anything but texts and whole numbers.

    Half a surrogate pair and NUL, which JSON may hold, become U+FFFD.

    Example:
        >>> text("a" * 600) == "a" * 512, text(None), text(17)
        (True, '', '17')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        cut = value if len(value) <= longest else value[:longest]
        return cut if cut.isascii() and "\0" not in cut else _storable(cut)
    whole = isinstance(value, int) and not isinstance(value, bool) and -_INT64 < value < _INT64
    return str(value) if whole else ""


def texts(value: object) -> dict[str, str]:
    """Return a JSON object's texts and numbers by name, the first `MOST_ATTRIBUTES` of them."""
    if not isinstance(value, dict):
        return {}
    named = ((text(name, 64), number_text(held)) for name, held in value.items())
    return dict([(name, held) for name, held in named if name and held][:MOST_ATTRIBUTES])


def number_text(value: object) -> str:
    """Return a text or any JSON number or truth value as text, else ""."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) and math.isfinite(value) else text(value)


def mapping(value: object) -> dict[str, object]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def number(value: object, name: str) -> float:
    """Return a finite JSON number.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(f"its {name} is no number")
    if not -_INT64 < value < _INT64:
        refuse(f"its {name} is no finite number")
    return float(value)


def elapsed(value: object, name: str = "value") -> float:
    """Return milliseconds from 0 to a day.

    Raises:
        ValueError: it is something else.
    """
    found = number(value, name)
    if not 0 <= found <= LONGEST_MS:
        refuse(f"its {name} {found:g} cannot be")
    return found


def rate_of(value: object) -> Fraction | None:
    """Return a sampling rate as its decimal is written, or None where there is none.

    Raises:
        ValueError: it is not above 0 and up to 1.

    Example:
        >>> rate_of(0.3)
        Fraction(3, 10)
    """
    return None if value is None else _exact_rate(number(value, "rate"))


@lru_cache(maxsize=1024)
def _exact_rate(found: float) -> Fraction:
    # The shortest decimal of a double is what the page wrote.
    exact = Fraction(repr(found))
    if not 0 < exact <= 1 or exact.denominator >= _INT64:
        refuse(f"its rate {found:g} is not above 0 and up to 1")
    return exact


def identity(value: object) -> str:
    """Return the id of a measurement.

    Raises:
        ValueError: there is none, or it is longer than `LONGEST_ID`.
    """
    if not isinstance(value, str) or not value or len(value) > LONGEST_ID:
        refuse(f"it has no id of up to {LONGEST_ID} characters")
    return text(value, LONGEST_ID)


def path_text(value: object) -> str:
    """Return a route a page gives itself, without what follows a "?" or "#"."""
    if value is None:
        return ""
    return text(value, LONGEST_PATH).partition("?")[0].partition("#")[0]


def refuse(why: str) -> NoReturn:
    """Refuse one measurement; its neighbours are kept."""
    raise ValueError(why)


def _storable(value: str) -> str:
    return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
