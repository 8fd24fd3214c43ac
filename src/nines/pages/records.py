"""Pages of what is on record: sources, statements and the journal.

One rule: they show what is there and whether it holds together; they change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from nines.journal.facts import KINDS
from nines.operations import auditing, statements
from nines.operations.sources import SourceReport, sources
from nines.pages.asking import asked
from nines.pages.row import State, objective_url, state
from nines.pages.visit import Visit
from nines.showing import count, length

#: Facts on one page of the journal.
NEWEST = 500


def sources_page(visit: Visit) -> Response:
    """Return the page of sources."""
    question = asked(visit.words, visit.now)
    reports = sources(visit.house, visit.who, at=question.at)
    return visit.page("sources.html", {"asked": question, **source_values(reports, question.at)}, here="/sources")


def source_values(reports: Sequence[SourceReport], at: datetime) -> dict[str, Any]:
    """Return sources as lines of a table, with what is wrong with them."""
    return {"rows": [_source_row(r, at) for r in reports], "found": [p for r in reports for p in r.problems]}


def _source_row(report: SourceReport, at: datetime) -> dict[str, Any]:
    fresh = report.freshness
    late = fresh.arrival - fresh.last if fresh.arrival is not None and fresh.last is not None else None
    return {
        "name": report.name,
        "type": report.source.type if report.source is not None else "not in force",
        "state": _source_state(report),
        "last": _ago(fresh.last, at),
        "arrival": _ago(fresh.arrival, at),
        "lateness": "" if late is None else length(max(late, timedelta())),
        "rows": count(fresh.rows),
        "pending": count(fresh.pending),
        "first": f"{fresh.first:%Y-%m-%d %H:%M}" if fresh.first is not None else "",
    }


def _source_state(report: SourceReport) -> State:
    if report.freshness.rows == 0 and not report.freshness.pending:
        return State("unknown", "never heard")
    if report.silent:
        return State("unknown", "silent")
    return State("risk", "not in force") if report.source is None else State("met", "fresh")


def _ago(instant: datetime | None, at: datetime) -> str:
    if instant is None:
        return "never"
    return f"{length(at - instant)} ago" if instant <= at else f"in {length(instant - at)}"


def statements_page(visit: Visit) -> Response:
    """Return the page of closed periods."""
    plain = statements.statement_rows(visit.house, visit.who)
    closed = statements.on_record(visit.house, visit.who)
    rows = [
        {
            **shown,
            "state": state(s.standing["verdict"]),
            "url": f"{objective_url(s.objective)}?at={_last(s.period.end)}",
        }
        for shown, s in zip(plain, closed, strict=True)
    ]
    return visit.page("statements.html", {"rows": list(reversed(rows))}, here="/statements")


def _last(end: datetime) -> str:
    return f"{end - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"


def journal_page(visit: Visit) -> Response:
    """Return the page of the journal; with `?verify=1` its chain is checked."""
    facts = auditing.journal(visit.house, visit.who, newest=NEWEST)
    rows = [
        {"number": f.number, "at": f.at, "author": f.author, "what": KINDS.get(f.kind, f.kind), "subject": f.subject,
         "hash": f.hash}
        for f in facts
    ]  # fmt: skip
    verify = visit.words.get("verify") == "1" and visit.may("audit")
    report = auditing.verify(visit.house, visit.who) if verify else None
    chain = State("missed", "does not verify") if report and report.problems else State("met", "verified")
    summary = "What people put on record, newest first; each fact holds the hash of the one before."
    values = {
        "rows": rows, "found": report.problems if report else (), "checked": report is not None, "chain": chain,
        "summary": f"{report.summary[0].upper()}{report.summary[1:]}." if report else summary,
        "can_verify": visit.may("audit"),
    }  # fmt: skip
    return visit.page("journal.html", values, here="/journal")
