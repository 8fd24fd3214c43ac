"""What prints an answer prints it as a table, JSON or CSV, for the tenant named, and nothing else on standard output."""

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from nines.cli.main import app

DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: log}
spec: {type: csv, columns: {time: ts, http_status: code}}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: ok}
spec: {source: log, good: http_status < 500}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: checkout}
spec: {service: shop, indicator: ok, target: 99%, window: 1h}
"""


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "a.yaml").write_text(DEFINITIONS)
    (tmp_path / "log.csv").write_text("ts,code\n2026-03-01T12:00:00Z,200\n")
    return tmp_path


def nines(*words):
    return CliRunner().invoke(app, [str(w) for w in words])


def test_evaluate_names_the_tenant_it_was_given(desk):
    words = ("evaluate", "--definitions", desk / "a.yaml", "--events", desk / "log.csv", "--format", "json")
    assert json.loads(nines(*words, "--tenant", "bank").stdout)[0]["tenant"] == "bank"
    assert json.loads(nines(*words).stdout)[0]["tenant"] == "default"


def test_a_token_is_printed_as_asked(tmp_path):
    words = ("token", "make", "--scope", "see", "--data", tmp_path, "--tenant", "bank", "--format")
    plain = nines(*words, "table", "ci").stdout
    assert plain.startswith("nines_")
    assert plain.count("\n") == 1
    (told,) = json.loads(nines(*words, "json", "agent").stdout)
    (row,) = csv.DictReader(io.StringIO(nines(*words, "csv", "probe").stdout))
    assert (told["tenant"], row["tenant"], told["name"]) == ("bank", "bank", "agent")
    assert told["secret"].startswith("nines_")
    assert row["secret"] != told["secret"]
