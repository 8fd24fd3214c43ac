"""Native histograms of remote write: the cases of prometheus/compliance, and what becomes of buckets."""

import math
import struct

import pytest

from nines.protocols.remote_write import decode
from nines.telemetry.counters import NOT_SAID
from nines.telemetry.readings import SeriesBook
from protocols.sender import Sent, request

NOW = 1_772_323_200_000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
BOTH = pytest.mark.parametrize("version", ["1.0", "2.0"])
POSITIVE = {"positive_spans": [(0, 3), (2, 2)], "positive_deltas": [1, 2, 1, 3, 1]}
NEGATIVE = {"negative_spans": [(0, 2)], "negative_deltas": [1, 1]}
BOUNDS = {"schema": -53, "custom_values": [0.1, 0.5, 1.0, 2.5, 5.0, 10.0]}
CUSTOM = BOUNDS | {"positive_spans": [(0, 6)], "positive_deltas": [2, 1, 2, 3, -1, -2], "count_int": 30}


def received(fields, version="2.0", *, keep=lambda _: True, labels=(("__name__", "h"), ("job", "a"))):
    sent = [Sent(labels, histograms=[{"timestamp": NOW, "sum": 1.5} | each]) for each in fields]
    body, headers = request(sent, version)
    book = SeriesBook(keep)
    new, known = (decode(body, headers, book, now_ms=NOW) for _ in range(2))
    assert values(new) == values(known)
    return known


def values(decoded):
    found = decoded.readings
    return [
        (*(dict(found.labels[s]).get(n, "") for n in ("__name__", "le")), v)
        for s, v in zip(found.series.tolist(), found.values.tolist(), strict=True)
        if not math.isnan(v)
    ]


@BOTH
@pytest.mark.parametrize(
    ("fields", "count"),
    [
        (POSITIVE | NEGATIVE | {"zero_count_int": 1, "count_int": 27}, 27),
        (POSITIVE | {"zero_count_int": 1, "count_int": 24}, 24),
        (NEGATIVE | {"count_int": 3}, 3),
        ({"zero_count_int": 1, "count_int": 1}, 1),
        ({"count_int": 0, "sum": 0.0}, 0),
        (POSITIVE | {"count_int": 25, "sum": math.nan}, 25),
    ],
)
def test_exponential_histograms_give_count_and_sum_and_say_that_buckets_are_not_kept(version, fields, count):
    decoded = received([fields], version)
    assert decoded.status == 204
    assert decoded.written.histograms == 1
    assert values(decoded)[0] == ("h_count", "", count)
    assert len(decoded.readings) == 2
    assert decoded.notes == ["1 histograms with exponential buckets: count and sum are kept"]


@BOTH
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (POSITIVE | {"count_int": 99}, "its buckets hold 23 observations, its count says 99"),
        (POSITIVE | {"count_int": 22, "sum": math.nan}, "its buckets hold 23 observations, its count says 22"),
        (POSITIVE | {"count_int": 23, "schema": 60}, "there is no bucket schema 60"),
        (POSITIVE | {"count_int": 23, "positive_spans": [(0, 4)]}, "its positive spans do not have as many buckets"),
        (POSITIVE | {"count_int": 23, "positive_spans": [(0, 2**32 - 1)]}, "its positive spans do not have as many"),
        (POSITIVE | {"count_int": 23, "positive_spans": [(0, 3), (-1, 2)]}, "its positive spans overlap"),
        ({"count_int": 0, "positive_spans": [(0, 2)], "positive_deltas": [1, -2]}, "it counts less than nothing"),
        ({"count_float": -1.0}, "it counts less than nothing"),
        ({"count_float": math.nan}, "it counts less than nothing"),
        ({"count_int": 0, "custom_values": [1.0]}, "it states bounds in a schema that has its own"),
        (CUSTOM | {"custom_values": [0.1, 0.5, 1.0, 1.0, 5.0, 10.0]}, "its bucket bounds do not ascend"),
        (CUSTOM | {"custom_values": [0.1, 0.5, 1.0, 2.5, 5.0, math.inf]}, "its bucket bounds do not ascend"),
        (CUSTOM | {"custom_values": [0.1, 0.5]}, "its spans lie outside its bounds"),
        (CUSTOM | {"positive_spans": [(-1, 6)]}, "its spans lie outside its bounds"),
        (CUSTOM | {"zero_count_int": 1}, "it has stated bounds and yet a zero or negative bucket"),
        (
            POSITIVE | {"count_int": 23, "timestamp": NOW + 600_001},
            f"its instant {NOW + 600_001} is more than 10 minutes",
        ),
        (POSITIVE | {"count_int": 23, "timestamp": 0}, "its instant 0 is not after 1970"),
    ],
)
def test_a_bad_histogram_is_refused_and_its_neighbours_are_kept(version, fields, reason):
    decoded = received([CUSTOM, fields, CUSTOM | {"timestamp": NOW - 1}], version)
    assert (decoded.status, decoded.written.histograms, len(decoded.readings)) == (400, 2, 18)
    assert len(decoded.problems) == 1
    assert decoded.problems[0].startswith(f"series 2, a histogram: {reason}")


@BOTH
def test_stated_bounds_become_the_cumulative_series_of_a_classic_histogram(version):
    decoded = received([CUSTOM], version)
    assert decoded.status == 204
    assert decoded.notes == []
    assert values(decoded) == [
        ("h_count", "", 30), ("h_sum", "", 1.5),
        ("h_bucket", "0.1", 2), ("h_bucket", "0.5", 5), ("h_bucket", "1.0", 10), ("h_bucket", "2.5", 18),
        ("h_bucket", "5.0", 25), ("h_bucket", "10.0", 30), ("h_bucket", "+Inf", 30),
    ]  # fmt: skip
    assert all(dict(labels)["job"] == "a" for labels in decoded.readings.labels.values())


def test_observations_beyond_the_last_bound_and_empty_buckets_are_counted_right():
    fields = BOUNDS | {"positive_spans": [(1, 1), (4, 1)], "positive_deltas": [4, -1], "count_int": 7}
    assert [v for name, _, v in values(received([fields])) if name == "h_bucket"] == [0, 4, 4, 4, 4, 4, 7]


def test_histograms_of_floating_counts_are_read_too():
    fields = BOUNDS | {"positive_spans": [(0, 2)], "positive_counts": [1.5, 2.0], "count_float": 3.5}
    decoded = received([fields])
    assert values(decoded)[0] == ("h_count", "", 3.5)
    assert [v for name, _, v in values(decoded) if name == "h_bucket"] == [1.5, 3.5, 3.5, 3.5, 3.5, 3.5, 3.5]


def test_a_stale_histogram_ends_each_of_its_series():
    decoded = received([BOUNDS | {"sum": STALE}])
    assert decoded.status == 204
    assert len(decoded.readings) == 9
    assert set(decoded.readings.values.view("u8").tolist()) == {0x7FF0000000000002}


def test_a_gauge_histogram_counts_no_events_and_is_named_as_not_kept():
    decoded = received([POSITIVE | {"count_int": 23, "reset_hint": 3}])
    assert (decoded.status, decoded.written.histograms, decoded.dropped, len(decoded.readings)) == (204, 1, 1, 0)
    assert decoded.notes == ["1 gauge histograms: nothing is kept, they count no events"]


def test_the_start_of_a_histogram_is_the_creation_of_its_readings():
    assert set(received([CUSTOM | {"start_timestamp": NOW - 9}]).readings.created.tolist()) == {NOW - 9}
    late = received([CUSTOM | {"start_timestamp": NOW + 9}])
    assert set(late.readings.created.tolist()) == {NOT_SAID}
    assert late.notes == ["1 samples start after they end: kept without a start"]


@BOTH
def test_only_needed_series_of_a_histogram_are_kept(version):
    needed = received([CUSTOM], version, keep=lambda labels: labels.get("le") in {"0.5", "+Inf"})
    assert values(needed) == [("h_bucket", "0.5", 5), ("h_bucket", "+Inf", 30)]
    assert needed.dropped == 0
    assert received([CUSTOM], version, keep=lambda _: False).dropped == 1


def test_samples_and_histograms_in_one_series_are_refused_in_version_two():
    both = Sent([("__name__", "h")], [(1.0, NOW, 0)], [CUSTOM | {"timestamp": NOW, "sum": 1.0}])
    body, headers = request([both], "2.0")
    decoded = decode(body, headers, SeriesBook(lambda _: True), now_ms=NOW)
    assert (decoded.status, decoded.problems) == (400, ["series 1: it has samples and histograms"])


def test_a_histogram_whose_labels_have_a_bound_already_is_refused():
    decoded = received([CUSTOM], labels=[("__name__", "h"), ("le", "1")])
    assert decoded.problems == ["series 1, a histogram: label 'le' is there twice"]


def test_a_nameless_histogram_is_refused():
    assert received([CUSTOM], labels=[("job", "a")]).status == 400


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (0.005, "0.005"), (0.0, "0.0"), (-0.0, "0.0"), (1, "1.0"), (-2.5, "-2.5"), (100_000, "100000.0"), (1e6, "1e+06"),
        (123_456_789.0, "1.23456789e+08"), (1e-4, "0.0001"), (1e-5, "1e-05"), (1e100, "1e+100"), (-math.inf, "-Inf"),
    ],
)  # fmt: skip
def test_bounds_are_written_as_prometheus_writes_them(bound, text):
    from nines.protocols.remote_write_histograms import le

    assert le(bound) == text
