"""Every form a predicate may take says the same, row by row, on DuckDB, ClickHouse and Spark."""

import pytest

from nines.predicates import parse, parse_value
from predicates.engines import bits, truth

PREDICATES = [
    # comparisons of each kind, NULL and NaN among the rows
    *(f"duration_ms {op} 300" for op in ("=", "<>", "!=", "<", "<=", ">", ">=", "==")),
    "duration_ms = value", "duration_ms < value", "duration_ms >= weight", "duration_ms = 0", "duration_ms <> -0.0",
    "duration_ms = 0.1", "duration_ms < 0.3", "duration_ms > 1e300", "duration_ms <= 2.5e-324", "duration_ms = 9007199254740993.0",
    "http_status < 500", "http_status = 200", "http_status >= -1", "http_status = 9223372036854775807", "http_status < 499.5",
    "http_status = 9007199254740993", "http_status = 9007199254740992.0", "http_status <= duration_ms", "http_status = value",
    "http_status > 9.3e18", "http_status = -9223372036854775807", "500 > http_status", "1 = 1", "1 < 0.5", "'a' = 'b'",
    "service = 'checkout'", "service <> ''", "service = ''", "service < 'b'", "service >= 'ß'", "service > 'Z'", "service = 'it''s'",
    "service = 'a\\b'", "service = '\\'", "service = '${x}'", "service = '{x:String}'", "service = '$1'", "service = '😀'",
    "service = 'a\nb'", "service = operation", "service < operation", "service = 'e\u0301'", "service = 'a	b'", "service <= '日本'",
    "version < '1.2.3'", "time > TIMESTAMP '2026-03-29T01:00:00Z'", "time = TIMESTAMP '2026-03-29T02:00:00+01:00'",
    "time <= start", "time < TIMESTAMP '1970-01-01'", "start BETWEEN TIMESTAMP '1960-01-01' AND TIMESTAMP '2026-03-29T01:00:00Z'",
    "time IN (TIMESTAMP '1970-01-01', TIMESTAMP '2038-01-19T03:14:08Z')",
    # logic of three values
    "http_status < 500 AND duration_ms < 300", "http_status < 500 OR duration_ms < 300", "NOT (http_status < 500)",
    "NOT (http_status < 500 OR NOT duration_ms < 300)", "NOT service = 'checkout' AND region = 'eu' OR state = 'up'",
    "(state = 'up') = (region = 'eu')", "(state = 'up') <> TRUE", "(state = 'up') IS TRUE", "(state = 'up') IS NOT TRUE",
    "(state = 'up') IS FALSE", "(state = 'up') IS NOT FALSE", "(duration_ms < 300) IS NULL", "TRUE", "FALSE OR duration_ms < 1",
    "TRUE AND duration_ms < 1", "(http_status < 500) IS UNKNOWN",
    # NULL
    "duration_ms IS NULL", "duration_ms IS NOT NULL", "service IS NULL", "time IS NULL", "service ISNULL", "service NOTNULL",
    "attributes['k'] IS NULL", "attributes['none'] IS NULL", "attributes['k'] = ''", "attributes['k'] <> 'x'", "attributes['none'] <> 'x'",
    "attributes['it''s'] = 'quoted'", "attributes['a\\b'] = '1'", "coalesce(attributes['k'], 'none') = 'none'",
    # IN and BETWEEN
    "http_status IN (200, 404, -1)", "http_status NOT IN (200, 404)", "http_status IN (200.0, 499.5)", "http_status IN (9007199254740993)",
    "duration_ms IN (0, 300, 0.1)", "duration_ms NOT IN (0, 1)", "duration_ms IN (0)", "duration_ms NOT IN (0)", "service IN ('', 'ß', 'a%b')",
    "service NOT IN ('checkout', '\\')", "http_status IN (1,2,3,4,5,6,7,8,9,10,11,12,200)", "duration_ms IN (1,2,3,4,5,6,7,8,9,10,11,0,300)",
    "service IN ('a','b','c','d','e','f','g','h','i','j','k','checkout')", "attributes['k'] IN ('5', '')", "attributes['k'] NOT IN ('5')",
    "http_status BETWEEN 200 AND 499", "http_status NOT BETWEEN 200 AND 499", "duration_ms BETWEEN -0.0 AND value", "service BETWEEN 'a' AND 'd'",
    "duration_ms NOT BETWEEN weight AND value", "http_status BETWEEN 199.5 AND duration_ms", "200 BETWEEN http_status AND value",
    # LIKE
    "service LIKE 'check%'", "service NOT LIKE '%k'", "service LIKE 'a_b'", "service LIKE 'a!_b' ESCAPE '!'", "service LIKE 'a!%b' ESCAPE '!'",
    "service LIKE '_'", "service LIKE '__'", "service LIKE '%'", "service LIKE ''", "service LIKE 'a\\b'", "service LIKE '%\\'",
    "service LIKE 'a\\\\b' ESCAPE '\\'", "service LIKE '%日%'", "service LIKE 'CHÉ%'", "service LIKE '${x}'", "service LIKE 'ab_'",
    "service LIKE '%\n%'", "service LIKE '1.5'", "service LIKE '+5'", "service LIKE '%''s'", "attributes['k'] LIKE '5%'", "service LIKE '%%'",
    # functions
    "lower(service) = 'checkout'", "upper(service) = 'CHÉCK'", "lower(service) = 'i'", "upper(service) = 'SS'", "lower(service) = 'chÉck'",
    "length(service) = 1", "length(service) = 2", "length(service) > 17", "length(attributes['k']) = 0", "starts_with(service, 'a')",
    "starts_with(service, '')", "ends_with(service, 'b')", "ends_with(service, operation)", "contains(service, '%')", "contains(service, '')",
    "contains(operation, service)", "coalesce(duration_ms, value, -1) < 0", "coalesce(http_status, 0.5) = 0.5", "coalesce(service, region) = 'eu'",
    "nullif(service, '') IS NULL", "nullif(duration_ms, 300) < 1e9", "nullif(http_status, 200.0) = 404", "abs(duration_ms) > 2", "abs(http_status) >= 1",
    "service || '/' || region = 'checkout/eu'", "coalesce(state = 'up', region = 'eu')", "coalesce(time, start) = TIMESTAMP '1970-01-01'",
    # CASE
    "CASE WHEN http_status < 500 THEN duration_ms < 300 WHEN region = 'eu' THEN TRUE END", "CASE http_status WHEN 200 THEN TRUE WHEN 500 THEN FALSE END",
    "CASE WHEN duration_ms < 1 THEN 1 ELSE 2.5 END = 2.5", "CASE WHEN region = 'eu' THEN NULL ELSE service END = 'checkout'",
    "CASE WHEN region = 'eu' THEN 0 WHEN state = 'up' THEN http_status ELSE -1 END >= 0", "CASE region WHEN 'eu' THEN service ELSE operation END LIKE '%5%'",
    "CASE WHEN time > start THEN time ELSE start END > TIMESTAMP '2026-03-29T01:00:00Z'", "CASE WHEN duration_ms < 300 THEN NULL ELSE state = 'up' END",
    "CASE WHEN region = 'eu' THEN duration_ms ELSE http_status END = 200",
    "CASE WHEN region = 'eu' THEN 9223372036854775807 ELSE http_status END > 500", "coalesce(http_status, 9223372036854775807) > 500",
    # reading numbers from text
    "TRY_CAST(service AS BIGINT) IS NOT NULL", "TRY_CAST(service AS BIGINT) = 5", "TRY_CAST(service AS DOUBLE) IS NOT NULL", "TRY_CAST(service AS DOUBLE) >= 1000",
    "TRY_CAST(attributes['k'] AS BIGINT) > 4", "TRY_CAST(attributes['none'] AS DOUBLE) > 4", "TRY_CAST(http_status AS VARCHAR) = '-1'",
    "CAST(http_status AS DOUBLE) = 9007199254740992", "TRY_CAST(service AS DOUBLE) = 0", "CAST(http_status AS VARCHAR) LIKE '4%'",
    # arithmetic
    "duration_ms + value > 300", "duration_ms - value < 0", "duration_ms * value = 0", "-duration_ms < 0", "- http_status >= 1",
    "http_status + 1 > 0", "http_status * http_status > 1e19", "duration_ms - duration_ms IS NULL", "0 * duration_ms = 0", "(duration_ms + value) * weight - 1 > 0",
    "duration_ms * 1000 < 300000", "0.1 + 0.2 = 0.3", "1 - 2 < 0", "- 5 = -5", "3 * -2 = -6", "coalesce(duration_ms * weight, 7) = 7",
    # OpenTelemetry names, any case
    "http.response.status_code < 500", "Service.Name = 'checkout'", '"http_status" = 200', "HTTP_STATUS = 200", "session.id = 'Checkout'",
]  # fmt: skip

VALUES = [
    "duration_ms", "http_status", "duration_ms + value", "duration_ms * value", "duration_ms - weight * 3", "-duration_ms", "abs(value)",
    "TRY_CAST(service AS DOUBLE)", "TRY_CAST(attributes['k'] AS BIGINT)", "coalesce(duration_ms, 0.1)", "length(service)", "0.1 + 0.2 + value",
    "CASE WHEN http_status < 500 THEN duration_ms ELSE 1e3 END", "http_status * 0.001", "nullif(duration_ms, 0)", "CAST(http_status AS DOUBLE)",
]  # fmt: skip


@pytest.fixture(scope="module")
def answers(duck):
    return answers_of(duck)


def answers_of(engine):
    """Ask everything in one query: an engine's start and plan cost more than the rows."""
    given = engine.columns(
        [parse(p).sql(engine.dialect) for p in PREDICATES] + [parse_value(v).sql(engine.dialect) for v in VALUES]
    )
    truths = {p: [truth(v) for v in column] for p, column in zip(PREDICATES, given, strict=False)}
    numbers = {v: [bits(n) for n in column] for v, column in zip(VALUES, given[len(PREDICATES) :], strict=True)}
    return truths | numbers


def differences(ours, theirs):
    """Return form, row number and both answers, wherever two engines disagree."""
    return [
        (form, row, one, other)
        for form, column in ours.items()
        for row, (one, other) in enumerate(zip(column, theirs[form], strict=True))
        if one != other
    ]


def test_clickhouse_agrees_with_duckdb_on_every_form(answers, clickhouse):
    assert differences(answers, answers_of(clickhouse)) == []


def test_a_missing_key_is_null_in_clickhouse_also_where_a_map_cannot_hold_null(rows_file, clickhouse):
    plain = type(clickhouse)(rows_file, "id String, attributes Map(String, String)")
    missing, empty = plain.columns(
        [parse(p).sql("clickhouse") for p in ("attributes['none'] IS NULL", "attributes['none'] = ''")]
    )
    assert {truth(v) for v in missing} == {True}
    assert {truth(v) for v in empty} == {None}


@pytest.mark.slow
def test_spark_agrees_with_duckdb_on_every_form(answers, spark):
    assert differences(answers, answers_of(spark)) == []


def test_the_rows_tell_true_false_and_null_apart_for_most_forms(answers):
    told = [p for p in PREDICATES if {True, False, None} <= set(answers[p])]
    assert len(told) > len(PREDICATES) / 2
