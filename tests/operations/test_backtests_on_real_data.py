"""Back-tests and searches on real machines with their labels: reports that come out the same twice."""

import csv
import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from nines.alerting.scoring import Incident
from nines.operations.backtest_showing import report_json
from nines.operations.proving import Asked, Files, prove
from nines.operations.tuning import search, tuning_markdown, tuning_rows
from nines.reading import instant
from operations.test_alerting import NOON
from shared_data import ROOT, shared

DEFINITIONS = ROOT / "examples" / "nab-cloudwatch"
FOLDER = "realAWSCloudwatch"


def question(name):
    """Return a machine's CPU, and the windows its publishers say were odd."""
    data = shared("nab")
    labels = json.loads((data / "labels" / "combined_windows.json").read_text())[f"{FOLDER}/{name}"]
    odd = tuple(Incident(*(instant(f"{text[:19].replace(' ', 'T')}Z") for text in pair)) for pair in labels)
    place = Files((DEFINITIONS,), (("cpu", data / "data" / FOLDER / name),))
    return place, Asked("cpu-samples", given=odd)


def test_a_report_on_a_labelled_machine_comes_out_the_same_twice():
    place, asked = question("ec2_cpu_utilization_5f5533.csv")
    first, second = (report_json(prove(place, asked, ["google-workbook"], now=NOON)) for _ in range(2))
    assert first == second
    (score,) = first["scores"]
    assert len(score["incidents"]) == 2
    assert score["caught"] + sum(i["paged"] == "missed" for i in score["incidents"]) == 2


@pytest.mark.slow
def test_a_search_shows_tuned_and_held_out_weeks():
    place, asked = question("grok_asg_anomaly.csv")
    found = search(place, asked, "google-workbook", Fraction(5), now=NOON)
    assert [row["weeks"] for row in tuning_rows(found)][:2] == ["tuned", "held out"]
    assert "held out" in tuning_markdown(found)


def pets(tmp_path):
    """Write how a shop's front fared around each injected fault, a sample every five minutes; return the faults."""
    rows, faults = {}, []
    for issue in sorted((shared("rca_petshop") / "dataset" / "low_traffic").glob("*/issue_*")):
        target = json.loads((issue / "target.json").read_text())["target"]
        if (target["node"], target["metric"]) != ("PetSite", "availability"):
            continue
        table = list(csv.reader((issue / "metrics.csv").open(encoding="utf-8")))
        place = next(i for i, head in enumerate(zip(*table[:2], strict=True)) if head == ("PetSite", "availability"))
        rows |= {float(row[0]): float(row[place]) for row in table[4:] if row[place]}
        at = datetime.fromtimestamp(target["timestamp"], UTC)
        faults.append(Incident(at - timedelta(minutes=10), at + timedelta(minutes=10), issue.name))
    lines = [f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S},{100 - good}" for at, good in sorted(rows.items())]
    (tmp_path / "pets.csv").write_text("timestamp,value\n" + "\n".join(lines) + "\n")
    return faults


def test_a_shop_with_injected_faults_gives_a_report_with_limits(tmp_path):
    faults = pets(tmp_path)
    text = (DEFINITIONS / "definitions.yaml").read_text().replace("bound: 60", "bound: 10")
    (tmp_path / "definitions.yaml").write_text(text)
    place = Files((tmp_path / "definitions.yaml",), (("cpu", tmp_path / "pets.csv"),))
    found = prove(place, Asked("cpu-samples", given=tuple(faults)), ["google-workbook"], now=NOON)
    (score,) = found.scores
    assert len(score.caught) == len(faults) > 5
    low, high = score.recall
    assert low <= Fraction(score.found, len(faults)) <= high
