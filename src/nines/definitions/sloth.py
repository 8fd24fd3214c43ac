"""Sloth's SLOs, native and as Kubernetes resources, made into definitions of ours.

What nines has no field for is kept as annotations that begin with "sloth/", so that an export in Sloth's form gives
the rules Sloth itself would. Inputs that need a plugin are refused: what it would do is not in the file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from nines.alerting.policy import BurnPolicy, BurnRule, Severity
from nines.alerting.rules_counters import counters, halves, has_window, parsed, with_window
from nines.alerting.rules_sloth import PREFIX, WINDOWS
from nines.definitions.imported import Foreign, Imported, named, percent_text
from nines.definitions.positions import Document, documents
from nines.reading import duration, duration_text

NATIVE, RESOURCE, OPENSLO = "prometheus/v1", "sloth.slok.dev/v1", "openslo/v1alpha"
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Windows:
    """Alert windows for one period, as Sloth keeps them in a catalogue.

    Attributes:
        period: length of the SLO's window.
        rules: page and ticket pairs.
        name: of the burn policy made from them.
    """

    period: timedelta
    rules: tuple[BurnRule, ...]
    name: str = "sloth"

    @property
    def lookbacks(self) -> tuple[str, ...]:
        """The lookbacks, shortest first."""
        return tuple(duration_text(w) for w in sorted({w for r in self.rules for w in (r.short, r.long)}))


def _rule(severity: Severity, percent: int, long: timedelta, short: timedelta) -> BurnRule:
    return BurnRule(severity, Fraction(percent, 100), long, short)


#: Sloth's own catalogue has these pairs for 30 and 28 days.
BUILT_IN = (
    _rule("page", 2, _HOUR, 5 * _MINUTE),
    _rule("page", 5, 6 * _HOUR, 30 * _MINUTE),
    _rule("ticket", 10, _DAY, 2 * _HOUR),
    _rule("ticket", 10, 3 * _DAY, 6 * _HOUR),
)


def import_sloth(
    texts: Sequence[tuple[str, str]], *, period: timedelta = 30 * _DAY, windows: Sequence[tuple[str, str]] = (),
    url: str = "",
) -> Imported:  # fmt: skip
    """Return definitions made from Sloth's.

    Args:
        texts: name for places, and text, of each file.
        period: the SLOs' window; Sloth takes one for a whole run.
        windows: files with AlertWindows, as `texts`.
        url: address of the Prometheus they are about, or "".

    Returns:
        Definitions with what was lost; an SLO that is refused is left out, and `errors` says why.
    """
    into = Imported()
    chosen = _windows(into, period, windows)
    into.add_source(url)
    for name, text in texts:
        found, wrong = documents(text, name)
        into.problems += wrong
        for document in found:
            _document(Foreign(document, into), chosen)
    return into


def _windows(into: Imported, period: timedelta, files: Sequence[tuple[str, str]]) -> Windows:
    """Return the alert windows for the period: from the files given, else Sloth's own."""
    for name, text in files:
        found, wrong = documents(text, name)
        into.problems += wrong
        for document in found:
            read = _alert_windows(Foreign(document, into))
            if read is not None and read.period == period:
                return read
    chosen = Windows(period, BUILT_IN)
    if period not in (28 * _DAY, 30 * _DAY):
        what = f"Sloth has no alert windows for {duration_text(period)}; those of its 30 days were taken"
        Foreign(Document({}, "--period", 1), into).lose((), what, "give an AlertWindows file with --windows")
    return chosen


def _alert_windows(foreign: Foreign) -> Windows | None:
    if foreign.get("kind") != "AlertWindows":
        foreign.refuse(("kind",), "this is no AlertWindows", "give a file of kind AlertWindows", "no-kind")
        return None
    rules = []
    try:
        period = duration(str(foreign.get("spec", "sloPeriod")))
        for severity in ("page", "ticket"):
            for pace in ("quick", "slow"):
                at = ("spec", severity, pace)
                share = Fraction(str(foreign.get(*at, "errorBudgetPercent"))) / 100
                long, short = (duration(str(foreign.get(*at, n))) for n in ("longWindow", "shortWindow"))
                rules.append(BurnRule(severity, share, long, short))
    except ValueError as error:
        foreign.refuse(("spec",), str(error), "write errorBudgetPercent and two lengths each", "bad-shape")
        return None
    return Windows(period, tuple(rules), f"sloth-{duration_text(period)}")


def _document(foreign: Foreign, windows: Windows) -> None:
    value = foreign.document.value
    version = value.get("version", value.get("apiVersion")) if isinstance(value, dict) else None
    if version == NATIVE:
        _service(foreign, windows, (), NATIVE)
    elif version == RESOURCE and value.get("kind") == "PrometheusServiceLevel":
        _service(foreign, windows, ("spec",), RESOURCE)
    elif version == OPENSLO and value.get("kind") == "SLO":
        _openslo(foreign, windows)
    else:
        fix = f"write version: {NATIVE}, or apiVersion: {RESOURCE} with kind: PrometheusServiceLevel"
        foreign.refuse((), f"version {version!r} is not one of Sloth's", fix, "no-version")


def _service(foreign: Foreign, windows: Windows, at: tuple[str, ...], spec: str) -> None:
    plugins = "slo_plugins" if spec == NATIVE else "sloPlugins"
    known = (
        ("version", "service", "labels", "slos", plugins) if spec == NATIVE else ("service", "labels", "slos", plugins)
    )
    foreign.unknown(at, known)
    service = foreign.get(*at, "service")
    if not service:
        foreign.refuse((*at, "service"), "there is no service", "add service:", "missing-field")
        return
    if _plugins(foreign, (*at, plugins)):
        return
    slos = foreign.get(*at, "slos")
    if not isinstance(slos, list) or not slos:
        foreign.refuse((*at, "slos"), "there are no slos", "add slos:", "missing-field")
        return
    for number in range(len(slos)):
        _Slo(foreign, (*at, "slos", number), windows, str(service), spec).add(foreign.texts(*at, "labels"))


def _plugins(foreign: Foreign, at: tuple[str | int, ...]) -> bool:
    """Note plugins and return whether there are any."""
    chain = foreign.get(*at, "chain")
    for number in range(len(chain) if isinstance(chain, list) else 0):
        what = f"it needs the SLO plugin {foreign.get(*at, 'chain', number, 'id')!r}, whose code is not in the file"
        fix = "generate its rules with Sloth, or write out what the plugin does"
        foreign.refuse((*at, "chain", number), what, fix, "needs-plugin")
    return bool(chain)


@dataclass
class _Slo:
    """One SLO being read."""

    foreign: Foreign
    at: tuple[str | int, ...]
    windows: Windows
    service: str
    spec: str

    def _words(self, snake: str) -> str:
        """Return a field's name in the spelling of its document."""
        if self.spec == NATIVE:
            return snake
        head, *rest = snake.split("_")
        return head + "".join(w.title() for w in rest)

    def get(self, *path: str | int) -> Any:  # noqa: ANN401
        return self.foreign.get(*self.at, *path)

    def add(self, labels: dict[str, str]) -> None:
        """Add the definitions of this SLO, or note what refuses it."""
        self.foreign.unknown(self.at, ("name", "objective", "description", "labels", "sli", "plugins", "alerting"))
        slo, target = self.get("name"), self._target()
        if not slo:
            self.foreign.refuse((*self.at, "name"), "there is no name", "add name:", "missing-field")
        sli = None if _plugins(self.foreign, (*self.at, "plugins")) else self._sli()
        named_alert = not self._on() or bool(self.get("alerting", "name"))
        if not named_alert:
            fix = "add alerting.name, or disable both alerts"
            self.foreign.refuse((*self.at, "alerting"), "its alerts have no name", fix, "missing-field")
        if not slo or target is None or sli is None or not named_alert:
            return
        merged = {**labels, **self.foreign.texts(*self.at, "labels")}
        write(self.foreign, self.at, self.windows, Read(self.service, str(slo), target, sli, merged, self.spec,
              str(self.get("description") or ""), self._alert(), self._on()))  # fmt: skip

    def _target(self) -> Fraction | None:
        found = self.get("objective")
        if isinstance(found, bool) or not isinstance(found, int | float | str):
            self.foreign.refuse(
                (*self.at, "objective"), "there is no objective", "add objective: 99.9", "missing-field"
            )
            return None
        try:
            percent = Fraction(str(found))
        except ValueError:
            percent = Fraction(0)
        if not 0 < percent <= 100:  # noqa: PLR2004 - per cent
            what = f"objective is {found}, which is no per cent above 0 and up to 100"
            self.foreign.refuse((*self.at, "objective"), what, "write it like 99.9", "bad-ratio")
            return None
        return percent

    def _sli(self) -> dict[str, str] | None:
        """Return the fields of the SLI and its template, or None after noting what refuses it."""
        self.foreign.unknown((*self.at, "sli"), ("events", "raw", "plugin"))
        sli = self.get("sli")
        ways = [w for w in ("events", "raw", "plugin") if isinstance(sli, dict) and sli.get(w)]
        where = (*self.at, "sli")
        if len(ways) != 1:
            self.foreign.refuse(where, "an SLI is events, raw or a plugin", "give exactly one", "sli-ways")
            return None
        if ways == ["plugin"]:
            what = f"its SLI needs the plugin {self.get('sli', 'plugin', 'id')!r}, whose code is not in the file"
            self.foreign.refuse((*where, "plugin"), what, "write its queries out under sli.events", "needs-plugin")
            return None
        names = ("error_query", "total_query") if ways == ["events"] else ("error_ratio_query",)
        queries = [self._template((*where, ways[0], self._words(n))) for n in names]
        if any(q is None for q in queries):
            return None
        return sli_of(*(q or "" for q in queries))

    def _template(self, path: tuple[str | int, ...]) -> str | None:
        found = self.foreign.get(*path)
        if not isinstance(found, str) or not found.strip():
            self.foreign.refuse(path, f"{path[-1]} is missing", f"add {path[-1]}:", "missing-field")
            return None
        if not has_window(found):
            self.foreign.refuse(path, "it has no place for the window", "write [{{.window}}]", "no-window")
            return None
        try:
            parsed(with_window(found, "5m"))
        except ValueError as error:
            self.foreign.refuse(path, str(error).splitlines()[0], "write PromQL", "bad-selector")
            return None
        return found.strip()

    def _on(self) -> tuple[Severity, ...]:
        return tuple(
            s for s in ("page", "ticket") if self.get("alerting", self._words(f"{s}_alert"), "disable") is not True
        )

    def _alert(self) -> dict[str, Any]:
        """Return what is said of the alerts beside their windows."""
        page, ticket = ("alerting", self._words("page_alert")), ("alerting", self._words("ticket_alert"))
        known = ("name", "labels", "annotations", page[1], ticket[1])
        self.foreign.unknown((*self.at, "alerting"), known)
        told: dict[str, Any] = {"name": self.get("alerting", "name")}
        for name, path in (("", ("alerting",)), ("page_", page), ("ticket_", ticket)):
            for part in ("labels", "annotations"):
                told[name + part] = self.foreign.texts(*self.at, *path, part)
        return {k: v for k, v in told.items() if v}


def _openslo(foreign: Foreign, windows: Windows) -> None:
    """Read an OpenSLO v1alpha SLO as Sloth does: good and total, an SLO for each objective, no alerts."""
    spec = ("spec",)
    if foreign.get(*spec, "budgetingMethod") not in (None, "Occurrences"):
        foreign.lose((*spec, "budgetingMethod"), "Sloth leaves the budgeting method out; so does this import")
    stated = foreign.get(*spec, "timeWindows", 0)
    if isinstance(stated, dict) and stated.get("unit") == "Day" and isinstance(stated.get("count"), int):
        windows = Windows(stated["count"] * _DAY, windows.rules, windows.name)
    objectives = foreign.get(*spec, "objectives")
    for number in range(len(objectives) if isinstance(objectives, list) else 0):
        at = (*spec, "objectives", number)
        queries = [foreign.get(*at, "ratioMetrics", side, "query") for side in ("good", "total")]
        target = foreign.get(*at, "target")
        if not all(isinstance(q, str) and has_window(q) for q in queries):
            foreign.refuse((*at, "ratioMetrics"), "good and total need a query each, with a place for the window",
                           "write [{{.window}}]", "missing-field")  # fmt: skip
            continue
        if isinstance(target, bool) or not isinstance(target, int | float) or not 0 < target <= 1:
            foreign.refuse((*at, "target"), f"target is {target!r}", "write a number like 0.999", "bad-ratio")
            continue
        good, total = queries
        sli = sli_of(f"1 - (\n(\n{good}\n)\n/\n(\n{total}\n)\n)")
        slo = f"{foreign.get('metadata', 'name')}-{number}"
        about = str(foreign.get(*spec, "description") or "")
        read = Read(
            str(foreign.get(*spec, "service")), slo, Fraction(str(target)) * 100, sli, {}, OPENSLO, about, {}, ()
        )
        write(foreign, at, windows, read)


def sli_of(first: str, total: str = "") -> dict[str, str]:
    """Return the fields of an SLI of ours for Sloth's queries: counters where they are sums of rates, else a query.

    Args:
        first: error query beside a total, else an error ratio.
        total: total query, or "".
    """
    try:
        if total:
            return {"bad": counters(first), "total": counters(total)}
    except ValueError:
        first = f"({first})\n/\n({total})"
    plain = halves(first)
    if plain is not None:
        return {"good" if plain[2] else "bad": plain[0], "total": plain[1]}
    return {"query": with_window(first, "1m"), "rawType": "failure", "template": first}


@dataclass(frozen=True, slots=True)
class Read:
    """One SLO of Sloth's, read; `on` names the alerts that are not disabled."""

    service: str
    slo: str
    percent: Fraction
    sli: dict[str, str]
    labels: dict[str, str]
    spec: str
    description: str
    alert: dict[str, Any]
    on: tuple[Severity, ...]


def write(foreign: Foreign, at: tuple[str | int, ...], windows: Windows, read: Read) -> None:
    """Add our definitions of one SLO, and note what was lost on the way."""
    into, own = foreign.into, f"{read.service}-{read.slo}"
    name = named(own)
    if not into.first("SLO", name, foreign.where(*at), own):
        return
    sli, annotations = (
        dict(read.sli),
        {f"{PREFIX}service": read.service, f"{PREFIX}slo": read.slo, f"{PREFIX}spec": read.spec},
    )
    template = sli.pop("template", "")
    if template:
        annotations[f"{PREFIX}error-ratio"] = template
        what = "its query is richer than counters: each minute's ratio counts alike, however many events it stands for"
        foreign.lose((*at, "sli"), what, "write the counters as good, bad and total to weigh them")
    if read.alert:
        annotations[f"{PREFIX}alert"] = json.dumps(read.alert, sort_keys=True)
    if windows.lookbacks != WINDOWS:
        annotations[f"{PREFIX}windows"] = ",".join(windows.lookbacks)
    service = named(read.service)
    into.add("Service", service, {}, displayName=read.service if service != read.service else "")
    into.add("SLI", name, {"source": "prometheus", **sli})
    spec: dict[str, Any] = {"service": service, "indicator": name, "target": percent_text(read.percent),
                            "window": duration_text(windows.period)}  # fmt: skip
    if read.description:
        spec["description"] = read.description
    policy = _policy(foreign, at, windows, read)
    watched = policy and into.add_policy(policy, windows.period, 1 - read.percent / 100, foreign.where(*at))
    if watched:
        spec["alerting"] = {"policy": watched}
    into.add("SLO", name, spec, labels=read.labels, annotations=annotations)


def _policy(foreign: Foreign, at: tuple[str | int, ...], windows: Windows, read: Read) -> BurnPolicy | None:
    """Return the burn policy of an SLO, or None where it has no alerts."""
    if read.on and read.percent == 100:  # noqa: PLR2004 - per cent
        foreign.lose((*at, "objective"), "a target of 100 % has no budget to burn, so its alerts were left out")
        return None
    rules = tuple(r for r in windows.rules if r.severity in read.on)
    if not rules:
        return None
    name = windows.name if len(read.on) == 2 else f"{windows.name}-{read.on[0]}"  # noqa: PLR2004 - both alerts
    return BurnPolicy(name, rules, "gt", f"Sloth, alert windows for {duration_text(windows.period)}")
