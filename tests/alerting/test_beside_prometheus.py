"""The exported rules in a real Prometheus, beside nines on the same readings: equal in the exact form, and in the forms
of Sloth and Pyrra equal or different as a table says, each difference by its named cause."""

import math
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from nines.alerting.rules_exact import lookbacks
from nines.alerting.rules_scenarios import scenarios
from nines.definitions.load import load_texts
from nines.evaluation.evaluate import evaluate
from nines.evaluation.evidence import Evidence
from nines.operations.exporting import Wanted, exported, rules
from nines.operations.pulling import Span, read
from nines.sources.fetching import Client
from nines.spans import MINUTE
from parts import require

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

HEAD = """\
apiVersion: nines/v1
kind: DataSource
metadata: {{name: prom}}
spec: {{type: prometheus, options: {{url: "{url}"}}}}
---
apiVersion: nines/v1
kind: Service
metadata: {{name: shop}}
"""
ONE = """\
---
apiVersion: nines/v1
kind: SLI
metadata: {{name: {name}}}
spec: {{source: prom, bad: 'sum(http_requests_total{{job="{name}",code="500"}})', total: 'sum(http_requests_total{{job="{name}"}})'}}
---
apiVersion: nines/v1
kind: SLO
metadata: {{name: {name}}}
spec: {{service: shop, indicator: {name}, target: 99.9%, window: 30d, alerting: {{policy: google-workbook}}}}
"""

#: Scenario -> figure of each tool over the last hour and the whole window: "same" as ours, or the cause of the gap.
#: "same" to 1e-9; any other word must differ by more than that, or not be a number where ours is none.
TABLE = {
    "steady burn": {"sloth 1h": "same", "pyrra 1h": "same", "sloth 30d": "same", "pyrra 30d": "same"},
    "spike": {"sloth 1h": "same", "pyrra 1h": "same", "sloth 30d": "mean of ratios", "pyrra 30d": "same"},
    "idle": {"sloth 1h": "none: 0/0", "pyrra 1h": "none: 0/0", "sloth 30d": "none: 0/0", "pyrra 30d": "none: 0/0"},
    "newborn series": {"sloth 1h": "same", "pyrra 1h": "same", "sloth 30d": "born at 7", "pyrra 30d": "born at 7"},
    "cold start": {"sloth 1h": "same", "pyrra 1h": "same", "sloth 30d": "same", "pyrra 30d": "same"},
    "counter reset": {"sloth 1h": "same", "pyrra 1h": "same", "sloth 30d": "same", "pyrra 30d": "same"},
    "low traffic": {"sloth 1h": "same", "pyrra 1h": "same", "sloth 30d": "NaN poisoning", "pyrra 30d": "same"},
}  # fmt: skip


def named(scenario):
    return scenario.name.replace(" ", "-")


def openmetrics(end):
    """The readings of every scenario, a minute apart, the last one at `end`."""
    lines, ups = ["# TYPE http_requests counter"], ["# TYPE up gauge"]
    for scenario in scenarios(Fraction(1, 1000)):
        head = f'{{job="{named(scenario)}",instance="one:1"'
        for code, values in (("200", scenario.good), ("500", scenario.bad)):
            for n, value in enumerate(values):
                at = end - 60 * (scenario.at - n)
                lines += [f'http_requests_total{head},code="{code}"}} {value} {at}'] if value is not None else []
        ups += [f"up{head}}} 1 {end - 60 * n}" for n in range(scenario.at, -1, -1)]
    return "\n".join([*lines, *ups, "# EOF\n"])


def made_blocks(folder, text):
    folder.mkdir()
    (folder.parent / "past.om").write_text(text)
    words = ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder.parent / "past.om", folder]
    subprocess.run(words, check=True, capture_output=True)


def backfilled(server, blocks, groups, start, end, folder):
    """Let promtool record rules over the past of a running server, into the blocks; it leaves its last step out."""
    path = folder / "pass.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "interval": "1m", "rules": groups}]}))
    words = [
        "promtool", "tsdb", "create-blocks-from", "rules", f"--start={start}", f"--end={end + 60}", "--eval-interval=60s",
        f"--url={server.url}", f"--output-dir={blocks}", path,
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True)


def recordings(file, *names):
    found = [r.document() for g in file.groups for r in g.rules if not r.alert]
    return [r for r in found if r["record"].startswith(names)]


class Answers:
    """What everybody says at one instant."""

    def __init__(self, server, end, definitions):
        self.server, self.end, self.definitions = server, end, definitions
        self.files = {form: rules(definitions, Wanted(form)) for form in ("exact", "sloth", "pyrra")}

    def rule(self, form, record, **labels):
        """The value of a recording rule's expression at the end, or None where it gives nothing."""
        rule = next(
            r for g in self.files[form].groups for r in g.rules
            if not r.alert and r.name == record and labels.items() <= dict(r.labels).items()
        )  # fmt: skip
        # a group is evaluated once a minute at an instant of its own, so what it records of a minute is there 59 s later
        found = self.server.query(rule.expr, self.end + (59 if form == "exact" else 0))
        value = float(found[0]["value"][1]) if found else None
        return None if value is None or math.isnan(value) else value

    def standing(self, name):
        """Our standing from the same readings, asked of the same server."""
        objective = next(o for o in self.definitions.objectives if o.name == name)
        minute = self.end // 60
        indicator, source = self.definitions.indicators[name], self.definitions.sources["prom"]
        series, _ = read(Client(self.server.url), indicator, source, Span(minute - 43_200, minute))
        return evaluate(objective, Evidence(series), datetime.fromtimestamp(self.end, UTC))


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    require("prometheus", shutil.which("prometheus") and shutil.which("promtool"), "install the package prometheus")
    from bench.prometheus_server import serving

    folder = tmp_path_factory.mktemp("beside")
    end, blocks = int(time.time()) // 60 * 60 - 600, folder / "blocks"
    start = end - 250 * 60
    made_blocks(blocks, openmetrics(end))
    text = HEAD.format(url="http://127.0.0.1:9") + "".join(
        ONE.format(name=named(s)) for s in scenarios(Fraction(1, 1000))
    )
    found = load_texts([("d.yaml", text)])
    assert found.errors == ()
    exact, sloth = rules(found, Wanted("exact")), rules(found, Wanted("sloth"))
    with serving(blocks, folder / "one") as server:
        first = recordings(exact, "nines:sli_minute:")
        backfilled(server, blocks, first, start, end, folder)
        backfilled(server, blocks, recordings(sloth, "slo:sli_error:ratio_rate5m"), start, end, folder)
    with serving(blocks, folder / "two") as server:
        backfilled(server, blocks, recordings(exact, "nines:sli_window:"), end - 60, end, folder)
    loaded = {"groups": [g.document() for f in (exact, sloth, rules(found, Wanted("pyrra"))) for g in f.groups]}
    with serving(blocks, folder / "three", yaml.safe_dump(loaded), 2) as server:
        yield Answers(server, end, found)


SCENARIOS = [s.name for s in scenarios(Fraction(1, 1000))]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_exact_form_records_what_nines_counts(answers, scenario):
    name = scenario.replace(" ", "-")
    standing = answers.standing(name)
    one = next(e for e in exported(answers.definitions) if e.objective.name == name)
    own = {"objective": f"{name}@30d"}
    counts = [answers.rule("exact", f"nines:sli_window:{k}", window="30d", **own) or 0 for k in ("good", "bad")]
    assert counts == [standing.outcome.counts.good, standing.outcome.counts.bad]
    for window in lookbacks(one):
        text = f"{window // MINUTE}m" if window < timedelta(hours=1) else None
        label = text or {60: "1h", 120: "2h", 360: "6h", 1440: "1d", 4320: "3d", 43_200: "30d"}[window // MINUTE]
        theirs = answers.rule("exact", "nines:slo:burn_rate", window=label, **own)
        ours = standing.outcome.sli if label == "30d" else standing.burn_rates[label].rate
        if ours is not None and label == "30d":
            ours = (1 - ours) * 1000
        assert (theirs is None) == (ours is None), label
        assert theirs is None or abs(theirs - float(ours)) <= 1e-9 * max(1, float(ours)), label


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_other_forms_agree_or_differ_as_the_table_says(answers, scenario):
    name = scenario.replace(" ", "-")
    standing = answers.standing(name)
    hour, whole = standing.burn_rates["1h"].rate, standing.outcome.sli
    ours = {"1h": None if hour is None else float(hour) / 1000, "30d": None if whole is None else float(1 - whole)}
    theirs = {
        "sloth 1h": answers.rule("sloth", "slo:sli_error:ratio_rate1h", sloth_slo=name),
        "sloth 30d": answers.rule("sloth", "slo:sli_error:ratio_rate30d", sloth_slo=name),
        "pyrra 1h": _pyrra_hour(answers, name),
        "pyrra 30d": _pyrra_window(answers, name),
    }
    found = {}
    for key, value in theirs.items():
        mine = ours[key.split()[1]]
        alike = value is not None and mine is not None and abs(value - mine) <= 1e-9
        found[key] = "same" if alike else "gap"
    assert found == {k: v if v == "same" else "gap" for k, v in TABLE[scenario].items()}, (theirs, ours)


def _pyrra_hour(answers, name):
    """Pyrra's ratio over an hour; on 30 days its own lookback is 64 minutes, so the hour is put in."""
    rule = next(
        r for g in answers.files["pyrra"].groups if g.name == name for r in g.rules if r.name.endswith("burnrate1h4m")
    )
    found = answers.server.query(rule.expr.replace("[1h4m]", "[1h]"), answers.end)
    value = float(found[0]["value"][1]) if found else math.nan
    return None if math.isnan(value) else value


def _pyrra_window(answers, name):
    """Pyrra's error share over the window: increases of errors, or nothing, by increases of all."""
    series = f'http_requests_total{{job="{name}"'
    query = f'(sum(increase({series},code="500"}}[30d])) or vector(0)) / sum(increase({series}}}[30d]))'
    value = float(answers.server.query(query, answers.end)[0]["value"][1])
    return None if math.isnan(value) else value


@pytest.mark.slow
def test_all_three_rule_files_run_in_the_server_without_a_failure(answers):
    until = time.monotonic() + 60
    while answers.server.metric("prometheus_rule_group_iterations_total") < 21 and time.monotonic() < until:
        time.sleep(0.5)
    assert answers.server.metric("prometheus_rule_group_iterations_total") >= 21
    assert answers.server.metric("prometheus_rule_evaluation_failures_total") == 0
