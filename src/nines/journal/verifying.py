"""Verifying: whether a journal is what was recorded, fact by fact.

One rule: every row that was changed, removed or inserted is named, the first one first. What cannot be seen from the
journal alone, because whoever changed it wrote every later hash anew as well, is left to copies and checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nines.errors import Problem
from nines.journal.facts import GENESIS, Fact, Head, Payload, fact_hash, payload_hash

#: After so many problems the rest adds nothing.
MOST = 100

_COPY = "compare it with a copy"
_RESTORE = "restore it from a copy"


def verify(
    tenant: str, facts: Iterable[Fact], payloads: Mapping[int, Payload], head: Head | None = None
) -> list[Problem]:
    """Return what is wrong with a tenant's journal: each row that was changed, removed or inserted.

    Args:
        tenant: whose journal.
        facts: in order of their numbers.
        payloads: by number of their fact.
        head: where the journal ended when it was last written, or None when that is not known.

    Returns:
        Problems in the journal's order, `MOST` at most; empty when it is as it was recorded.
    """
    found: list[Problem] = []
    last = Head()
    deletions: dict[int, str] = {}
    deleted: list[tuple[str, Payload]] = []
    numbers: set[int] = set()
    for fact in facts:
        where = _where(tenant, fact.number)
        numbers.add(fact.number)
        found += _link_problems(where, fact, last)
        payload = payloads.get(fact.number)
        found += _payload_problems(where, fact, payload)
        if payload is not None and payload.body is None:
            deleted.append((where, payload))
        if fact.kind == "payload.deleted" and payload is not None and payload.body is not None:
            deletions[_number(payload.body.get("number"))] = str(payload.body.get("rule", ""))
        if fact.number > last.number:
            last = Head(fact.number, fact.hash)
    found += _deletion_problems(tenant, deleted, deletions, payloads)
    end = max(last.number, head.number if head is not None else 0)  # up to there a missing fact is told of below
    found += [
        _problem(_where(tenant, number), "a payload stands without its fact", "payload-alone")
        for number in sorted(payloads.keys() - numbers)
        if not 0 < number <= end
    ]
    found += [] if head is None else _end_problems(tenant, last, head)
    return found[:MOST]


def _where(tenant: str, number: int) -> str:
    return f"journal {tenant} fact {number}"


def _problem(where: str, what: str, code: str, fix: str = _COPY) -> Problem:
    return Problem(where, what, fix, code=code)


def _link_problems(where: str, fact: Fact, last: Head) -> list[Problem]:
    """Return how a fact breaks the chain, by its place in it and by itself."""
    found = []
    due = last.number + 1
    if fact.number > due:
        gap = f"fact {due} is missing" if fact.number == due + 1 else f"facts {due} to {fact.number - 1} are missing"
        found.append(_problem(where, f"{gap} before it", "journal-gap", _RESTORE))
    elif fact.number < due:
        found.append(_problem(where, f"it was inserted: number {due} was due", "journal-inserted"))
    elif fact.previous != last.hash:
        before = "the beginning" if last.hash == GENESIS else f"fact {last.number} as it stands"
        what = f"it does not follow {before}: one of the two was changed, or something was put between them"
        found.append(_problem(where, what, "journal-broken"))
    own = fact_hash(
        number=fact.number, tenant=fact.tenant, at=fact.at, author=fact.author, kind=fact.kind, subject=fact.subject,
        payload=fact.payload_hash, previous=fact.previous,
    )  # fmt: skip
    if own != fact.hash:
        found.append(_problem(where, "it was changed after it was recorded", "journal-changed"))
    return found


def _payload_problems(where: str, fact: Fact, payload: Payload | None) -> list[Problem]:
    if payload is None:
        return [_problem(where, "its payload is missing", "payload-missing", _RESTORE)]
    if payload.body is not None and payload_hash(payload.salt, payload.body) != fact.payload_hash:
        return [_problem(where, "its payload was changed after it was recorded", "payload-changed")]
    return []


def _deletion_problems(
    tenant: str, deleted: list[tuple[str, Payload]], deletions: Mapping[int, str], payloads: Mapping[int, Payload]
) -> list[Problem]:
    """Return payloads that are gone without a fact that says under which rule, and those said to be gone that stand."""
    found = []
    for where, payload in deleted:
        rule = deletions.get(payload.number)
        if rule is None:
            what = "its payload was deleted, and no fact says under which rule"
            found.append(_problem(where, what, "payload-missing", _RESTORE))
        elif rule != payload.deleted_under:
            what = f"its payload was deleted under rule {rule!r}, not {payload.deleted_under!r}"
            found.append(_problem(where, what, "payload-rule"))
    for number in deletions:
        held = payloads.get(number)
        if held is not None and (held.body is not None or held.salt):
            what = "its payload is said to be deleted, and is there"
            found.append(_problem(_where(tenant, number), what, "payload-back", "delete it again"))
    return found


def _end_problems(tenant: str, last: Head, head: Head) -> list[Problem]:
    """Return how the last fact differs from the one the journal ended with: a cut tail breaks no link."""
    where = _where(tenant, min(last.number, head.number) + 1)
    if last.number < head.number:
        missing = f"{head.number - last.number} at the end"
        what = "it is missing, the last one" if head.number == last.number + 1 else f"it is missing, like all {missing}"
        return [_problem(where, what, "journal-gap", _RESTORE)]
    if last.number > head.number:
        return [_problem(where, f"it was inserted: the journal ended with fact {head.number}", "journal-inserted")]
    if last.hash != head.hash:
        what = "it is not the fact that the journal ended with"
        return [_problem(_where(tenant, last.number), what, "journal-changed")]
    return []


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
