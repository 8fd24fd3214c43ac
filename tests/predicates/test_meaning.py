"""What predicates mean, by hand: NULL, NaN, names, patterns and numbers in text."""

import duckdb
import pytest

from nines.predicates import column_expression, parse, parse_value


def ask(expression, **columns):
    """Evaluate over one row; columns left out are NULL, numbers are doubles."""
    types = {
        "duration_ms": "DOUBLE",
        "value": "DOUBLE",
        "http_status": "BIGINT",
        "time": "TIMESTAMPTZ",
        "attributes": "MAP(VARCHAR, VARCHAR)",
    }
    row = {name: columns.get(name) for name in expression.columns}
    names = ", ".join(f'CAST(${name} AS {types.get(name, "VARCHAR")}) AS "{name}"' for name in row) or "1 AS one"
    return duckdb.connect().execute(f"SELECT {expression.sql('duckdb')} FROM (SELECT {names})", row).fetchone()[0]


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("http_status < 500 AND duration_ms < 300", {"http_status": 200}, None),  # good status, no duration: unknown
        ("http_status < 500 AND duration_ms < 300", {"http_status": 503}, False),  # bad whatever it lasted
        ("http_status < 500 OR duration_ms < 300", {"http_status": 200}, True),
        ("duration_ms < 300", {"duration_ms": float("nan")}, None),
        ("duration_ms >= 300", {"duration_ms": float("nan")}, None),
        ("duration_ms IS NULL", {"duration_ms": float("nan")}, True),
        ("duration_ms - duration_ms = 0", {"duration_ms": float("inf")}, None),
        ("duration_ms = 0.3", {"duration_ms": 0.1 + 0.2}, False),
        ("service NOT IN ('a', 'b')", {}, None),
        ("service <> 'a'", {}, None),
        ("attributes['none'] = ''", {"attributes": {"k": "v"}}, None),
        ("service = 'Checkout'", {"service": "checkout"}, False),
        ("lower(service) = 'checkout'", {"service": "CheckOut"}, True),
        ("lower(service) = 'É'", {"service": "É"}, True),  # only A-Z have small letters here
        ("service LIKE '100\\%'", {"service": "100\\x"}, True),  # a backslash is itself unless ESCAPE names it
        ("service LIKE '100!%' ESCAPE '!'", {"service": "100%"}, True),
        ("service LIKE '100!%' ESCAPE '!'", {"service": "100x"}, False),
        ("CASE WHEN http_status = 200 THEN TRUE END", {"http_status": 500}, None),
        ("TRY_CAST(attributes['n'] AS BIGINT) = 5", {"attributes": {"n": "5"}}, True),
        ("TRY_CAST(attributes['n'] AS BIGINT) = 5", {"attributes": {"n": " 5"}}, None),
        ("TRY_CAST(attributes['n'] AS BIGINT) = 2", {"attributes": {"n": "1.5"}}, None),
        ("TRY_CAST(attributes['n'] AS DOUBLE) > 1e3", {"attributes": {"n": "inf"}}, None),
        ("TRY_CAST(attributes['n'] AS DOUBLE) = 1500", {"attributes": {"n": "1.5e3"}}, True),
        ("http_status + 0 = 9007199254740992", {"http_status": 2**53 + 1}, True),  # arithmetic is done in doubles
        ("http_status = 9007199254740992", {"http_status": 2**53 + 1}, False),  # comparing integers is exact
        ("length(service) = 2", {"service": "e\u0301"}, True),  # code points, not what the eye sees
        ("time >= TIMESTAMP '2026-03-01T13:00:00+01:00'", {"time": "2026-03-01 12:00:00+00"}, True),
        ("(service = 'a') IS NOT TRUE", {}, True),
    ],
)
def test_a_predicate_over_one_event_gives(text, columns, expected):
    assert ask(parse(text), **columns) is expected


def test_otel_names_are_the_short_names():
    assert parse("http.response.status_code < 500 AND service.name = 'a'").columns == {"http_status", "service"}
    assert parse("Http_Status < 500").sql() == parse("http_status < 500").sql()


def test_columns_and_attribute_keys_read_are_known():
    predicate = parse("attributes['a'] = 'x' OR coalesce(attributes['b'], service) = 'y' AND duration_ms < 5")
    assert predicate.columns == {"attributes", "service", "duration_ms"}
    assert predicate.attributes == {"a", "b"}


def test_a_value_is_a_number_and_nan_is_none():
    assert ask(parse_value("duration_ms * 0.001"), duration_ms=250.0) == 0.25
    assert ask(parse_value("duration_ms"), duration_ms=float("nan")) is None


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("code", {"code": "200"}, "200"),
        ("seconds * 1000", {"seconds": "0.25"}, 250.0),
        ("bytes / chunks", {"bytes": "6", "chunks": "0"}, None),
        ("split_part(path, '?', 1)", {"path": "/a?b=c"}, "/a"),
        ("method || ' ' || path", {"method": "GET", "path": "/"}, "GET /"),
        ("CASE WHEN code = 200 THEN 'ok' ELSE 'no' END", {"code": "200"}, "ok"),
        ("CASE WHEN code = '200' THEN 'ok' ELSE 'no' END", {"code": "200"}, "ok"),
        ('milliseconds(start, "end")', {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:01.5Z"}, 1500.0),
        ("regexp_extract(path, '^/([a-z]+)', 1)", {"path": "/cart/5"}, "cart"),
        ("TRY_CAST(code AS BIGINT)", {"code": "x"}, None),
    ],
)  # fmt: skip
def test_a_column_expression_reads_a_source_s_own_columns(text, columns, expected):
    assert ask(column_expression(text), **columns) == expected


@pytest.mark.parametrize(
    "text", ["strptime(t, '%d/%m/%Y %H:%M:%S')", "strptime(t || ' +0000', '%d/%m/%Y %H:%M:%S %z')"]
)
def test_an_instant_read_from_text_is_utc(text):
    sql = f"SELECT epoch_us({column_expression(text).sql()}) FROM (SELECT '01/03/2026 12:00:00' AS t)"
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'America/New_York'")
    assert connection.execute(sql).fetchone()[0] == 1772366400_000000


def test_instants_from_seconds_and_milliseconds_are_rounded_to_microseconds():
    read = ", ".join(f"epoch_us({column_expression(text).sql()})" for text in ("from_epoch(s)", "from_epoch_ms(s)"))
    assert duckdb.connect().execute(f"SELECT {read} FROM (SELECT '1.000001' AS s)").fetchone() == (1_000_001, 1000)
