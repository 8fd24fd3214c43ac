"""Series of remote write: symbols of 2.0, and which series are kept under which identity."""

import pytest

from nines.protocols.refusal import Refused
from nines.protocols.remote_write import decode
from nines.telemetry.counters import NOT_SAID
from nines.telemetry.readings import SeriesBook
from protocols.receiver import BOTH, NOW, everything, received, rows
from protocols.sender import V2, Sent, sealed, second, series

# Symbols of version two.


def refused_or(message):
    body, headers = sealed(message, "2.0")
    return decode(body, headers, SeriesBook(everything), now_ms=NOW)


def crafted(symbols, refs, *, packed=True):
    sample = V2["Sample"](value=5.0, timestamp=NOW).SerializeToString()
    run = b"".join(bytes([r]) for r in refs)
    labels = b"\n" + bytes([len(run)]) + run if packed else b"".join(b"\x08" + bytes([r]) for r in refs)
    one = labels + b"\x12" + bytes([len(sample)]) + sample
    table = b"".join(b"\x22" + bytes([len(s)]) + s for s in symbols)
    return table + b"\x2a" + bytes([len(one)]) + one


def test_the_first_symbol_has_to_be_empty():
    with pytest.raises(Refused, match="first symbol"):
        refused_or(crafted([b"__name__", b"up"], [0, 1]))
    with pytest.raises(Refused, match="first symbol"):
        refused_or(crafted([], [0, 1]))


@pytest.mark.parametrize("refs", [[1, 3], [1, 2, 1], [2], [1, 127]])
def test_references_that_are_no_pairs_of_symbols_are_refused(refs):
    decoded = refused_or(crafted([b"", b"__name__", b"up"], refs))
    assert decoded.status == 400
    assert "no pairs of symbols" in decoded.problems[0]


def test_references_that_are_not_packed_are_read_too():
    decoded = refused_or(crafted([b"", b"__name__", b"up"], [1, 2], packed=False))
    assert rows(decoded) == [({"__name__": "up"}, NOW, 5.0, NOT_SAID)]


def test_a_symbol_may_not_forge_the_key_of_another_series():
    book = SeriesBook(everything)
    received([series("up", 1.0, NOW, job="a")], "2.0", book=book)
    body, headers = sealed(crafted([b"", b"__name__\xffup", b"job\xffa"], [1, 2]), "2.0")
    assert decode(body, headers, book, now_ms=NOW).problems == ["series 1: a label is not UTF-8"]


def test_symbols_numbered_anew_still_name_the_same_series(monkeypatch):
    from nines.protocols import remote_write_dialects

    monkeypatch.setattr(remote_write_dialects, "_MOST_NUMBERED", 3)
    book = SeriesBook(everything)
    for turn in range(4):
        sent = [series(f"m{n}", float(n + turn), NOW + turn, job=f"j{n}") for n in range(turn, turn + 4)]
        decoded = received(sent, "2.0", book=book)
        assert [(labels["__name__"], labels["job"], v) for labels, _, v, _ in rows(decoded)] == [
            (f"m{n}", f"j{n}", float(n + turn)) for n in range(turn, turn + 4)
        ]


def test_symbols_may_stand_after_the_series_that_name_them_even_in_a_large_request():
    sent = [series(f"metric_{n}", n + 1.0, NOW, job="j" * 50) for n in range(40_000)]
    message = second(sent)
    assert len(message) > 1 << 20
    at = message.index(b"\x22\x00")  # our sender writes symbols first
    assert at == 0
    end = message.rindex(b"\x22\x0cmetric_39999") + 14
    decoded = refused_or(message[end:] + message[:end])
    assert (decoded.status, decoded.written.samples, len(decoded.readings)) == (204, 40_000, 40_000)
    assert decoded.readings.values.tolist() == [n + 1.0 for n in range(40_000)]


# Which series are kept.


@BOTH
def test_series_that_nobody_needs_are_taken_and_dropped(version):
    sent = [series(f"m{n}", float(n), NOW) for n in range(10)]
    decoded = received(sent, version, keep=lambda labels: labels["__name__"] == "m3")
    assert (decoded.status, decoded.written.samples, decoded.dropped) == (204, 10, 9)
    assert [v for _, _, v, _ in rows(decoded)] == [3.0]


@BOTH
def test_a_decision_is_taken_once_for_each_label_set(version):
    asked = []
    book = SeriesBook(lambda labels: asked.append(labels["n"]) or labels["n"] != "1")
    for round_ in range(3):
        sent = [series("m", 1.0 + round_, NOW + round_, n=str(n)) for n in range(3)]
        decoded = received(sent, version, book=book)
        assert (len(decoded.readings), decoded.dropped) == (2, 1)
    assert asked == ["0", "1", "2"]


@BOTH
def test_a_series_the_book_forgot_is_decided_again(version):
    book = SeriesBook(everything, most=2)
    sent = [series("m", 1.0, NOW, n=str(n)) for n in range(5)]
    for _ in range(2):
        decoded = received(sent, version, book=book)
        assert [labels["n"] for labels, *_ in rows(decoded)] == ["0", "1", "2", "3", "4"]


@BOTH
def test_very_long_label_sets_are_known_again_by_a_hash_of_their_bytes(version):
    asked = []
    book = SeriesBook(lambda labels: asked.append(labels) or True)
    for _ in range(3):
        decoded = received([series("m", 1.0, NOW, path="/" + "x" * 2000)], version, book=book)
        assert len(decoded.readings) == 1
    assert len(asked) == 1


def test_both_versions_give_the_same_identity_and_order():
    sent = [series("m", float(n), NOW + n % 3, job=f"j{n % 7}", n=str(n)) for n in range(200)]
    book = SeriesBook(everything)
    found = [received(sent, version, book=book).readings for version in ("1.0", "2.0", "1.0", "2.0")]
    for one in found[1:]:
        assert (one.series == found[0].series).all()
        assert (one.times == found[0].times).all()
        assert (one.values == found[0].values).all()
        assert one.labels == found[0].labels


@BOTH
def test_repeated_readings_are_left_out_and_contradicting_ones_kept(version):
    one = series("m", 1.0, NOW)
    decoded = received([one, one, series("m", 2.0, NOW), Sent(one.labels, [(1.0, NOW, 0), (1.0, NOW + 1, 0)])], version)
    assert [(t, v) for _, t, v, _ in rows(decoded)] == [(NOW, 1.0), (NOW, 2.0), (NOW + 1, 1.0)]
    assert decoded.written.samples == 5


@BOTH
def test_a_series_of_many_samples_arrives_in_order(version):
    samples = [(float(n), NOW - 1000 + n, 0) for n in range(1000)]
    decoded = received([Sent([("__name__", "m")], samples), series("z", 5.0, NOW)], version)
    assert [(v, t) for _, t, v, _ in rows(decoded)] == [*((v, t) for v, t, _ in samples), (5.0, NOW)]
