"""The reference of alerting names everything a decision and an alert can say."""

from pathlib import Path

import pytest

from nines.alerting.catalogue import PUBLISHED
from nines.alerting.decide import WHYS
from nines.alerting.life import SIGNS, STATES

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference"
ALERTING = (PAGES / "alerting.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", [*WHYS, *SIGNS, *STATES])
def test_a_word_of_a_decision_or_an_alert_stands_on_the_page(word):
    assert f"`{word}`" in ALERTING


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_published_policy_stands_on_its_page(name):
    assert f"## `{name}`\n" in (PAGES / "burn-policies.md").read_text(encoding="utf-8")
