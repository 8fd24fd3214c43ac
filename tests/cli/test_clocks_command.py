"""`nines clocks` and what `nines status` says of an indicator whose clocks are unsure."""

import json
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from nines.cli.main import app
from operations.test_clocks import NOW, furnished
from shared_data import shared

SKEW = str(shared("traces_zipkin") / "testdata" / "skew.json")


def run(*words):
    return CliRunner().invoke(app, list(words))


def test_a_file_of_zipkins_gives_its_offset_and_names_the_impossible_child():
    answer = run("clocks", "--spans", SKEW)
    assert answer.exit_code == 0
    assert "-65.922 ± 0.483" in answer.output
    assert "1 spans start before the span on another host that caused them: 74280ae0c10d8062" in answer.output


@pytest.mark.parametrize(
    ("show", "head"),
    [
        ("pairs", "first,second,calls"), ("minutes", "first,second,minute"), ("hosts", "first,second,offset ms"),
        ("violations", "at,host,span"),
    ],
)  # fmt: skip
def test_each_table_comes_as_csv(show, head):
    answer = run("clocks", "--spans", SKEW, "--show", show, "--format", "csv")
    assert answer.stdout.startswith(head)
    assert len(answer.stdout.splitlines()) == 2


def test_json_has_whole_nanoseconds():
    (pair,) = json.loads(run("clocks", "--spans", SKEW, "--format", "json").stdout)["pairs"]
    assert (pair["whole"]["low_ns"], pair["whole"]["high_ns"]) == (-66_405_000, -65_439_000)


def test_nothing_known_ends_with_3(tmp_path):
    assert run("clocks", "--data", str(tmp_path)).exit_code == 3


def test_status_says_untrusted_with_figures(tmp_path):
    furnished(tmp_path, against="200ms")
    answer = run("status", "--data", str(tmp_path), "--at", NOW.isoformat())
    assert "untrusted: the clocks of shop-1 and cart-1 are bounded to +/- 11." in answer.output
    later = run("status", "--data", str(tmp_path), "--at", (NOW + timedelta(hours=2)).isoformat())
    assert "untrusted: nothing bounds the clocks of shop-1 and cart-1" in later.output
