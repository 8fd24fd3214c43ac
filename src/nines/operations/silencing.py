"""Silences: messages that nobody is told for a while; alerts go on being judged, and what is silenced is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from nines.alerting.routing import Match, Silence
from nines.errors import InputError, NotFoundError, Problem
from nines.journal.folds import Told
from nines.operations.house import House
from nines.people.rights import Principal, require
from nines.reading import instant
from nines.spans import Span

#: Longest silence; a longer one is an objective that nobody wants.
LONGEST = timedelta(days=30)
COLUMNS = ("name", "matches", "from", "to", "author", "reason")
_KINDS = ("silence.made", "silence.ended")


def silence(
    house: House, who: Principal, name: str, matches: Mapping[str, str], span: Span, reason: str, *, now: datetime
) -> Silence:
    """Silence messages for a while.

    Args:
        house: whose.
        who: who asks for it.
        name: within the tenant; one of that name that is not over is replaced.
        matches: name (service, objective, kind, severity or a label) -> value; a value may end in *.
        span: when.
        reason: why, for those who wonder.
        now: present instant.

    Raises:
        InputError: it matches nothing in particular, has no reason, is over already, or too long.
    """
    require(who, "alert")
    wrong = []
    if not matches:
        wrong.append(Problem("match", "it would silence everything", "name what to silence", code="bad-silence"))
    if not reason.strip():
        wrong.append(Problem("reason", "it has no reason", "say why, for those who wonder", code="bad-silence"))
    if span.end <= now:
        wrong.append(Problem("to", "it is over already", "choose a later end", code="bad-silence"))
    if span.length > LONGEST:
        wrong.append(Problem("to", "it is longer than 30 days", "change the definition instead", code="bad-silence"))
    if wrong:
        raise InputError(*wrong)
    made = Silence(name, tuple(Match(k, (v,)) for k, v in sorted(matches.items())), span, who.name, reason.strip())
    with house.store.deed(who.tenant, who.name, now) as deed:
        deed.tell("silence.made", f"silence {name}", _payload(made))
    return made


def end_silence(house: House, who: Principal, name: str, *, now: datetime) -> None:
    """End a silence early.

    Args:
        house: whose.
        who: who asks for it.
        name: of the silence.
        now: present instant.

    Raises:
        NotFoundError: there is none of that name that is not over.
    """
    require(who, "alert")
    if all(s.name != name for s in silences(house, who.tenant, at=now)):
        raise NotFoundError(
            Problem(name, "there is no such silence", "`nines silence list` lists them", code="no-silence")
        )
    with house.store.deed(who.tenant, who.name, now) as deed:
        deed.tell("silence.ended", f"silence {name}", {"name": name})


def silences(house: House, tenant: str, *, at: datetime) -> list[Silence]:
    """Return the silences on record that are not over at an instant, by name.

    Args:
        house: whose.
        tenant: owner.
        at: present instant.
    """
    known = _fold(house.store.told(tenant, kinds=_KINDS))
    return [s for _, s in sorted(known.items()) if s.span.end > at]


def listed(house: House, who: Principal, *, now: datetime) -> list[Silence]:
    """Return the silences that are not over, by name; see `silences`."""
    require(who, "see")
    return silences(house, who.tenant, at=now)


def matches_of(texts: Iterable[str]) -> dict[str, str]:
    """Return what a silence matches, from texts as "team=shop".

    Args:
        texts: name, "=" and value each; a value may end in *.

    Raises:
        InputError: one is not of that form.

    Example:
        >>> matches_of(["team=shop", "kind=fired"])
        {'team': 'shop', 'kind': 'fired'}
    """
    parted = [(text, *text.partition("=")) for text in texts]
    wrong = [
        Problem("match", f"{text!r} has no value", "write it like team=shop", code="bad-silence")
        for text, name, equals, value in parted
        if not (name.strip() and equals and value.strip())
    ]
    if wrong:
        raise InputError(*wrong)
    return {name.strip(): value.strip() for _, name, _, value in parted}


def silence_json(made: Silence) -> dict[str, Any]:
    """Return a silence as JSON values."""
    return {
        "name": made.name, "matches": {m.name: list(m.values) for m in made.matches},
        "from": made.span.start.isoformat().replace("+00:00", "Z"),
        "to": made.span.end.isoformat().replace("+00:00", "Z"), "author": made.author, "reason": made.reason,
    }  # fmt: skip


def silence_row(made: Silence) -> dict[str, object]:
    """Return a silence as a line of a table."""
    matches = " ".join(f"{m.name}={'|'.join(m.values)}" for m in made.matches)
    span = {"from": f"{made.span.start:%Y-%m-%d %H:%M}", "to": f"{made.span.end:%Y-%m-%d %H:%M}"}
    return {"name": made.name, "matches": matches, **span, "author": made.author, "reason": made.reason}


def _fold(told: Iterable[Told]) -> dict[str, Silence]:
    found: dict[str, Silence] = {}
    for fact, payload in told:
        found.pop(payload["name"], None)
        if fact.kind == "silence.made":
            found[payload["name"]] = _silence_of(payload, fact.author)
    return found


def _payload(made: Silence) -> dict[str, Any]:
    return {
        "name": made.name,
        "matches": [[m.name, list(m.values)] for m in made.matches],
        "span": [made.span.start.isoformat(), made.span.end.isoformat()],
        "reason": made.reason,
    }


def _silence_of(payload: Mapping[str, Any], author: str) -> Silence:
    matches = tuple(Match(name, tuple(values)) for name, values in payload["matches"])
    start, end = payload["span"]
    return Silence(payload["name"], matches, Span(instant(start), instant(end)), author, payload["reason"])
