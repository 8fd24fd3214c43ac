"""Back-tests and searches on real machines with their labels: reports that come out the same twice."""

import json
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
