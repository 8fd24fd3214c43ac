"""Load definitions: text in, promises and all mistakes out.

Reading goes on past every mistake, so that a person sees them all at once; only what has none is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nines.alerting.catalogue import policy_for
from nines.alerting.conditions import AlertPolicy, AlertTarget
from nines.alerting.policy import BurnPolicy, ErrorBudgetPolicy
from nines.alerting.routing import Route
from nines.definitions.build import gather
from nines.definitions.check import cross_check
from nines.definitions.positions import Document, documents
from nines.errors import Problem
from nines.objectives.exclusion import Exclusion
from nines.objectives.indicator import CompositeIndicator, Indicator
from nines.objectives.objective import Objective
from nines.spans import Span
from nines.telemetry.clocks_map import Compared
from nines.telemetry.datasource import DataSource
from nines.telemetry.journey import Journey

#: Endings of files that are read from folders.
ENDINGS = (".yaml", ".yml", ".json")
#: Most files of one call.
MOST_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Definitions:
    """Everything some definitions say.

    Attributes:
        sources, indicators, services, calendars, probes: by name.
        policies: burn policies by name, those of alert policies among them.
        alert_policies, targets, routes, budget_policies: by name.
        clocks: indicator -> the two clocks its durations are made from.
        objectives: one per SLO and window, and per Composite and window.
        exclusions: with their occurrences written out.
        documents: kind and name -> the document each came from.
        problems: every mistake and warning, sorted by place.
    """

    sources: dict[str, DataSource] = field(default_factory=dict)
    indicators: dict[str, Indicator] = field(default_factory=dict)
    objectives: tuple[Objective, ...] = ()
    services: dict[str, str] = field(default_factory=dict)
    exclusions: tuple[Exclusion, ...] = ()
    calendars: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    policies: dict[str, BurnPolicy] = field(default_factory=dict)
    alert_policies: dict[str, AlertPolicy] = field(default_factory=dict)
    targets: dict[str, AlertTarget] = field(default_factory=dict)
    budget_policies: dict[str, ErrorBudgetPolicy] = field(default_factory=dict)
    probes: dict[str, Journey] = field(default_factory=dict)
    clocks: dict[str, Compared] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    documents: dict[tuple[str, str], Document] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse the input."""
        return tuple(p for p in self.problems if p.severity == "error")

    def policy_of(self, objective: Objective) -> BurnPolicy | None:
        """Return the burn policy that watches an objective, or None when none does."""
        return policy_for(objective, self.policies)

    @property
    def members(self) -> dict[str, tuple[str, ...]]:
        """Composite -> names of its members."""
        return {n: i.members for n, i in self.indicators.items() if isinstance(i, CompositeIndicator)}


def files_in(paths: Iterable[Path]) -> tuple[list[Path], list[Problem]]:
    """Return the definition files at some paths, sorted, and what cannot be read.

    Args:
        paths: files, taken whatever their ending, and folders, searched for .yaml, .yml and .json.
    """
    found: list[Path] = []
    problems = []
    for path in paths:
        if path.is_dir():
            inside = [p for p in path.rglob("*") if p.suffix in ENDINGS and p.is_file()]
            found += sorted(p for p in inside if not any(part.startswith(".") for part in p.relative_to(path).parts))
        elif path.is_file():
            found.append(path)
        else:
            problems.append(Problem(str(path), "there is no such file or folder", "check the path", code="no-file"))
    if len(found) > MOST_FILES:
        problems.append(Problem("", f"more than {MOST_FILES} files", "check fewer at a time", code="too-many-files"))
        found = found[:MOST_FILES]
    return found, problems


def load(paths: Sequence[Path], *, strict: bool = False) -> Definitions:
    """Read definitions from files and folders.

    Args:
        paths: files or folders.
        strict: hold OpenSLO documents to the published rules; otherwise what is clear passes with a warning.

    Returns:
        What they say; `errors` is empty when all is well.
    """
    files, problems = files_in(paths)
    texts = []
    for path in files:
        try:
            texts.append((str(path), path.read_text(encoding="utf-8-sig")))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(
                Problem(str(path), f"cannot be read: {error}", "definitions are UTF-8 text", code="no-file")
            )
    if not files and not problems:
        problems.append(
            Problem(", ".join(map(str, paths)), "no definitions here", "name .yaml files", "warning", "no-file")
        )
    found = load_texts(texts, strict=strict)
    return replace(found, problems=(*problems, *found.problems))


def load_texts(texts: Sequence[tuple[str, str]], *, strict: bool = False) -> Definitions:
    """Read definitions from texts.

    Args:
        texts: name for places, and text, of each file.
        strict: as for `load`.
    """
    problems: list[Problem] = []
    parsed: list[Document] = []
    for name, text in texts:
        some, wrong = documents(text, name)
        parsed += some
        problems += wrong
    gathered = gather(parsed, problems, strict=strict)
    problems += cross_check(gathered)
    return Definitions(
        sources=gathered.sources, indicators=gathered.indicators, objectives=tuple(gathered.objectives),
        services=gathered.services, exclusions=tuple(gathered.exclusions), calendars=gathered.calendars,
        policies=gathered.policies, alert_policies=gathered.alert_policies, targets=gathered.targets,
        budget_policies=gathered.budget_policies, probes=gathered.probes,
        clocks=gathered.clocks,
        routes=gathered.routes,
        documents=gathered.documents, problems=tuple(sorted(problems, key=_place)),
    )  # fmt: skip


def _place(problem: Problem) -> tuple[str, int]:
    file, _, rest = problem.where.partition(":")
    line = rest.partition(":")[0]
    return file, int(line) if line.isdigit() else 0
