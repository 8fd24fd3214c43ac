"""Whatever bytes come, a decoder gives a value or refuses; and what a sender encodes is what is read."""

import gzip
import struct
import subprocess
import sys
import zlib
from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path

import cramjam
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nines.protocols.compression import decompressed
from nines.protocols.refusal import Refused
from nines.protocols.remote_write import decode
from nines.protocols.statsd import decode as decode_lines
from nines.telemetry.counters import NOT_SAID
from nines.telemetry.readings import SeriesBook
from protocols.sender import Sent, first, request, sealed, second, series

NOW = 1_772_323_200_000
FUZZ = settings(max_examples=700, deadline=None, suppress_health_check=list(HealthCheck))
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
LABELS = st.dictionaries(TEXT.filter(bool), TEXT.filter(bool), max_size=5)
VALUE = st.integers(0, 2**64 - 1).map(lambda bits: struct.unpack("<d", struct.pack("<Q", bits))[0])
SAMPLE = st.tuples(st.one_of(VALUE, st.just(0.0)), st.integers(1, NOW), st.one_of(st.just(0), st.integers(1, NOW)))
SERIES = st.builds(
    lambda name, labels, samples: Sent(sorted((labels | {"__name__": name}).items()), samples),
    TEXT.filter(bool), LABELS, st.lists(SAMPLE, max_size=3),
)  # fmt: skip
ALL = st.sampled_from(["1.0", "2.0"])
WELL_FORMED = {
    "1.0": first([series("up", 1.0, NOW, job="a"), series("up", 0.0, NOW, job="b")]),
    "2.0": second([series("up", 1.0, NOW, NOW - 1, job="a"), series("up", 0.0, NOW, job="b")]),
}


def everything(_):
    return True


@contextmanager
def answered(*statuses):
    """Pass over a refusal with one of these statuses; anything else that is raised fails."""
    try:
        yield
    except Refused as refused:
        if refused.status not in statuses:
            raise


def check(message, version, book=None):
    body, headers = sealed(message, version)
    decoded = None
    with answered(400):
        decoded = decode(body, headers, book or SeriesBook(everything), now_ms=NOW)
    if decoded is None:
        return None
    found = decoded.readings
    assert decoded.status == (400 if decoded.problems else 204)
    assert len({len(c) for c in (found.series, found.times, found.values, found.created, found.delta)}) == 1
    assert set(found.series.tolist()) == set(found.labels)
    assert 0 not in found.labels
    assert ((found.times > 0) & (found.times <= NOW + 600_000)).all()
    for labels in found.labels.values():
        names = [name for name, _ in labels]
        assert names == sorted(set(names))
        assert all(name and value for name, value in labels)
        assert "__name__" in names
    return decoded


@given(st.lists(SERIES, max_size=6), ALL, st.sampled_from(["snappy", "zstd"]))
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_encoded_is_what_is_read(sent, version, compression):
    body, headers = request(sent, version, compression)
    book = SeriesBook(everything)
    for _ in range(2):
        decoded = decode(body, headers, book, now_ms=NOW)
        assert decoded.status == 204
        found = decoded.readings
        expected = OrderedDict()
        for one in sent:
            for value, time, start in one.samples:
                created = start if version == "2.0" and 0 < start <= time else NOT_SAID
                expected.setdefault((tuple(one.labels), time, struct.pack("<d", value)), created)
        read = [
            ((found.labels[s], t, struct.pack("<d", v)), c)
            for s, t, v, c in zip(
                found.series.tolist(), found.times.tolist(), found.values, found.created.tolist(), strict=True
            )
        ]
        assert read == list(expected.items())
        assert decoded.written.samples == sum(len(one.samples) for one in sent)


@given(st.binary(max_size=300), ALL)
@FUZZ
def test_any_bytes_as_a_message_are_decoded_or_refused(message, version):
    check(message, version)


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=4)), max_size=4), ALL)
@FUZZ
def test_a_message_with_bytes_changed_is_decoded_or_refused_and_never_spoils_the_book(changes, version):
    book = SeriesBook(everything)
    intact = WELL_FORMED[version]
    before = check(intact, version, book)
    message = bytearray(intact)
    for at, put in changes:
        place = at % len(message)
        message[place : place + len(put)] = put
    check(bytes(message), version, book)
    after = check(intact, version, book)
    assert after.readings.labels == before.readings.labels
    assert after.readings.values.tolist() == before.readings.values.tolist()


FIELD = st.tuples(st.integers(1, 20), st.sampled_from([0, 1, 2, 5]), st.binary(max_size=30), st.integers(0, 2**64 - 1))


def field_of(number, kind, data, value):
    tag = bytes([number << 3 | kind]) if number < 16 else bytes([(number << 3 | kind) & 0x7F | 0x80, number >> 4])
    if kind == 2:
        return tag + bytes([len(data)]) + data
    if kind == 0:
        out = bytearray()
        while value >= 128:
            out.append(value & 127 | 128)
            value >>= 7
        return tag + bytes(out) + bytes([value])
    return tag + struct.pack("<Q", value)[: 8 if kind == 1 else 4]


@pytest.mark.slow
@given(st.lists(FIELD, max_size=12), ALL, st.sampled_from(["samples", "histograms"]))
@FUZZ
def test_any_fields_of_protobuf_in_a_series_are_decoded_or_refused(fields, version, place):
    inner = b"".join(field_of(*f) for f in fields)
    labels = b"\x0a\x0e\x0a\x08__name__\x12\x02up" if version == "1.0" else b"\x0a\x02\x01\x02"
    number = {("1.0", "samples"): 2, ("1.0", "histograms"): 4, ("2.0", "samples"): 2, ("2.0", "histograms"): 3}
    size = bytes([len(inner) & 0x7F | 0x80, len(inner) >> 7])
    one = labels + bytes([number[version, place] << 3 | 2]) + size + inner
    size = bytes([len(one) & 0x7F | 0x80, len(one) >> 7])
    symbols = b"" if version == "1.0" else b"\x22\x00\x22\x08__name__\x22\x02up"
    check(symbols + (b"\x0a" if version == "1.0" else b"\x2a") + size + one, version)


@given(st.binary(max_size=200), ALL)
@FUZZ
def test_any_body_under_good_headers_is_decoded_or_refused(body, version):
    _, headers = sealed(b"", version)
    for encoding in ("snappy", "zstd"):
        with answered(400):
            decode(body, headers | {"content-encoding": encoding}, SeriesBook(everything), now_ms=NOW)


@given(st.text(max_size=60), st.text(max_size=20))
@FUZZ
def test_any_headers_are_understood_or_answered_415(content_type, encoding):
    body, _ = request([series("up", 1.0, NOW)])
    with answered(400, 415):
        decode(body, {"content-type": content_type, "content-encoding": encoding}, SeriesBook(everything), now_ms=NOW)


PACKED = {
    "snappy": bytes(cramjam.snappy.compress_raw(b"up 1\n" * 50)), "zstd": bytes(cramjam.zstd.compress(b"up 1\n" * 50)),
    "gzip": gzip.compress(b"up 1\n" * 50), "deflate": zlib.compress(b"up 1\n" * 50),
}  # fmt: skip


@given(st.sampled_from(list(PACKED)), st.integers(0, 10_000), st.binary(min_size=1, max_size=6))
@FUZZ
def test_any_compressed_bytes_unfold_within_the_limit_or_are_refused(encoding, at, put):
    body = bytearray(PACKED[encoding])
    place = at % len(body)
    body[place : place + len(put)] = put
    with answered(400):
        assert len(decompressed(bytes(body), encoding, limit=4096)) <= 4096


LINE = st.text(st.sampled_from(list("ab:|@#cgmshd,T0123456789.+-_e{}\n\r")), max_size=60)


@given(st.one_of(st.binary(max_size=200), LINE.map(str.encode)))
@FUZZ
def test_any_datagram_gives_lines_that_add_up(datagram):
    found = decode_lines(datagram, now_us=NOW * 1000)
    assert found.malformed + found.ignored <= found.lines
    assert bool(found.malformed) == bool(found.problems)
    table = found.events
    assert all(n > 0 for n in table.column("bundled").to_pylist())
    for weight, num, den in zip(
        *(table.column(c).to_pylist() for c in ("weight", "weight_num", "weight_den")), strict=True
    ):
        assert weight == num / den >= 1


# What would take much memory for few bytes.

HOSTILE = {
    "33 million empty series": ("1.0", b"\x0a\x00" * (1 << 25), "250,000 series"),
    "33 million empty series of 2.0": ("2.0", b"\x22\x00" + b"\x2a\x00" * ((1 << 25) - 1), "fields"),
    "33 million empty symbols": ("2.0", b"\x22\x00" * (1 << 25), "fields"),
    "metadata without end": ("1.0", b"\x1a\x00" * (1 << 25), "fields"),
    "a series of millions of samples": ("1.0", b"\x0a\xf0\xff\xff\x1f" + b"\x12\x00" * ((1 << 25) - 8), "a field of"),
    "many series of a million samples": (
        "1.0",
        (b"\x0a\x80\x80\x80\x01\x0a\x0e\x0a\x08__name__\x12\x02up" + b"\x12\x00" * ((1 << 20) - 8)) * 31,
        "more than 1,000,000 samples",
    ),
    "many series of a million histograms": (
        "2.0",
        b"\x22\x00" + (b"\x2a\x80\x80\x80\x01" + b"\x1a\x00" * (1 << 20)) * 31,
        "problems",
    ),
    "a field longer than the body": ("1.0", b"\x0a\xff\xff\xff\x0f" + b"\x00" * (1 << 21), "a field of"),
}


def decode_hostile(name):
    """Decode a hostile request; print what became of it and by how many mebibytes the process grew at most."""
    version, message, _ = HOSTILE[name]
    body, headers = sealed(message, version, "zstd")
    HOSTILE.clear()
    del message
    check(WELL_FORMED[version], version)

    def told(what):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) // 1024

    Path("/proc/self/clear_refs").write_text("5")  # begin the high-water mark anew
    before, said = told("VmRSS"), None
    try:
        decoded = decode(body, headers, SeriesBook(everything), now_ms=NOW)
        said = f"{decoded.status} {len(decoded.problems)} problems"
    except Refused as refused:
        said = f"{refused.status} {refused.message}"
    print(told("VmHWM") - before, said)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_request_is_answered_within_bounded_memory(name):
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from protocols.test_fuzz_metrics import *; decode_hostile({name!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    grown, said = done.stdout.split(maxsplit=1)
    assert said.startswith("400 ")
    assert HOSTILE[name][2] in said
    assert int(grown) < 400, done.stdout  # the body itself stands twice for a moment, 64 MiB each


def test_a_series_of_a_million_labels_is_refused():
    one = b"".join(b"\x0a\x0b\x0a\x06" + b"l%05x" % n + b"\x12\x01x" for n in range(1_000_000))
    size = bytes([len(one) >> shift & 0x7F | (0x80 if shift < 21 else 0) for shift in (0, 7, 14, 21)])
    body, headers = sealed(b"\x0a" + size + one, "1.0")
    with pytest.raises(Refused, match="a field of") as refused:
        decode(body, headers, SeriesBook(everything), now_ms=NOW)
    assert refused.value.status == 400


def test_a_refused_request_leaves_the_book_as_it_was():
    asked = []
    book = SeriesBook(lambda labels: asked.append(labels) or True)
    for n in range(200):
        body, headers = request([Sent([("job", str(n))], [(1.0, NOW, 0)])])
        assert decode(body, headers, book, now_ms=NOW).status == 400
    assert asked == []
    assert np.array_equal(check(WELL_FORMED["1.0"], "1.0", book).readings.values, [1.0, 0.0])
