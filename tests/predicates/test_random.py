"""Laws: whatever predicate the grammar can say, engines agree on it; whatever text is given, the answer comes soon."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nines.errors import InputError
from nines.predicates import DIALECTS, parse, parse_value
from predicates.engines import bits, truth
from predicates.rows import INTEGERS, NUMBERS, TEXTS

WORDS = [text for text in TEXTS if text is not None]
FLOATS = [number for number in NUMBERS if number is not None and abs(number) < float("inf")]


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def written(number):
    return f"({number!r})" if repr(number).startswith("-") else repr(number)


texts = st.one_of(
    st.sampled_from(WORDS), st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=4)
).map(quoted)
integers = st.one_of(
    st.sampled_from([n for n in INTEGERS if n is not None and n > -(2**63)]), st.integers(-(2**63) + 1, 2**63 - 1)
).map(written)
floats = st.one_of(st.sampled_from(FLOATS), st.floats(allow_nan=False, allow_infinity=False)).map(written)
text_atoms = st.one_of(
    st.sampled_from(["service", "operation", "session", "attributes['k']", "attributes['none']"]), texts
)
number_atoms = st.one_of(st.sampled_from(["duration_ms", "value", "weight", "http_status"]), integers, floats)
patterns = (
    st.lists(
        st.one_of(
            st.sampled_from(["%", "_", "!%", "!_", "!!", "\\", "a", "b", "5", "日", "'"]),
            texts.map(lambda t: t[1:-1].replace("''", "'").replace("!", "")),
        ),
        max_size=4,
    )
    .map("".join)
    .map(quoted)
)


@st.composite
def values(draw, kind, conditions):
    """One value of a kind, sometimes made of others."""
    atoms = text_atoms if kind == "text" else number_atoms
    one, other = draw(atoms), draw(atoms)
    shapes = ["{one}"] * 3 + [
        "coalesce({one}, {other})",
        "nullif({one}, {other})",
        "CASE WHEN {when} THEN {one} ELSE {other} END",
        "CASE WHEN {when} THEN {one} END",
    ]
    shapes += (
        ["lower({one})", "upper({one})", "({one} || {other})"]
        if kind == "text"
        else [
            "({one} + {other})",
            "({one} - {other})",
            "({one} * {other})",
            "(-{one})",
            "abs({one})",
            "TRY_CAST({text} AS DOUBLE)",
            "TRY_CAST({text} AS BIGINT)",
            "length({text})",
        ]
    )
    return draw(st.sampled_from(shapes)).format(one=one, other=other, when=draw(conditions), text=draw(text_atoms))


@st.composite
def comparisons(draw, conditions):
    """One condition on values."""
    kind = draw(st.sampled_from(["text", "number"]))
    one, two, three = (draw(values(kind, conditions)) for _ in range(3))
    constants = ", ".join(
        draw(st.lists(texts if kind == "text" else st.one_of(integers, floats), min_size=1, max_size=12))
    )
    shapes = [f"{{one}} {op} {{two}}" for op in ("=", "<>", "<", "<=", ">", ">=")]
    shapes += [
        "{one} IS NULL",
        "{one} IS NOT NULL",
        "{one} IN ({constants})",
        "{one} NOT IN ({constants})",
        "{one} BETWEEN {two} AND {three}",
        "{one} NOT BETWEEN {two} AND {three}",
    ]
    shapes += (
        [
            "{one} LIKE {pattern} ESCAPE '!'",
            "{one} NOT LIKE {pattern} ESCAPE '!'",
            "starts_with({one}, {two})",
            "ends_with({one}, {two})",
            "contains({one}, {two})",
        ]
        if kind == "text"
        else []
    )
    return draw(st.sampled_from(shapes)).format(
        one=one, two=two, three=three, constants=constants, pattern=draw(patterns)
    )


def joined(inner):
    return st.one_of(
        st.tuples(inner, inner).map(lambda both: f"({both[0]}) AND ({both[1]})"),
        st.tuples(inner, inner).map(lambda both: f"({both[0]}) OR ({both[1]})"),
        inner.map(lambda one: f"NOT ({one})"),
        inner.map(lambda one: f"({one}) IS NOT TRUE"),
        comparisons(inner),
    )


PLAIN = st.sampled_from(["region = 'eu'", "duration_ms < 300", "state = 'up'", "http_status >= 500", "TRUE"])
CONDITIONS = st.recursive(comparisons(PLAIN), joined, max_leaves=4)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@given(st.lists(CONDITIONS, min_size=8, max_size=8), st.lists(values("number", PLAIN), min_size=4, max_size=4))
def test_random_predicates_agree_on_duckdb_and_clickhouse(duck, clickhouse, conditions, numbers):
    expressions = [parse(text) for text in conditions] + [parse_value(text) for text in numbers]
    one, other = (engine.columns([e.sql(engine.dialect) for e in expressions]) for engine in (duck, clickhouse))
    for position, (ours, theirs) in enumerate(zip(one, other, strict=True)):
        plain = truth if position < len(conditions) else bits
        assert [plain(v) for v in ours] == [plain(v) for v in theirs], expressions[position].text


TOKENS = """( ) [ ] , ; -- /* */ ' " and or not in is null like between case when then else end cast try_cast as bigint select
    from where over service http_status attributes 'k' 5 0.1 + - * / % = <> < ~ :: ? :a $1 @a || -> { } lower count"""


@settings(max_examples=300, deadline=2000)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(TOKENS.split()), max_size=30).map(" ".join)))
def test_any_text_gives_a_predicate_or_problems(text):
    outcome = tried(text)
    assert outcome
    if isinstance(outcome, tuple):
        assert all(p.what and p.where == "x.yaml:1" for p in outcome)
    else:
        assert all(outcome.sql(dialect) for dialect in DIALECTS)


def tried(text):
    try:
        return parse(text, where="x.yaml:1")
    except InputError as wrong:
        return wrong.problems
