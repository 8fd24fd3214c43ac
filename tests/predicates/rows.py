"""One table with every value that engines are known to treat each in their own way."""

from datetime import UTC, datetime, timedelta
from itertools import cycle, islice

import pyarrow as pa

TEXTS = [
    None, "", "checkout", "Checkout", "CHÉCK", "ß", "İ", "\u017f", "ǅ", "a%b", "a_b", "a\\b", "\\", "it's", "日本", "😀", "e\u0301",
    "a\nb", "ab\n", "a\tb", "${x}", "{x:String}", "$1", " ", " 5 ", "5", "007", "-0", "-5", "+5", "5.", ".5", "1.5", "1.5d", "1_000",
    "0x1F", "1e3", "1E-3", "inf", "-Infinity", "nan", "NULL", "true", "5\n", "\u0665", "9" * 18, "9" * 19, "1e99", "1e400",
    "0.1234567890123456789", "123456789012345678901234567890.5", "2.2250738585072011e-308", "00000000000000000000000000000000000001",
]  # fmt: skip
NUMBERS = [
    None, float("nan"), 0.0, -0.0, 1.0, 1.5, -2.25, 0.1, 0.3, 299.99999999999994, 300.0, 1e308, -1e308, 5e-324,
    float("inf"), float("-inf"), 2.0**53, 2.0**53 + 2, 2.0**63, 4.9e-300, 200.0, 1e16 + 2, 123456.789,
]  # fmt: skip
INTEGERS = [
    None,
    0,
    1,
    -1,
    200,
    404,
    499,
    500,
    2**31,
    -(2**31) - 1,
    2**53,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    -(2**63) + 1,
]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = [
    None, EPOCH, EPOCH - timedelta(microseconds=1), datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 0, 0, 1, tzinfo=UTC), datetime(1969, 7, 20, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
]  # fmt: skip


def maps():
    """A missing map, an empty one, a key without value, and one entry for every text."""
    return [None, {}, {"k": None}, {"other": "x"}, *({"k": text, "it's": "quoted", "a\\b": "1"} for text in TEXTS)]


def table(length=120):
    """Return the rows; columns go round at different paces, so that many pairs of values meet."""

    def round_and_round(values, start):
        return list(islice(cycle(values), start, start + length))

    return pa.table({
        "id": pa.array([f"{n:04d}" for n in range(length)], pa.string()),
        "time": pa.array(round_and_round(TIMES, 0), pa.timestamp("us", "UTC")),
        "start": pa.array(round_and_round(TIMES, 3), pa.timestamp("us", "UTC")),
        "service": pa.array(round_and_round(TEXTS, 0), pa.string()),
        "operation": pa.array(round_and_round(TEXTS[::-1], 0), pa.string()),
        "http_status": pa.array(round_and_round(INTEGERS, 0), pa.int64()),
        "duration_ms": pa.array(round_and_round(NUMBERS, 0), pa.float64()),
        "session": pa.array(round_and_round(TEXTS, 7), pa.string()),
        "weight": pa.array(round_and_round(NUMBERS[::-1], 0), pa.float64()),
        "version": pa.array(round_and_round(["1.2.3", None, "1.10.0", ""], 0), pa.string()),
        "region": pa.array(round_and_round(["eu", "EU", None], 0), pa.string()),
        "state": pa.array(round_and_round(["up", "down", None, "Up"], 0), pa.string()),
        "value": pa.array(round_and_round(NUMBERS, 5), pa.float64()),
        "attributes": pa.array(round_and_round(maps(), 0), pa.map_(pa.string(), pa.string())),
    })  # fmt: skip
