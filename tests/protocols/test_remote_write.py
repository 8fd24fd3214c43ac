"""Remote write received: the cases of prometheus/compliance, and what real senders do."""

import math
import struct

import cramjam
import numpy as np
import pytest

from nines.protocols.refusal import Refused
from nines.protocols.remote_write import decode
from nines.telemetry.counters import NOT_SAID
from nines.telemetry.readings import SeriesBook, series_identity
from protocols.receiver import BOTH, EXEMPLARS, HISTOGRAMS, NOW, SAMPLES, STALE, bits, everything, received, rows
from protocols.sender import Sent, first, request, sealed, second, series

# Headers, as Prometheus reads them when it receives.


def test_a_request_without_headers_is_version_one_in_snappy():
    body, _ = request([series("up", 1.0, NOW)])
    decoded = decode(body, {}, SeriesBook(everything), now_ms=NOW)
    assert decoded.status == 204
    assert rows(decoded) == [({"__name__": "up"}, NOW, 1.0, NOT_SAID)]


def test_a_missing_encoding_is_snappy_and_a_missing_message_name_is_version_one():
    body, _ = request([series("up", 1.0, NOW)])
    assert decode(body, {"content-type": "application/x-protobuf"}, SeriesBook(everything), now_ms=NOW).status == 204
    named = "application/x-protobuf; proto=prometheus.WriteRequest"
    assert decode(body, {"content-type": named}, SeriesBook(everything), now_ms=NOW).written.samples == 1


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "image/png", "text/plain", "application/x-protobuf;proto=yolo", ";proto=yolo", "x" * 10_000],
)
def test_another_content_type_is_answered_415_whatever_the_body(content_type):
    body, _ = request([series("up", 1.0, NOW)], "2.0")
    with pytest.raises(Refused) as refused:
        decode(b"0" + body[1:], {"content-type": content_type}, SeriesBook(everything), now_ms=NOW)
    assert refused.value.status == 415
    assert not refused.value.retryable
    assert refused.value.headers == {SAMPLES: "0", HISTOGRAMS: "0", EXEMPLARS: "0"}


@BOTH
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity", "br", "snappy, snappy"])
def test_another_compression_is_answered_415(version, encoding):
    body, headers = request([series("up", 1.0, NOW)], version)
    with pytest.raises(Refused) as refused:
        decode(body, headers | {"content-encoding": encoding}, SeriesBook(everything), now_ms=NOW)
    assert refused.value.status == 415


@BOTH
@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_snappy_and_zstd_give_the_same_readings(version, compression):
    sent = [series("up", 1.0, NOW, job="a"), series("up", 0.0, NOW - 1, job="b")]
    decoded = received(sent, version, compression)
    assert [(labels["job"], t, v) for labels, t, v, _ in rows(decoded)] == [("a", NOW, 1.0), ("b", NOW - 1, 0.0)]


@BOTH
@pytest.mark.parametrize("first_byte", [0x30, 0xFF])
def test_a_corrupt_body_is_answered_400_with_nothing_written(version, first_byte):
    body, headers = request([series("up", 1.0, NOW)], version)
    with pytest.raises(Refused) as refused:
        decode(bytes([first_byte]) + body[1:], headers, SeriesBook(everything), now_ms=NOW)
    assert refused.value.status == 400
    assert refused.value.headers.get(SAMPLES) == (None if version == "1.0" else "0")


@BOTH
def test_the_framed_format_of_snappy_is_refused(version):
    message = first([series("up")]) if version == "1.0" else second([series("up")])
    _, headers = sealed(message, version)
    with pytest.raises(Refused) as refused:
        decode(bytes(cramjam.snappy.compress(message)), headers, SeriesBook(everything), now_ms=NOW)
    assert refused.value.status == 400


@BOTH
def test_a_body_of_the_other_version_is_refused_and_not_taken_for_an_empty_one(version):
    other = second([series("up")]) if version == "1.0" else first([series("up")])
    body, headers = sealed(other, version)
    with pytest.raises(Refused, match="the body is of remote write") as refused:
        decode(body, headers, SeriesBook(everything), now_ms=NOW)
    assert refused.value.status == 400


# Metrics.


@BOTH
@pytest.mark.parametrize("value", [1.0, STALE, math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, 2.0**53])
@pytest.mark.parametrize(
    "labels",
    [
        {"__name__": "up"},
        {"__name__": "up", "job": "testjob", "instance": "localhost:9090"},
        {"__name__": "up", "job": "test\njob\n", "instance": "localhost:9090"},
        {"__name__": "resource.cpu.usage", "job.name": "testjob"},
        {"__name__": "resource cpu usage", "job name": "testjob"},
        {"__name__": "test_metric", "environment": "test🚀"},
    ],
)
def test_a_metric_of_any_value_and_any_utf8_name_arrives_bit_for_bit(version, value, labels):
    decoded = received([Sent(sorted(labels.items()), [(value, NOW, 0)])], version)
    assert decoded.status == 204
    assert decoded.written.samples == 1
    assert list(decoded.readings.labels.values()) == [tuple(sorted(labels.items()))]
    assert decoded.readings.values.tobytes() == np.array([value]).tobytes()


@BOTH
def test_a_stale_marker_keeps_its_bits_and_is_another_than_not_a_number(version):
    sent = [series("a", STALE, NOW), series("b", math.nan, NOW), series("c", 1.0, NOW)]
    assert bits(received(sent, version)) == [
        0x7FF0000000000002,
        struct.unpack("<Q", struct.pack("<d", math.nan))[0],
        0x3FF0000000000000,
    ]


@BOTH
@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([], "it has no __name__"),
        ([("job", "testjob")], "it has no __name__"),
        ([("__name__", "")], "label '__name__' has no value"),
        ([("__name__", "up"), ("job", "")], "label 'job' has no value"),
        ([("", "x"), ("__name__", "up")], "a label with the value 'x' has no name"),
        ([("__name__", "up"), ("job", "a"), ("job", "b")], "label 'job' is there twice"),
        ([("__name__", "up"), ("job", "a"), ("job", "a")], "label 'job' is there twice"),
        ([("__name__", "up"), *((f"l{n:04}", "x") for n in range(1000))], "it has more than 1,000 labels"),
        ([("__name__", "up"), ("long", "x" * 70_000)], "its labels are longer than 65,536 characters"),
    ],
)
def test_a_bad_series_is_refused_and_its_neighbours_are_kept(version, labels, reason):
    good = [series("up", 1.0, NOW, instance=f"localhost:909{n}") for n in range(3)]
    decoded = received([good[0], Sent(labels, [(1.0, NOW, 0)]), *good[1:]], version)
    assert decoded.status == 400
    assert decoded.written.samples == 3
    assert [labels["instance"] for labels, *_ in rows(decoded)] == [f"localhost:909{n}" for n in range(3)]
    assert decoded.problems == [f"series 2: {reason}"]


@BOTH
def test_bad_series_stay_refused_when_they_come_again(version):
    book = SeriesBook(everything)
    for _ in range(3):
        decoded = received([Sent([("job", "a")], [(1.0, NOW, 0)])], version, book=book)
        assert (decoded.status, decoded.written.samples, len(decoded.readings)) == (400, 0, 0)


@BOTH
def test_labels_in_any_order_are_one_series(version):
    labels = [("job", "a"), ("__name__", "up"), ("zone", "z"), ("Zone", "y")]
    decoded = received([Sent(labels, [(1.0, NOW, 0)]), Sent(sorted(labels), [(2.0, NOW + 1, 0)])], version)
    assert decoded.status == 204
    assert set(decoded.readings.series.tolist()) == {series_identity(tuple(sorted(labels)))}


@BOTH
def test_labels_that_are_not_utf8_are_refused_alone(version):
    message = (first if version == "1.0" else second)([series("up", job="wxyz"), series("ok")])
    body, headers = sealed(message.replace(b"wxyz", b"w\xff\xfez"), version)
    decoded = decode(body, headers, SeriesBook(everything), now_ms=NOW)
    assert decoded.problems == ["series 1: a label is not UTF-8"]
    assert [labels["__name__"] for labels, *_ in rows(decoded)] == ["ok"]


@BOTH
def test_only_ten_problems_are_told_in_full(version):
    decoded = received([Sent([("job", str(n))], [(1.0, NOW, 0)]) for n in range(25)], version)
    assert len(decoded.problems) == 11
    assert decoded.problems[-1] == "and 15 more"


# Time.


@BOTH
def test_a_sample_ten_minutes_ahead_is_taken_and_one_further_is_refused(version):
    decoded = received([series("a", 1.0, NOW + 600_000), series("b", 1.0, NOW + 600_001)], version)
    assert decoded.status == 400
    assert [labels["__name__"] for labels, *_ in rows(decoded)] == ["a"]
    assert decoded.problems == [f"series 2 b: its instant {NOW + 600_001} is more than 10 minutes ahead of this clock"]


@BOTH
@pytest.mark.parametrize("time", [0, -1, -(2**63), 2**63 - 1, 2**42])
def test_an_instant_that_cannot_be_is_refused(version, time):
    decoded = received([series("a", 1.0, time), series("b", 1.0, NOW)], version)
    assert (decoded.status, decoded.written.samples) == (400, 1)


@BOTH
@pytest.mark.parametrize("time", [1, 127, 128, 2**35 - 1, 2**35, 2**41, NOW - 3_600_000])
def test_instants_of_any_length_arrive(version, time):
    found = received([series("a", 7.0, time), series("b", 0.0, time)], version, now_ms=2**42)
    assert [(t, v) for _, t, v, _ in rows(found)] == [(time, 7.0), (time, 0.0)]


def test_a_start_is_the_creation_of_a_reading_in_version_two_alone():
    sent = [series("a", 100.0, NOW, NOW - 3_600_000), series("b", 0.0, NOW, NOW - 1)]
    assert [c for *_, c in rows(received(sent, "2.0"))] == [NOW - 3_600_000, NOW - 1]
    assert [c for *_, c in rows(received(sent, "1.0"))] == [NOT_SAID, NOT_SAID]


@pytest.mark.parametrize("start", [NOW + 1, -5])
def test_a_start_that_cannot_be_is_left_out_and_noted(start):
    decoded = received([series("a", 100.0, NOW, start)], "2.0")
    assert (decoded.status, rows(decoded)[0][3]) == (204, NOT_SAID)
    assert decoded.notes == ["1 samples start after they end: kept without a start"]


# What comes beside samples.


def test_a_request_of_nothing_but_metadata_is_taken():
    body, headers = sealed(first([], metadata=[("http_requests_total", 1, "requests served")]), "1.0")
    decoded = decode(body, headers, SeriesBook(everything), now_ms=NOW)
    assert (decoded.status, len(decoded.readings), decoded.headers) == (204, 0, {})


@BOTH
def test_an_empty_request_is_taken(version):
    body, headers = sealed(b"", version)
    decoded = decode(body, headers, SeriesBook(everything), now_ms=NOW)
    assert (decoded.status, len(decoded.readings), decoded.problems) == (204, 0, [])


def test_metadata_with_and_without_data_is_taken():
    name = [("__name__", "http_requests_total")]
    for sent in (
        Sent(name, [(42.0, NOW, 0)], metadata=(1, 'help\nwith "quotes"', "requests")),
        Sent(name, metadata=(1, "", "")),
    ):
        decoded = received([sent], "2.0")
        assert decoded.status == 204
        assert decoded.headers[SAMPLES] == str(len(sent.samples))


def test_metadata_beside_a_series_without_a_name_is_refused():
    assert received([Sent([("job", "test")], metadata=(1, "help", "unit"))], "2.0").status == 400


@BOTH
def test_exemplars_count_as_written_with_and_without_data(version):
    exemplar = ({"trace_id": "abc123", "span_id": "x"}, 1.0, NOW)
    sent = [
        Sent([("__name__", "a")], [(0.05, NOW - 3_600_000, 0), (0.15, NOW, 0)], exemplars=[exemplar, ({}, 2.0, NOW)]),
        Sent([("__name__", "orphan")], exemplars=[exemplar]),
        Sent([("job", "nameless")], [(1.0, NOW, 0)], exemplars=[exemplar]),
    ]
    decoded = received(sent, version)
    assert (decoded.written.samples, decoded.written.exemplars, decoded.status) == (2, 3, 400)


def test_the_answer_to_version_two_always_says_what_was_written():
    sent = [series("up", 1.0, NOW), Sent([("job", "x")], [(1.0, NOW, 0)])]
    decoded = received(sent, "2.0")
    assert (decoded.status, decoded.headers) == (400, {SAMPLES: "1", HISTOGRAMS: "0", EXEMPLARS: "0"})
    assert received(sent[:1], "2.0").headers == {SAMPLES: "1", HISTOGRAMS: "0", EXEMPLARS: "0"}


def test_many_samples_with_metadata_and_exemplars_arrive():
    sent = [
        Sent(
            [("__name__", f"counter_{n}"), ("series", f"series_{n}")],
            [(n * 100.0, NOW, 0)],
            exemplars=[({"trace_id": f"t{n}"}, n * 100.0, NOW)],
            metadata=(1, f"Counter number {n}", "count"),
        )
        for n in range(50)
    ]
    decoded = received(sent, "2.0")
    assert (decoded.status, decoded.written.samples, decoded.written.exemplars) == (204, 50, 50)
    assert [v for _, _, v, _ in rows(decoded)] == [n * 100.0 for n in range(50)]
