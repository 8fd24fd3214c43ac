"""The overview: what needs a person first, then every objective as one line of a table.

One rule: it answers from standings alone; it neither computes a figure nor hides one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nines.evaluation.standing import Standing
from nines.pages.asking import Asked
from nines.pages.needs import needs
from nines.pages.row import STATES, Row, row

#: Sentences about what needs a person that stand above the table.
MOST_NEEDS = 6

#: Objectives up to which all are evaluated for one page of the overview, so that needs and order span all of them.
ALL_AT_ONCE = 500

#: Lines of one page of the table.
PAGE = 100

#: Column: name, heading, class.
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("name", "Objective", ""),
    ("state", "State", ""),
    ("sli", "SLI", "num"),
    ("target", "Target", "num wide"),
    ("", "Budget", ""),
    ("left", "Left", "num middle"),
    ("burn1h", "Burn 1 h", "num far"),
    ("burn6h", "Burn 6 h", "num far"),
    ("data", "Data", "num wide"),
)


def overview(
    standings: Sequence[Standing], total: int, asked: Asked, *, services: Sequence[str], labels: Sequence[str]
) -> dict[str, Any]:
    """Return the values of the overview's template.

    Args:
        standings: of every objective the filters pick, or of one page when there are very many.
        total: objectives the filters pick.
        asked: the question.
        services: to choose from.
        labels: to choose from, as "team=shop".
    """
    fitting = [s for s in standings if not asked.state or s.verdict == asked.state]
    rows = ordered([row(s) for s in fitting], asked)
    whole = len(standings) == total
    found = len(rows) if whole else total
    pages = max(1, -(-found // PAGE))
    shown = rows[(asked.page - 1) * PAGE : asked.page * PAGE] if whole else rows
    pressing = needs(standings) if not asked.filtered and asked.page == 1 else []
    return {
        "asked": asked, "rows": shown, "needs": pressing[:MOST_NEEDS], "more_needs": len(pressing[MOST_NEEDS:]),
        "more_url": asked.link("/", sort="state"), "total": total, "found": found,
        "columns": columns(asked, sort=whole),
        "services": services, "labels": labels, "states": [(v, word) for v, (_, word) in STATES.items()],
        "kept": [(n, asked.given[n]) for n in ("at", "known_at", "sort", "dir") if asked.given.get(n)],
        "tenants": len({s.tenant for s in standings}), "data": data_sentence(standings),
        "query": asked.link("", **dict.fromkeys(("q", "service", "label", "state", "sort", "dir", "page"), "")),
        "page": asked.page, "pages": pages,
        "earlier": asked.link("/", page=str(asked.page - 1)) if asked.page > 1 else "",
        "later": asked.link("/", page=str(asked.page + 1)) if asked.page < pages else "",
    }  # fmt: skip


def ordered(rows: Sequence[Row], asked: Asked) -> list[Row]:
    """Return rows in the order asked for; what has no value stands last whichever way the order runs."""
    if asked.sort not in {name for name, _, _ in COLUMNS if name}:
        return list(rows)
    known = [r for r in rows if r.order[asked.sort] is not None]
    unknown = [r for r in rows if r.order[asked.sort] is None]

    def place(one: Row) -> tuple[float, str]:
        value = one.order[asked.sort]
        return (value, "") if isinstance(value, float | int) else (0.0, str(value))

    return sorted(known, key=place, reverse=asked.down) + unknown


def columns(asked: Asked, *, sort: bool) -> list[dict[str, str]]:
    """Return the headings, each with the address that sorts by it where sorting spans the whole table."""
    found = []
    for name, head, css in COLUMNS:
        here = bool(name) and name == asked.sort
        way = "down" if here and not asked.down else "up"
        url = asked.link("/", sort=name, dir=way, page="") if name and sort else ""
        state = ("descending" if asked.down else "ascending") if here else ""
        found.append({"name": name, "head": head, "css": css, "url": url, "sorted": state})
    return found


def data_sentence(standings: Sequence[Standing]) -> str:
    """Say up to which flush the standings saw data; "" when they saw none."""
    seen = [s.data_version for s in standings if s.data_version is not None]
    return f"data up to flush {max(seen):,}" if seen else ""
