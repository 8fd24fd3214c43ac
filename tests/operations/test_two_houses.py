"""What is remembered of one installation is never told of another, and goes when the installation goes."""

import gc
import weakref
from datetime import UTC, datetime, timedelta

from nines.definitions.load import load_texts
from nines.operations import defining, promises, settling
from nines.operations.house import local_principal, open_house

NOW = datetime(2026, 4, 10, tzinfo=UTC)
WHO = local_principal("default")
SLI = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: shop}
spec: {type: events, settle: auto}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: works}
spec: {source: shop, good: http_status < LIMIT}
"""


def a_house(folder, limit):
    house = open_house(folder, now=NOW)
    text = SLI.replace("LIMIT", str(limit))
    defining.apply_definitions(house, WHO, load_texts([("slo.yaml", text)]), now=NOW)
    return house


def asked(house):
    later = NOW + timedelta(hours=1)
    definitions = promises.in_force(house, "default", at=later)
    settling.with_waits(house, "default", definitions, later)
    wanted = promises.wanted(house, ["default"], at=later)["default"]
    return definitions.indicators["works"].good, [i.good for i in wanted.indicators.values()]


def test_twenty_houses_one_after_another_each_tell_their_own_definitions(tmp_path):
    for limit in range(480, 500):
        house = a_house(tmp_path / str(limit), limit)
        assert asked(house) == (f"http_status < {limit}", [f"http_status < {limit}"])
        del house


def test_a_house_that_is_gone_is_not_held_by_what_was_remembered_of_it(tmp_path):
    house = a_house(tmp_path, 500)
    asked(house)
    store, lake = weakref.ref(house.store), weakref.ref(house.lake)
    del house
    gc.collect()
    assert (store(), lake()) == (None, None)
