"""`nines alerts`, `alert ack`, `silence`, `notifications` and `budget`, as somebody types them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from nines.cli.main import app
from nines.errors import NinesError
from nines.operations import ingesting
from nines.operations.alerting import Alarms
from nines.operations.house import local_principal, open_house
from operations.test_alerting import DEFINITIONS
from operations.test_budget_policies import POLICY

KEY = "checkout@30d/page-1h"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A house in which an hour in which all was bad has just been judged."""
    folder = tmp_path_factory.mktemp("alerting")
    (folder / "slo.yaml").write_text(DEFINITIONS.replace("URL", "http://127.0.0.1:9") + POLICY)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    begins = (now - timedelta(days=1)).isoformat()
    done = CliRunner().invoke(
        app, ["apply", str(folder / "slo.yaml"), "--effective", begins, "--data", str(folder / "data")]
    )
    assert done.exit_code == 0, done.output
    house, who = open_house(folder / "data", now=now), local_principal("default")
    rows = [
        {"time": (now - timedelta(minutes=m, seconds=30)).isoformat(), "http_status": code}
        for m in range(60)
        for code in (500, 500)
    ]
    ingesting.ingest_rows(house, who, "shop", rows, now=now, key=None)
    ingesting.flush(house, now=now)
    Alarms(house, "default").tick(now)
    house.lake.inbox.close()
    return folder


@pytest.fixture
def call(folder):
    return lambda *words: CliRunner().invoke(app, [*words, "--data", str(folder / "data")])


def test_what_fires_is_listed_and_ends_with_one(call):
    done = call("alerts", "--format", "csv")
    assert done.exit_code == 1
    assert f"{KEY},firing,page" in done.stdout


def test_taking_it_on_shows_who_has(call):
    done = call("alert", "ack", KEY, "--note", "looking")
    assert (done.exit_code, done.stderr) == (0, f"{KEY} is taken on by local\n")
    found = {a["key"]: a["acknowledged"] for a in json.loads(call("alerts", "--format", "json").stdout)}
    assert found[KEY]["note"] == "looking"


def test_a_silence_is_added_listed_and_ended(call):
    to = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    done = call("silence", "add", "deploy", "--match", "team=shop", "--to", to, "--reason", "migration")
    assert done.exit_code == 0, done.output
    assert "deploy,team=shop" in call("silence", "list", "--format", "csv").stdout
    assert json.loads(call("silence", "list", "--format", "json").stdout)[0]["matches"] == {"team": ["shop"]}
    assert call("silence", "end", "deploy").exit_code == 0
    assert json.loads(call("silence", "list", "--format", "json").stdout) == []


@pytest.mark.parametrize(
    "words",
    [
        ("silence", "add", "x", "--match", "team", "--to", "2030-01-01T00:00:00Z", "--reason", "y"),
        ("silence", "add", "x", "--match", "a=b", "--to", "2020-01-01T00:00:00Z", "--reason", "y"),
        ("silence", "end", "never"), ("notifications", "test", "nobody"), ("notifications", "retry", "a" * 64, "ops"),
        ("alert", "ack", "cart@30d/page-1h"), ("budget", "except", "care", "--to", "2020-01-01T00:00:00Z"),
        ("budget", "except", "care", "--consequence", "party"), ("budget", "except", "care", "--withdraw", "999"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_a_sentence(call, words):
    assert isinstance(call(*words).exception, NinesError)


def test_messages_are_listed_and_a_target_is_tried(call):
    assert call("notifications", "test", "ops").exit_code == 0
    found = json.loads(call("notifications", "--state", "waiting", "--format", "json").stdout)
    assert {"test", "fired"} <= {m["kind"] for m in found}
    assert "127.0.0.1" not in json.dumps(found)
    assert call("notifications", "--format", "csv").stdout.startswith("put in,target,state")


def test_a_gate_is_stopped_until_somebody_lifts_the_freeze(call):
    stopped = call("budget", "status", "--objective", "checkout", "--format", "json")
    assert (stopped.exit_code, json.loads(stopped.stdout)[0]["frozen"]) == (1, True)
    assert "no changes" in stopped.stderr
    to = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    done = call("budget", "except", "care", "--to", to, "--approver", "ann", "--reason", "a fix")
    assert done.exit_code == 0, done.output
    assert call("budget", "approve", "care", "--change", "pr/7", "--reason", "a fix").exit_code == 0
    passed = call("budget", "status", "--change", "pr/7")
    assert passed.exit_code == 0, passed.output
    assert "ann" not in passed.stdout
    assert "lifted, a fix" in passed.stderr
