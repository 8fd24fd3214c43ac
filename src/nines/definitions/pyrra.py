"""Pyrra's ServiceLevelObjectives made into definitions of ours: ratio, latency, latencyNative and bool_gauge.

What nines has no field for is kept as annotations that begin with "pyrra/", for an export in Pyrra's form.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from nines.alerting.policy import BurnPolicy
from nines.alerting.rules_counters import parsed
from nines.alerting.rules_pyrra import PREFIX, policy
from nines.definitions.imported import Foreign, Imported, named, percent_text
from nines.definitions.positions import documents
from nines.reading import duration, duration_text

VERSION, KIND = "pyrra.dev/v1alpha1", "ServiceLevelObjective"
WAYS = ("ratio", "latency", "latencyNative", "bool_gauge")
#: Fields of a spec that change rules only, and what becomes of them.
_RULES_ONLY = {
    "performanceOverAccuracy": "nines counts exactly; the faster, less accurate rules have no counterpart",
    "ruleOutput": "labels of generated Kubernetes resources have no counterpart",
    "partial_response_strategy": "Thanos' partial responses have no counterpart",
}


def import_pyrra(texts: Sequence[tuple[str, str]], *, url: str = "") -> Imported:
    """Return definitions made from Pyrra's.

    Args:
        texts: name for places, and text, of each file.
        url: address of the Prometheus they are about, or "".

    Returns:
        Definitions with what was lost; an objective that is refused is left out, and `errors` says why.
    """
    into = Imported()
    into.add_source(url)
    for name, text in texts:
        found, wrong = documents(text, name)
        into.problems += wrong
        for document in found:
            foreign = Foreign(document, into)
            version = (foreign.get("apiVersion"), foreign.get("kind"))
            if version == (VERSION, KIND):
                _Slo(foreign).add()
            else:
                fix = f"write apiVersion: {VERSION} and kind: {KIND}"
                foreign.refuse((), f"{version[0]} {version[1]} is not Pyrra's", fix, "no-version")
    return into


@dataclass
class _Slo:
    """One objective being read."""

    foreign: Foreign

    def get(self, *path: str | int) -> Any:  # noqa: ANN401
        return self.foreign.get("spec", *path)

    def refuse(self, path: tuple[str, ...], what: str, fix: str, code: str) -> None:
        self.foreign.refuse(("spec", *path), what, fix, code)

    def add(self) -> None:
        """Add the definitions of this objective, or note what refuses it."""
        known = ("description", "target", "window", "indicator", "alerting", *_RULES_ONLY)
        self.foreign.unknown(("spec",), known)
        for field in (f for f in _RULES_ONLY if self.get(f) not in (None, False, "abort")):
            self.foreign.lose(("spec", field), _RULES_ONLY[field])
        title = self.foreign.get("metadata", "name")
        target, window, sli = self._target(), self._window(), self._sli()
        if not title:
            self.foreign.refuse(("metadata",), "there is no name", "add metadata.name", "missing-field")
        if not title or target is None or window is None or sli is None:
            return
        self._write(str(title), target, window, sli)

    def _target(self) -> Fraction | None:
        found = self.get("target")
        try:
            percent = Fraction(str(found))
        except ValueError:
            percent = Fraction(-1)
        if not 0 < percent < 100:  # noqa: PLR2004 - per cent
            self.refuse(
                ("target",), f"target is {found!r}", "write a per cent between 0 and 100, as '99.9'", "bad-ratio"
            )
            return None
        return percent

    def _window(self) -> timedelta | None:
        try:
            return duration(str(self.get("window")))
        except ValueError as error:
            self.refuse(("window",), str(error), "write it like 4w", "bad-duration")
            return None

    def _sli(self) -> dict[str, Any] | None:
        """Return the spec of the SLI, or None after noting what refuses it."""
        indicator = self.get("indicator")
        ways = [w for w in WAYS if isinstance(indicator, dict) and indicator.get(w)]
        if len(ways) != 1:
            self.refuse(("indicator",), f"an indicator is one of {', '.join(WAYS)}", "give exactly one", "sli-ways")
            return None
        way = ways[0]
        self._grouping(way)
        if way == "bool_gauge":
            metric = self._metric(way)
            return metric and {"threshold": {"value": metric, "op": "gte", "bound": 1}}
        total = self._metric(way, "total")
        if way == "latencyNative":
            return total and self._native(total)
        side = "errors" if way == "ratio" else "success"
        part = self._metric(way, side)
        return part and total and {"bad" if way == "ratio" else "good": f"sum({part})", "total": f"sum({total})"}

    def _metric(self, *path: str) -> Any:  # noqa: ANN401 - text, or None after noting what refuses it
        found = self.get("indicator", *path, "metric")
        at = ("indicator", *path, "metric")
        if not isinstance(found, str) or not found.strip():
            self.refuse(at, "there is no metric", "write a selector", "missing-field")
            return None
        try:
            plain = type(parsed(found)).__name__ == "VectorSelector"
        except ValueError:
            plain = False
        if not plain:
            self.refuse(at, f"{found!r} is no selector", 'write it like name{label="value"}', "bad-selector")
            return None
        return found.strip()

    def _native(self, total: str) -> dict[str, Any] | None:
        try:
            seconds = duration(str(self.get("indicator", "latencyNative", "latency"))) / timedelta(seconds=1)
        except ValueError as error:
            self.refuse(("indicator", "latencyNative", "latency"), str(error), "write it like 200ms", "bad-duration")
            return None
        what = "a native histogram is asked as a share: each minute counts alike, however many events it stands for"
        self.foreign.lose(("spec", "indicator", "latencyNative"), what, "use a classic bucket to weigh them")
        return {"query": f"histogram_fraction(0, {seconds:g}, sum(rate({total}[1m])))", "rawType": "success"}

    def _grouping(self, way: str) -> None:
        grouping = self.get("indicator", way, "grouping")
        if grouping:
            what = (
                f"grouping by {', '.join(map(str, grouping))} is one objective for each value; here it is one for all"
            )
            self.foreign.lose(("spec", "indicator", way, "grouping"), what, "write an SLO for each value that matters")

    def _write(self, title: str, target: Fraction, window: timedelta, sli: dict[str, Any]) -> None:
        into, name = self.foreign.into, named(title)
        space = str(self.foreign.get("metadata", "namespace") or "")
        if not into.first("SLO", name, self.foreign.where("metadata", "name"), title):
            return
        service = named(space) if space else name
        into.add("Service", service, {})
        into.add("SLI", name, {"source": "prometheus", **sli})
        spec: dict[str, Any] = {"service": service, "indicator": name, "target": percent_text(target),
                                "window": duration_text(window)}  # fmt: skip
        if self.get("description"):
            spec["description"] = str(self.get("description"))
        made, where = self._policy(window), self.foreign.where("spec", "target")
        watched = made and into.add_policy(made, window, 1 - target / 100, where)
        if watched:
            spec["alerting"] = {"policy": watched}
        into.add(
            "SLO", name, spec, labels=self.foreign.texts("metadata", "labels"), annotations=self._kept(title, space)
        )

    def _kept(self, title: str, space: str) -> dict[str, str]:
        held = {"indicator": self.get("indicator"), "alerting": self.get("alerting") or {}}
        said = {f"{PREFIX}{k}": json.dumps(v, sort_keys=True) for k, v in held.items() if v}
        return {**self.foreign.texts("metadata", "annotations"), **said, f"{PREFIX}name": title,
                **({f"{PREFIX}namespace": space} if space else {})}  # fmt: skip

    def _policy(self, window: timedelta) -> BurnPolicy | None:
        alerting = self.get("alerting") or {}
        if alerting.get("disabled") or alerting.get("burnrates") is False:
            return None
        made = policy(window)
        if made is None:
            what = f"Pyrra's lookbacks round to nothing on a window of {duration_text(window)}; no policy was written"
            self.foreign.lose(("spec", "window"), what, "name a BurnPolicy under alerting")
        return made
