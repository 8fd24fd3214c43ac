"""What is not a predicate is refused, with what, where and how to put it right."""

import time

import pytest

from nines.errors import InputError
from nines.predicates import column_expression, parse, parse_key, parse_value


def problems(text, read=parse):
    with pytest.raises(InputError) as caught:
        read(text, where="slo.yaml:7")
    assert {p.where for p in caught.value.problems} == {"slo.yaml:7"}
    return [f"{p.what}; {p.fix}" for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("htp_status < 500", "no column htp_status at character 1", "did you mean http_status?"),
        ("url.path = '/'", "no column url.path at character 1", "write attributes['url.path']"),
        ('service = "checkout"', "no column checkout at character 11", "single quotes: 'checkout'"),
        ("http_status < 500 AND", "something is missing after 'AND' at character 19", "complete"),
        ("http_status < 500 500", "'500' at character 19 is not expected", "check what stands before"),
        ("(http_status < 500", "something is missing after '500'", "complete"),
        ("service = 'a", "opened and not closed", "close it"),
        ("", "empty", "http_status < 500"),
        ("service IN (SELECT 1)", "a subquery is not allowed", "one condition"),
        ("EXISTS (SELECT 1)", "a subquery is not allowed", "one condition"),
        ("SELECT 1", "a query starts with 'SELECT' at character 1", "one condition"),
        ("count(*) > 1", "not allowed at character 7", "one condition"),
        ("max(duration_ms) > 1", "the function max is not on the list at character 1", "many rows"),
        ("row_number() OVER () = 1", "what looks at many rows", "one condition"),
        ("lowr(service) = 'a'", "the function lowr is not on the list", "did you mean lower?"),
        ("now() > time", "the function now is not on the list", "TIMESTAMP '"),
        ("round(duration_ms) = 3", "the function round is not on the list", "engines disagree"),
        ("regexp_matches(service, 'a+')", "the function regexp_matches", "use LIKE"),
        ("read_csv('/etc/passwd') = 'a'", "the function read_csv is not on the list", "use one of lower"),
        ("service ~ 'a+'", "a regular expression is not allowed", "use LIKE"),
        ("service SIMILAR TO 'a+'", "a regular expression is not allowed", "use LIKE"),
        ("service ILIKE 'a%'", "ILIKE is not allowed", "lower(column) LIKE"),
        ("duration_ms / 1000 < 0.3", "division is not allowed at character 1", "multiply the other side"),
        ("http_status % 2 = 0", "division is not allowed", "multiply"),
        ("http_status = 200; DROP TABLE events", "a semicolon stands at character 18", "one expression"),
        ("http_status = 200 -- fine\n", "a comment stands near character 15", "outside"),
        ("/* all */ http_status = 200", "a comment stands near", "outside"),
        ("http_status < ?", "a parameter is not allowed", "write the value"),
        ("http_status < $1", "a parameter is not allowed", "write the value"),
        ("http_status < :limit", "a parameter is not allowed", "write the value"),
        ("CAST(attributes['n'] AS BIGINT) = 1", "this CAST is not allowed", "TRY_CAST"),
        ("attributes['n']::BIGINT = 1", "this CAST is not allowed", "TRY_CAST"),
        ("TRY_CAST(attributes['n'] AS INTEGER) = 1", "there is no cast to INT", "BIGINT, DOUBLE or VARCHAR"),
        ("TRY_CAST(duration_ms AS BIGINT) = 1", "a number cannot be cast to an integer", "engines disagree"),
        ("TRY_CAST(duration_ms AS VARCHAR) = '1'", "a number cannot be cast to text", "engines disagree"),
        ("TRY_CAST(service AS DECIMAL(3, 2)) = 1", "there is no cast to DECIMAL(3, 2)", "DOUBLE"),
        ("http_status < '500'", "an integer and text stand together at character 1", "TRY_CAST"),
        ("attributes['n'] > 5", "an integer and text stand together at character 1", "TRY_CAST(... AS DOUBLE) or BIGINT"),
        ("time > '2026-01-01'", "an instant and text stand together", "TIMESTAMP '2026-01-01T00:00:00Z'"),
        ("time > TIMESTAMP '2026-01-01T00:00:00'", "has no time zone", "00Z'"),
        ("time > TIMESTAMP 'soon'", "in a TIMESTAMP at character 18", "00Z'"),
        ("duration_ms = NULL", "a comparison with NULL is never true", "IS NULL"),
        ("http_status NOT IN (200, NULL)", "NULL stands in an IN list", "IS NULL beside IN"),
        ("duration_ms BETWEEN NULL AND 5", "NULL stands in BETWEEN", ">= or <= alone"),
        ("coalesce(duration_ms, NULL) = 5", "NULL stands in coalesce", "leave it out"),
        ("service IN (operation)", "an IN list holds more than written values", "use = and OR"),
        ("service LIKE operation", "a LIKE pattern and its ESCAPE are written text", "LIKE 'a%'"),
        ("service LIKE 'a!b' ESCAPE '!'", "escapes nothing", "before %, _ or itself"),
        ("service LIKE 'a!' ESCAPE '!'", "escapes nothing", "before %, _ or itself"),
        ("service", "'service' gives text, not a condition", "compare it"),
        ("http_status AND duration_ms < 5", "an integer stands where a condition is needed", "compare it"),
        ("service + 1 > 2", "text stands where a number is needed at character 1", "TRY_CAST"),
        ("(state = 'up') < (region = 'eu')", "conditions have no order", "use = or <>"),
        ("attributes = 'a'", "a map stands where a value is needed", "attributes['key']"),
        ("attributes IS NULL", "a map stands where a value is needed", "attributes['key']"),
        ("attributes[service] = 'a'", "the key of a map is written text", "attributes['key']"),
        ("service['a'] = 'a'", "only a map has keys", "attributes['key']"),
        ("http_status = 9223372036854775808", "too great for an integer", "exponent"),
        ("duration_ms < 1e999", "too great for a number", "smaller"),
        ("CASE WHEN state = 'up' THEN NULL END", "nothing but NULL", "give a value"),
        ("CASE lower(service) WHEN 'a' THEN TRUE END", "CASE is given an expression", "CASE WHEN"),
        ("CASE WHEN state = 'up' THEN 1 ELSE 'a' END = 1", "an integer and text stand together", "TRY_CAST"),
        ("starts_with(service)", "starts_with takes 2 values, not 1", "whether"),
        ("service = E'a'", "this way of writing text is not allowed", "'text'"),
        ("service = 'a' 'b'", "this way of writing text is not allowed", "'text'"),
        ("service LIKE ANY ('a')", "a LIKE pattern", "LIKE 'a%'"),
        ("duration_ms BETWEEN SYMMETRIC 5 AND 1", "BETWEEN is not allowed", "reference"),
        ("service COLLATE nocase = 'a'", "COLLATE is not allowed", "lower(column)"),
        ("service IS NOT DISTINCT FROM 'a'", "takes NULL for a value", "IS NULL beside ="),
        ("time - INTERVAL '1' SECOND > start", "an interval is not allowed", "duration_ms"),
        ("service = 'a\0b'", "NUL", "take it out"),
        ("service.* = 'a'", "names no one column", "name the column"),
    ],
)  # fmt: skip
def test_it_is_refused_with_the_place_and_the_way_out(text, what, fix):
    said = " | ".join(problems(text))
    assert what in said
    assert fix in said


def test_all_mistakes_are_told_at_once():
    said = problems("htp_status < 500 AND lowr(service) = 'a' AND service = 5 AND duration_ms / 2 < 1")
    assert [s.split(" at character ")[0] for s in said] == [
        "there is no column htp_status",
        "the function lowr is not on the list",
        "an integer and text stand together",
        "division is not allowed",
    ]


def test_a_value_has_to_be_a_number():
    assert "gives text, not a number" in problems("service", parse_value)[0]
    assert "gives a condition, not a number" in problems("service = 'a'", parse_value)[0]


def test_a_key_has_to_be_text_or_an_integer():
    assert parse_key("attributes['monitor']").attributes == {"monitor"}
    assert "gives a number, not text or an integer" in problems("duration_ms", parse_key)[0]
    assert "a subquery" in problems("attributes['x'] || (SELECT 'y')", parse_key)[0]


def test_a_column_expression_reads_no_files_and_no_other_rows():
    assert "read_text" in problems("read_text('/etc/passwd')", column_expression)[0]
    assert "a subquery" in problems("(SELECT 1)", column_expression)[0]
    assert "many rows" in problems("sum(a) OVER ()", column_expression)[0]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3_000,
        "(" * 30 + "TRUE" + ")" * 30,
        "NOT " * 900 + "TRUE",
        "- " * 1_900 + "1 = 1",
        "1" + " + 1" * 990 + " = 1",
        "a=" * 1_900 + "1",
        "CASE WHEN TRUE THEN " * 150 + "1",
        "lower(" * 600,
        "attributes[" * 300,
        "x" * 4_001,
        "'" * 3_999,
        "duration_ms < 0 AND " * 190 + "1",
    ],
)
def test_however_deep_or_long_the_refusal_comes_at_once(text):
    began = time.monotonic()
    assert problems(text)
    assert time.monotonic() - began < 2


def test_nesting_that_engines_would_write_out_many_times_is_refused():
    text = "duration_ms"
    for _ in range(13):
        text = f"(CASE WHEN TRUE THEN 1+{text} END)"
    assert "nested too often" in problems(f"{text} > 0")[0] or "deeper" in problems(f"{text} > 0")[0]


def test_long_flat_conditions_are_welcome():
    predicate = parse(" OR ".join(f"http_status = {n}" for n in range(180)))
    assert predicate.sql().count(" OR ") == 179
