"""Pages of what is on record: statements and the journal.

One rule: they show what is there and whether it holds together; they change nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.responses import Response

from nines.journal.facts import KINDS
from nines.operations import auditing, statements
from nines.pages.row import State, objective_url, state
from nines.pages.visit import Visit

#: Facts on one page of the journal.
NEWEST = 500


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
