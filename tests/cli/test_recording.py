"""What puts something on record tells it as one document, one row, or one sentence; every command takes what it should."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
import typer
from typer.testing import CliRunner

from nines.cli.main import app

DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: log}
spec: {type: csv, columns: {time: ts, http_status: code}, heartbeat: {gap: 50000m}}
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
spec: {service: shop, indicator: ok, target: 50%, window: {calendar: month}}
"""
LOG = (
    "ts,code\n2026-03-01T12:00:00Z,200\n2026-03-02T12:00:00Z,500\n2026-03-03T12:00:00Z,200\n2026-04-01T12:00:00Z,200\n"
)
#: Commands that print no answer of ours, with why; all others take --format.
FORMLESS = {
    "schema": "a JSON Schema",
    "export": "the other tool's own form",
    "serve": "stays",
    "agent": "stays, or sends once",
}


def nines(*words, code=0):
    done = CliRunner().invoke(app, [str(w) for w in words])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    (folder / "a.yaml").write_text(DEFINITIONS)
    (folder / "log.csv").write_text(LOG)
    nines("apply", folder / "a.yaml", "--effective", "2026-01-01T00:00:00Z", "--data", folder / "d", "--tenant", "bank")
    nines("ingest", folder / "log.csv", "--source", "log", "--data", folder / "d", "--tenant", "bank")
    return folder / "d"


def told(data, *words):
    """Return what a command tells of its record as JSON."""
    return json.loads(nines(*words, "--data", data, "--tenant", "bank", "--format", "json").stdout)


def test_a_closed_statement_is_told_with_its_verdict_and_an_exclusion_with_the_correction_it_made(data):
    closed = told(data, "statement", "close", "checkout@month", "--at", "2026-03-10T00:00:00Z")
    assert (closed["objective"], closed["tenant"], closed["verdict"], closed["exact"]) == (
        "checkout",
        "bank",
        "met",
        "2/3",
    )
    assert (closed["start"], closed["end"]) == ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")
    day = ("--from", "2026-03-02T00:00:00Z", "--to", "2026-03-03T00:00:00Z")
    assert told(data, "exclude", "dig", *day)["corrections"] == ["checkout@month"]
    gone = told(data, "exclude", "dig", "--withdraw")
    assert (gone["exclusion"], gone["state"], gone["corrections"]) == ("dig", "withdrawn", ["checkout@month"])


def test_a_standing_names_the_tenant_it_is_of(data):
    (standing,) = json.loads(nines("status", "--data", data, "--tenant", "bank", "--format", "json", code=3).stdout)
    assert standing["tenant"] == "bank"


def test_a_note_a_backfill_and_a_revoked_token_are_told(data):
    note = told(data, "annotate", "checkout", " a digger ", "--at", "2026-03-02T12:00:00Z")
    assert note == {
        "subject": "checkout", "tenant": "bank", "about": "2026-03-02T12:00:00+00:00", "text": "a digger",
        "summary": "noted on checkout",
    }  # fmt: skip
    assert told(data, "backfill", "checkout", "--from", "2026-03-01T00:00:00Z")["minutes"] is None
    told(data, "token", "make", "ci", "--scope", "see")
    assert told(data, "token", "revoke", "ci")["state"] == "revoked"


def test_a_silence_is_told_when_it_begins_and_when_it_is_ended(data):
    to = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    made = told(data, "silence", "add", "move", "--match", "service=shop", "--to", to, "--reason", "a move")
    assert (made["name"], made["matches"], made["to"]) == ("move", {"service": ["shop"]}, to)
    assert told(data, "silence", "end", "move")["state"] == "ended"


def test_people_come_join_and_leave_in_csv_too(data):
    told(data, "user", "add", "ann", "--password", "four small words here")
    words = ("user", "join", "ann", "--of", "bank", "--data", data, "--tenant", "mill", "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(nines(*words).stdout))
    assert (row["name"], row["of"], row["tenant"], row["role"]) == ("ann", "bank", "mill", "viewer")
    left = nines("user", "leave", "ann", "--of", "bank", "--data", data, "--tenant", "mill")
    assert left.stdout == ""
    assert left.stderr == "ann of bank has no role in mill any more\n"


def test_files_that_are_rewritten_are_listed(tmp_path):
    (tmp_path / "a.yaml").write_text(DEFINITIONS.replace("kind: Service", "kind:   Service"))
    (row,) = json.loads(nines("fmt", "--check", tmp_path, "--format", "json", code=1).stdout)
    assert row == {"file": str(tmp_path / "a.yaml"), "what": "would rewrite"}


def test_a_status_before_anything_was_in_force_says_why_it_is_empty(data):
    words = ("status", "--data", data, "--tenant", "bank", "--at", "2025-01-01T00:00:00Z")
    assert "no objective in force at 2025-01-01 00:00 UTC" in nines(*words, code=3).stderr


def test_an_absent_value_is_an_empty_cell(capsys):
    from nines.cli.output import Format, rows

    rows(("probe", "last run"), [{"probe": "door", "last run": None}], Format.table)
    assert "None" not in capsys.readouterr().out


def commands(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), {option for p in command.params for option in p.opts}


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - set(FORMLESS)))
def test_every_command_that_prints_takes_a_format(name):
    assert "--format" in COMMANDS[name]


@pytest.mark.parametrize("name", sorted(n for n, o in COMMANDS.items() if "--data" in o and n not in {"serve", "demo"}))
def test_every_command_about_what_is_stored_takes_a_tenant(name):
    assert "--tenant" in COMMANDS[name]
