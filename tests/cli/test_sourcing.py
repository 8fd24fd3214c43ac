"""`nines sources` and `nines sites` as somebody calls them."""

import json

import pytest
from typer.testing import CliRunner

from nines.cli.main import app

TEXT = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: tills}
spec: {type: statsd, sites: [oslo], settle: auto, settleCap: 20m}
"""


@pytest.fixture
def called(tmp_path):
    (tmp_path / "a.yaml").write_text(TEXT)

    def call(*words):
        done = CliRunner().invoke(app, [*words, "--data", str(tmp_path / "data")])
        assert done.exit_code == 0, done.output
        return done

    call("apply", str(tmp_path / "a.yaml"))
    return call


def test_sources_tell_the_wait_and_that_the_protocol_is_lossy(called):
    (told,) = json.loads(called("sources", "--format", "json").stdout)
    assert (told["name"], told["lossy"], told["settling"]["basis"]) == ("tills", True, "not learned yet")
    assert told["settling"]["cap_s"] == 1200.0
    assert called("sources", "--format", "csv").stdout.splitlines()[1].startswith("tills,statsd,never heard,never,0 s")


def test_sites_tell_who_was_never_heard_and_agents_stand_apart(called):
    (told,) = json.loads(called("sites", "--format", "json").stdout)
    assert (told["site"], told["silent"], told["unknown"]) == ("oslo", True, 0)
    assert json.loads(called("sites", "--agents", "--format", "json").stdout) == []
    assert "never heard" in called("sites").stdout
