"""The page of metrics shows the last minute's counts, at that minute's end, to those who may see them."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

from nines.alerting.rules_exact import GAUGES
from nines.operations.house import local_principal
from nines.operations.minutes import gauge_lines, last_minutes
from nines.people.rights import Principal
from pages.house_of_shop import NOW, furnish
from parts import require


def test_the_last_minute_stands_at_its_end_and_reading_again_gives_the_same_sample(tmp_path):
    house = furnish(tmp_path)
    found = {m.sli: m for m in last_minutes(house, local_principal("default"), at=NOW + timedelta(seconds=30))}
    assert found["checkout-success"].end == NOW
    counts = found["checkout-success"].counts
    assert (counts["good"] + counts["bad"], counts["known"]) == (12, 1)
    again = last_minutes(house, local_principal("default"), at=NOW + timedelta(seconds=50))
    assert gauge_lines(again, "default") == gauge_lines(found.values(), "default")


def test_every_gauge_is_shown_with_its_instant(tmp_path):
    house = furnish(tmp_path)
    lines = gauge_lines(last_minutes(house, local_principal("default"), at=NOW), "default")
    stamp = str(round(datetime.timestamp(NOW.astimezone(UTC)) * 1000))
    for gauge in GAUGES.values():
        assert any(
            line.startswith(f'{gauge.name}{{sli="search-speed", tenant="default"}} ') and line.endswith(stamp)
            for line in lines
        )


def test_somebody_who_may_not_see_is_shown_nothing(tmp_path):
    house = furnish(tmp_path)
    assert last_minutes(house, Principal.nobody(), at=NOW) == []
    assert gauge_lines([], "default") == []


def test_prometheus_own_checker_takes_the_page(tmp_path):
    program = shutil.which("promtool")
    require("promtool", program, "install the Debian package prometheus")
    house = furnish(tmp_path)
    page = "\n".join(gauge_lines(last_minutes(house, local_principal("default"), at=NOW), "default")) + "\n"
    run = subprocess.run([program, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
