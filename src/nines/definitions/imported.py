"""What an importer hands back: nines definitions, and everything that could not come along."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Any

import yaml

from nines.alerting.policy import BurnPolicy, BurnRule
from nines.definitions.positions import Document
from nines.errors import Problem
from nines.reading import duration_text

#: Address written for a Prometheus that a foreign definition does not name.
PLACEHOLDER = "http://127.0.0.1:9090"
SOURCE = "prometheus"


@dataclass
class Imported:
    """Definitions made from another tool's.

    Attributes:
        documents: nines/v1 documents by kind and name, in order.
        problems: errors refuse an input, notes say what was lost.
        origins: where each was read, to tell of duplicates.
    """

    documents: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    origins: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse an input."""
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def lost(self) -> tuple[Problem, ...]:
        """What could not come along."""
        return tuple(p for p in self.problems if p.severity != "error")

    @property
    def text(self) -> str:
        """The definitions as YAML, one document after the other."""
        return yaml.safe_dump_all(
            self.documents.values(), sort_keys=False, allow_unicode=True, width=120, default_flow_style=False
        )

    def add(self, kind: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> None:  # noqa: ANN401
        """Add a definition; one of the same name is written once when both say the same."""
        told = {k: v for k, v in metadata.items() if v}
        self.documents[kind, name] = {
            "apiVersion": "nines/v1", "kind": kind, "metadata": {"name": name, **told}, "spec": dict(spec),
        }  # fmt: skip

    def add_source(self, url: str) -> None:
        """Add the Prometheus that the definitions are about; the tools leave its address out."""
        self.add("DataSource", SOURCE, {"type": "prometheus", "options": {"url": url or PLACEHOLDER}})

    def add_policy(self, policy: BurnPolicy, window: timedelta, budget: Fraction, where: str) -> str | None:
        """Add a burn policy without the rules that can never fire on a budget, and return its name, or None.

        Args:
            policy: as the other tool has it.
            window: the objective's window.
            budget: allowed bad share, 0..1.
            where: place of the objective.
        """
        kept = tuple(r for r in policy.rules if r.factor(window) * budget < 1)
        for rule in (r for r in policy.rules if r not in kept):
            what = (
                f"its {rule.severity} rule over {duration_text(rule.long)} fires from {float(rule.factor(window)):g} "
            )
            what += f"times, which {percent_text(budget * 100)} of budget can never reach; it was left out"
            self.problems.append(Problem(where, what, "", "note", "import-lost"))
        if not kept:
            return None
        name = policy.name if kept == policy.rules else named(f"{policy.name}-at-{decimal_text(100 - budget * 100)}")
        slow = {"acknowledgeSlow": True} if any(r.factor(window) < 1 for r in kept) else {}
        self.add("BurnPolicy", name, {"rules": [_rule(r) for r in kept], "comparison": policy.comparison,
                                      "source": policy.source, **slow})  # fmt: skip
        return name

    def first(self, kind: str, name: str, where: str, called: str) -> bool:
        """Return whether a name is new among what is imported; a second one is refused."""
        if (kind, name) in self.origins:
            what = f"{called!r} is defined twice, first in {self.origins[kind, name]}"
            self.problems.append(Problem(where, what, "rename or remove one", code="defined-twice"))
            return False
        self.origins[kind, name] = where
        return True


@dataclass(frozen=True)
class Foreign:
    """One foreign document being read: values with their places.

    Attributes:
        document: the document.
        into: takes what is made and what is wrong.
    """

    document: Document
    into: Imported

    def where(self, *path: str | int) -> str:
        """Return the place of a part."""
        return self.document.where(path)

    def refuse(self, path: tuple[str | int, ...], what: str, fix: str, code: str) -> None:
        """Note what refuses the document."""
        self.into.problems.append(Problem(self.document.where(path), what, fix, code=code))

    def lose(self, path: tuple[str | int, ...], what: str, fix: str = "") -> None:
        """Note what does not come along."""
        self.into.problems.append(Problem(self.document.where(path), what, fix, "note", "import-lost"))

    def get(self, *path: str | int) -> Any:  # noqa: ANN401 - whatever stands there
        """Return the value at a path, or None."""
        value = self.document.value
        for key in path:
            if isinstance(key, int):
                value = value[key] if isinstance(value, list) and key < len(value) else None
            else:
                value = value.get(key) if isinstance(value, dict) else None
        return value

    def texts(self, *path: str | int) -> dict[str, str]:
        """Return a mapping of texts; numbers and truth values are written out."""
        found = self.get(*path)
        return {str(k): plain_text(v) for k, v in found.items()} if isinstance(found, dict) else {}

    def unknown(self, path: tuple[str | int, ...], known: tuple[str, ...]) -> None:
        """Note fields that nobody reads."""
        found = self.get(*path)
        for name in found if isinstance(found, dict) else ():
            if name not in known:
                self.lose((*path, name), f"{name!r} is not known here and was left out")


def _rule(rule: BurnRule) -> dict[str, Any]:
    """Return a burn rule as definitions write it."""
    burn = (
        {"share": share_text(rule.share)}
        if rule.share is not None
        else {"factor": decimal_text(rule.stated or Fraction(0))}
    )
    lasts = {"lasts": duration_text(rule.lasts)} if rule.lasts else {}
    return {
        "severity": rule.severity,
        **burn,
        "window": duration_text(rule.long),
        "short": duration_text(rule.short),
        **lasts,
    }


def plain_text(value: object) -> str:
    """Return a YAML scalar as its text.

    Example:
        >>> plain_text(True), plain_text(0.2)
        ('true', '0.2')
    """
    return str(value).lower() if isinstance(value, bool) else str(value)


def named(text: str) -> str:
    """Return a name of ours that is told from all others as the foreign one is.

    Example:
        >>> named("svc01-slo1"), named("My_SLO")
        ('svc01-slo1', 'my-slo-ef17')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "slo"
    if plain == text and len(plain) <= 63:  # noqa: PLR2004 - longest name
        return plain
    return f"{plain[:58].rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:4]}"


def percent_text(percent: Fraction) -> str:
    """Return a target as definitions write it.

    Example:
        >>> percent_text(Fraction("99.95"))
        '99.95%'
    """
    return f"{decimal_text(percent)}%"


def share_text(share: Fraction) -> str:
    """Return a share as definitions write it, in per cent."""
    return percent_text(share * 100)


def decimal_text(value: Fraction) -> str:
    """Return a fraction as a decimal.

    Raises:
        ValueError: it has no end.

    Example:
        >>> decimal_text(Fraction(25, 2))
        '12.5'
    """
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
        if places > 30:  # noqa: PLR2004 - decimals that end do so long before
            msg = f"{value} has no end as a decimal"
            raise ValueError(msg)
    whole = str(int(value * 10**places)).rjust(places + 1, "0")
    return f"{whole[:-places]}.{whole[-places:]}" if places else whole
