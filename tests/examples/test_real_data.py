"""Real data: figures that others published, or that can be counted by hand, come out of the examples."""

import csv
import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from nines.operations.evaluating import evaluate_files
from nines.reading import instant
from shared_data import shared

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def standings(example, source, path, at=None):
    answer = evaluate_files([EXAMPLES / example], [(source, path)], at=instant(at) if at else None, known_at=None)
    return {s.objective: s for s in answer.standings}


def test_three_server_errors_of_an_apache_log_are_counted():
    found = standings("apache-2015", "access-log", shared("http_elastic_apache_2015") / "apache_logs")
    lines = (shared("http_elastic_apache_2015") / "apache_logs").read_text(errors="replace").splitlines()
    assert sum('" 500 ' in line for line in lines) == 3
    assert (found["served"].outcome.counts.bad, found["served"].outcome.coverage) == (3, 1)


def test_an_hour_is_good_only_by_its_own_ratio():
    found = standings("apache-2015", "access-log", shared("http_elastic_apache_2015") / "apache_logs")
    assert found["served-hours"].outcome.sli == Fraction(69, 72)


class TestAServerThatWasShutDown:
    def ask(self, at):
        return standings("nasa-1995", "requests", shared("http_nasa_19950801") / "nasa_19950801.tsv", at)

    def test_while_it_ran_its_requests_are_known(self):
        found = self.ask("1995-08-01T18:50:00Z")["found-12h"]
        assert found.outcome.counts.total > 25_000
        assert found.outcome.coverage > Fraction(99, 100)

    def test_four_hours_after_the_last_line_there_is_no_data_and_never_a_hundred_percent(self):
        found = self.ask("1995-08-01T23:00:00Z")["up-minutes"]
        assert (found.outcome.sli, found.verdict, found.outcome.coverage) == (None, "unknown", 0)
        assert all(burn.rate is None for name, burn in found.burn_rates.items() if name in {"5m", "30m", "1h", "2h"})

    def test_silence_leaves_the_longer_window_open(self):
        found = self.ask("1995-08-01T23:00:00Z")["found-12h"]
        assert found.verdict == "unknown"
        assert found.outcome.bounds.low < found.outcome.sli < found.outcome.bounds.high


MONITORS = [
    ("upptime-seklfreak", "upptime_seklfreak_2020", "2022-07-26T23:00:00Z", "wikipedia", "Wikipedia"),
    ("upptime-seklfreak", "upptime_seklfreak_2020", "2022-07-26T23:00:00Z", "hacker-news", "Hacker News"),
    ("upptime-seklfreak", "upptime_seklfreak_2020", "2022-07-26T23:00:00Z", "google", "Google"),
    ("upptime-tabby", "upptime_tabby_2023", "2024-06-05T23:00:00Z", "hugging-face", "Hugging Face"),
    ("upptime-tabby", "upptime_tabby_2023", "2024-06-05T23:00:00Z", "github", "GitHub"),
    ("upptime-tabby", "upptime_tabby_2023", "2024-06-05T23:00:00Z", "tabby-demo", "Tabby Demo"),
]


def row_share(folder, site):
    with (folder / "checks.csv").open() as file:
        states = Counter(row["state"] != "down" for row in csv.DictReader(file) if row["site"] == site)
    return 100 * states[True] / sum(states.values())


@pytest.mark.parametrize(("example", "data", "at", "name", "site"), MONITORS, ids=str)
def test_time_in_a_state_agrees_with_the_monitors_own_figure(example, data, at, name, site):
    published = {
        s["name"]: float(s["uptime"].rstrip("%"))
        for s in json.loads((shared(data) / "history/summary.json").read_text())
    }
    found = standings(example, "checks", shared(data) / "checks.csv", at)[name]
    assert abs(float(found.aggregated.value) * 100 - published[site]) <= 0.05


@pytest.mark.parametrize(
    ("example", "data", "at", "name", "site"),
    [m for m in MONITORS if m[3] not in {"google", "github"}],
    ids=str,
)
def test_counting_rows_instead_would_be_wrong_by_whole_points(example, data, at, name, site):
    published = {
        s["name"]: float(s["uptime"].rstrip("%"))
        for s in json.loads((shared(data) / "history/summary.json").read_text())
    }
    assert published[site] - row_share(shared(data), site) > 1.5


@pytest.mark.parametrize("name", ["broken-site", "secret-site"])
def test_a_site_that_never_answered_reads_zero_whatever_the_monitor_prints(name):
    data = shared("upptime_seklfreak_2020")
    found = standings("upptime-seklfreak", "checks", data / "checks.csv", "2022-07-26T23:00:00Z")[name]
    assert (found.aggregated.value, found.verdict) == (0, "missed")


def test_thresholds_on_a_machines_cpu_hold_the_sketch_to_its_error_and_count_samples_exactly():
    path = shared("nab") / "data/realAWSCloudwatch/ec2_cpu_utilization_5f5533.csv"
    found = standings("nab-cloudwatch", "cpu", path)
    with path.open() as file:
        values = [float(row["value"]) for row in csv.DictReader(file)]
    week = sorted(values[-2016:])
    exact = week[-(-len(week) * 95 // 100) - 1]
    p95, mean, samples = found["cpu-p95"], found["cpu-mean"], found["cpu-samples"]
    assert p95.aggregated.samples == samples.outcome.counts.total == 2016
    assert abs(float(p95.aggregated.value) - exact) <= 0.01 * exact
    assert abs(float(mean.aggregated.value) - sum(week) / len(week)) < 1e-6
    assert samples.outcome.counts.bad == sum(v > 60 for v in week)
    assert (p95.verdict, mean.verdict, samples.verdict) == ("met", "missed", "met")


def test_three_scopes_of_one_log_stand_side_by_side_with_their_reason():
    log = shared("http_elastic_apache_2015") / "apache_logs"
    answer = evaluate_files([EXAMPLES / "apache-2015"], [("access-log", log)], at=None, known_at=None)
    event, window, session = answer.scopes["served@3d"]
    assert (event.good, event.bad, window.good, window.bad) == (8594, 3, 69, 3)
    assert (session.sli, bool(session.reason)) == (None, True)
