"""Definitions as other systems read them: Prometheus rules in three forms, a Grafana dashboard, OpenSLO documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from nines.alerting.grafana import dashboard
from nines.alerting.rules import Exported, RuleGroup
from nines.alerting.rules_exact import exact_groups, exact_problems
from nines.alerting.rules_pyrra import pyrra_groups, pyrra_slo
from nines.alerting.rules_sloth import sloth_groups, sloth_slo
from nines.alerting.rules_tests import Trial, unit_tests
from nines.definitions.load import Definitions, load
from nines.definitions.openslo_out import export_openslo
from nines.definitions.promql import sides
from nines.errors import InputError, Problem
from nines.objectives.indicator import CompositeIndicator, CounterIndicator, ValueIndicator
from nines.operations.finding import settle_of
from nines.operations.house import House
from nines.operations.promises import in_force
from nines.people.rights import Principal, require

Form = Literal["sloth", "pyrra", "exact"]
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to write rules.

    Attributes:
        form: whose way of writing them.
        labels: put on every recorded series.
        recordings: whether figures are recorded (Sloth's form).
        alerts: whether alerts are made.
        skip_refused: whether an objective that cannot be said is left out; else one refuses all.
    """

    form: Form = "exact"
    labels: Mapping[str, str] = field(default_factory=dict)
    recordings: bool = True
    alerts: bool = True
    skip_refused: bool = False


@dataclass(frozen=True, slots=True)
class RuleFile:
    """Rules made from definitions.

    Attributes:
        groups: in the order of the objectives.
        problems: what was lost, and what was refused where that may be left out.
        tested: what tests are made from, by objective.
    """

    groups: tuple[RuleGroup, ...]
    problems: tuple[Problem, ...]
    tested: tuple[Trial, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """The rule file as a document."""
        return {"groups": [g.document() for g in self.groups]}

    @property
    def text(self) -> str:
        """The rule file as YAML."""
        return yaml_text(self.document)

    def tests(self, rule_file: str) -> str:
        """Return promtool's unit tests as YAML.

        Args:
            rule_file: name of the rule file, as promtool finds it from the tests' folder.
        """
        return yaml_text(unit_tests(self.tested, rule_file))


class _Dumper(yaml.SafeDumper):
    """Long expressions as blocks, so that people can read them."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def yaml_text(document: object) -> str:
    """Return a document as YAML."""
    found: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return found


def load_checked(paths: Sequence[Path]) -> Definitions:
    """Return definitions in files.

    Raises:
        InputError: they hold mistakes.
    """
    found = load(paths)
    if found.errors:
        raise InputError(*found.errors)
    return found


def definitions_of(house: House, who: Principal, *, at: datetime) -> Definitions:
    """Return what is in force, for somebody who may see it."""
    require(who, "see")
    return in_force(house, who.tenant, at=at)


def exported(found: Definitions) -> list[Exported]:
    """Return the objectives with all that their rules are made from."""
    names = Counter(o.name for o in found.objectives)
    made = []
    for objective in found.objectives:
        document = found.documents.get(("SLO", objective.name))
        metadata = document.value.get("metadata", {}) if document else {}
        policy = found.policy_of(objective)
        annotations = {k: str(v) for k, v in (metadata.get("annotations") or {}).items()}
        indicator, alone = found.indicators[objective.indicator], names[objective.name] == 1
        settled = replace(objective, settle=settle_of(found, objective))
        made.append(Exported(settled, indicator, policy, annotations, alone))
    return made


def rules(found: Definitions, wanted: Wanted) -> RuleFile:
    """Return definitions as Prometheus rules.

    Args:
        found: definitions without mistakes.
        wanted: how.

    Raises:
        InputError: an objective cannot be said in the form, and leaving it out was not asked for; or nothing is left.
    """
    groups: list[RuleGroup] = []
    problems: list[Problem] = []
    tested = []
    for one in exported(found):
        made, wrong = _groups(one, wanted)
        problems += wrong
        labelled = tuple(_labelled(g, wanted.labels) for g in made)
        groups += labelled
        if made:
            tested.append(_tested(one, wanted.form, labelled))
    if any(p.severity == "error" for p in problems) and not (wanted.skip_refused and groups):
        raise InputError(*problems)
    return RuleFile(tuple(groups), tuple(problems), tuple(tested))


def _groups(one: Exported, wanted: Wanted) -> tuple[list[RuleGroup], list[Problem]]:
    """Return the groups of one objective and what is wrong with or lost in them."""
    where = one.objective.key
    if isinstance(one.indicator, CompositeIndicator | ValueIndicator):
        what = f"a {one.indicator.kind} indicator has no counts of its own that a rule could read"
        return [], [Problem(where, what, "ask nines for its standing", code="export-refused")]
    one = one if wanted.alerts else replace(one, policy=None)
    if wanted.form == "exact":
        wrong = list(exact_problems(one))
        return ([] if any(p.severity == "error" for p in wrong) else exact_groups(one)), wrong
    try:
        if wanted.form == "pyrra":
            slo = pyrra_slo(one)
            return pyrra_groups(slo if wanted.alerts else replace(slo, alerting={"disabled": True})), []
        return sloth_groups(sloth_slo(one), recordings=wanted.recordings, alerts=wanted.alerts), []
    except ValueError as error:
        return [], [Problem(where, str(error), "export it in the exact form", code="export-refused")]


def _labelled(group: RuleGroup, labels: Mapping[str, str]) -> RuleGroup:
    """Return a group whose recorded series carry further labels."""
    if not labels:
        return group
    return replace(group, rules=tuple(r if r.alert else replace(r, labels={**r.labels, **labels}) for r in group.rules))


def _tested(one: Exported, form: Form, groups: tuple[RuleGroup, ...]) -> Trial:
    indicator = one.indicator
    counters = None
    if isinstance(indicator, CounterIndicator):
        counters = sides(indicator.good, indicator.bad, indicator.total)
    return Trial(one, form, groups, counters)


def openslo(found: Definitions) -> tuple[str, list[Problem]]:
    """Return definitions as OpenSLO v1, and what it has no field for."""
    documents, lost = export_openslo(found)
    return "---\n".join(yaml_text(d) for d in documents), lost


def grafana(found: Definitions) -> dict[str, Any]:
    """Return a Grafana dashboard over the series that the exact form records."""
    return dashboard([e for e in exported(found) if not isinstance(e.indicator, CompositeIndicator | ValueIndicator)])
