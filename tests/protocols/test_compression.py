"""Compressed bodies unfold to what they were, or are refused before they take memory."""

import gzip
import os
import tracemalloc
import zlib

import cramjam
import pytest

from nines.protocols.compression import LIMIT, decompressed
from nines.protocols.refusal import Refused

TEXT = os.urandom(5_000) + b"up 1\n" * 2_000


def undeclared(data):
    """Return a zstd frame that does not say what it unfolds to."""
    writer = cramjam.zstd.Compressor()
    writer.compress(data)
    return bytes(writer.finish())


def raw_deflate(data):
    writer = zlib.compressobj(wbits=-15)
    return writer.compress(data) + writer.flush()


WAYS = {
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
    "zstd undeclared": undeclared,
    "gzip": gzip.compress,
    "gzip of two members": lambda data: gzip.compress(data[:100]) + gzip.compress(data[100:]),
    "deflate": zlib.compress,
    "deflate raw": raw_deflate,
    "identity": bytes,
}
EACH = pytest.mark.parametrize("way", list(WAYS))


def unfold(way, body, **options):
    return decompressed(body, way.split()[0], **options)


@EACH
@pytest.mark.parametrize("data", [b"", b"a", TEXT])
def test_a_body_unfolds_to_what_it_was(way, data):
    assert unfold(way, WAYS[way](data)) == data


@EACH
def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_refused(way):
    assert unfold(way, WAYS[way](TEXT), limit=max(len(TEXT), 1024)) == TEXT
    with pytest.raises(Refused, match="unfolds to more than") as refused:
        unfold(way, WAYS[way](TEXT), limit=len(TEXT) - 1)
    assert (refused.value.status, refused.value.retryable) == (400, False)


@pytest.mark.parametrize("way", [w for w in WAYS if w != "identity"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_body_that_is_cut_off_is_refused(way, keep):
    body = WAYS[way](TEXT)
    with pytest.raises(Refused) as refused:
        unfold(way, body[: int(len(body) * keep)])
    assert refused.value.status == 400


@pytest.mark.parametrize("way", ["snappy", "zstd", "gzip", "deflate"])
@pytest.mark.parametrize(
    "body", [b"", b"\xff" * 20, b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfd\xe0\x01", b"not compressed"]
)
def test_bytes_that_are_not_compressed_are_refused(way, body):
    with pytest.raises(Refused) as refused:
        unfold(way, body)
    assert refused.value.status == 400


@pytest.mark.parametrize("encoding", ["br", "compress", "snappy, gzip", "gzip;q=1", "x" * 10_000])
def test_an_unknown_encoding_is_answered_415(encoding):
    with pytest.raises(Refused) as refused:
        decompressed(b"", encoding)
    assert refused.value.status == 415
    assert len(refused.value.message) < 120


def test_an_encoding_is_read_in_any_case():
    assert decompressed(gzip.compress(b"a"), " GZIP ") == b"a"


BOMBS = {
    "snappy that declares 4 GiB": ("snappy", b"\xff\xff\xff\xff\x0f" + b"\x00" * 100),
    "snappy that declares 64 MiB in ten bytes": ("snappy", b"\x80\x80\x80\x20" + b"\x00" * 6),
    "zstd that declares 16 EiB": ("zstd", b"\x28\xb5\x2f\xfd\xe0" + b"\xff" * 8 + b"\x00" * 10),
    "zstd that wants a window of 2 TiB": ("zstd", b"\x28\xb5\x2f\xfd\x00\xff" + b"\x00" * 10),
    "zstd of 256 MiB": ("zstd", bytes(cramjam.zstd.compress(bytes(1 << 28)))),
    "zstd of 256 MiB, undeclared": ("zstd", undeclared(bytes(1 << 28))),
    "zstd of many frames": ("zstd", bytes(cramjam.zstd.compress(bytes(1 << 24))) * 100),
    "gzip of 256 MiB": ("gzip", gzip.compress(bytes(1 << 28), 1)),
    "gzip of many members": ("gzip", gzip.compress(b"") * 1000),
    "gzip of many large members": ("gzip", gzip.compress(bytes(1 << 23)) * 12),
    "deflate of 256 MiB": ("deflate", zlib.compress(bytes(1 << 28), 1)),
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_bomb_is_refused_and_takes_no_more_memory_than_the_limit(name):
    encoding, body = BOMBS[name]
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as refused:
            decompressed(body, encoding, limit=1 << 24)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.status == 400
    assert most < (1 << 24) * 2.5  # what is being joined stands twice for a moment


def test_the_default_limit_is_64_mebibytes():
    assert LIMIT == 64 * 1024 * 1024
    assert len(decompressed(WAYS["snappy"](bytes(LIMIT)), "snappy")) == LIMIT
    with pytest.raises(Refused):
        decompressed(WAYS["snappy"](bytes(LIMIT + 1)), "snappy")
