"""Real StatsD clients: every line that arrives is counted, with the weight its rate states."""

from fractions import Fraction

import pytest
import statsd
from datadog.dogstatsd import DogStatsd

from receivers.serving import served, until

DEFINITIONS = """
apiVersion: nines/v1
kind: DataSource
metadata: {name: statsd}
spec: {type: statsd}
---
apiVersion: nines/v1
kind: Service
metadata: {name: shop}
spec: {}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: fast}
spec: {source: statsd, where: operation = 'shop.pay', good: duration_ms <= 300}
---
apiVersion: nines/v1
kind: SLI
metadata: {name: orders}
spec: {source: statsd, where: operation = 'shop.orders', good: "attributes['status'] = 'ok'"}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: fast}
spec: {service: shop, indicator: fast, target: 99%, window: 1h}
---
apiVersion: nines/v1
kind: SLO
metadata: {name: orders}
spec: {service: shop, indicator: orders, target: 99%, window: 1h}
"""


@pytest.fixture
def house(tmp_path):
    with served(tmp_path, DEFINITIONS, statsd="127.0.0.1:0") as found:
        yield found


def port_of(house):
    return house.running.ports.open["statsd"]


def test_timers_of_the_statsd_package_are_counted_one_by_one(house):
    client = statsd.StatsClient(*port_of(house).address, prefix="shop")
    for number in range(300):
        client.timing("pay", 500 if number % 10 == 0 else 20)
    until(lambda: port_of(house).lines == 300, 20)
    assert house.total("fast") == (270, 30, 0)


def test_counters_of_the_datadog_package_count_what_they_say_times_their_weight(house):
    host, port = port_of(house).address
    with DogStatsd(host=host, port=port, disable_telemetry=True) as client:
        for number in range(50):
            client.increment("shop.orders", 4, tags=[f"status:{'failed' if number % 5 == 0 else 'ok'}"])
    until(lambda: port_of(house).datagrams > 0 and house.total("orders")[0] > 0, 20)
    assert house.total("orders") == (160, 40, 0)
    assert port_of(house).kernel_drops() in {0, None}


def test_a_sampled_line_weighs_as_much_as_its_rate_says(house):
    client = statsd.StatsClient(*port_of(house).address, maxudpsize=512)
    for _ in range(10):
        client._send("shop.pay:20|ms|@0.3")
    client._send("shop.pay:900|ms|@0.3")
    until(lambda: port_of(house).lines == 11, 20)
    series = house.series("fast")
    assert [s.weight for s in series.strata] == [Fraction(10, 3)]
    assert (Fraction(int(series.good.sum()), series.scale), Fraction(int(series.bad.sum()), series.scale)) == (
        Fraction(100, 3),
        Fraction(10, 3),
    )


def test_a_broken_line_is_counted_and_its_neighbours_are_kept(house):
    client = statsd.StatsClient(*port_of(house).address)
    client._send("shop.pay:20|ms\nnonsense\nshop.pay:900|ms")
    until(lambda: port_of(house).lines == 3, 20)
    assert (port_of(house).malformed, house.total("fast")) == (1, (1, 1, 0))
