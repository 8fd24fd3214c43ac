"""Reading ratios, durations and instants: exact, or refused with the reason."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nines.reading import duration, duration_text, instant, ratio


@pytest.mark.parametrize(
    ("text", "exact"),
    [("99.9%", "999/1000"), ("99.95 %", "1999/2000"), (0.999, "999/1000"), (1, "1"), ("0", "0"), (1e-05, "1/100000")],
)
def test_a_ratio_is_read_exactly_as_it_was_written(text, exact):
    assert ratio(text) == Fraction(exact)


@pytest.mark.parametrize("text", [99.9, "99.9", "101%", "-1%", "nine", None, True, [], "1e5", "nan", "inf"])
def test_what_is_no_ratio_is_refused(text):
    with pytest.raises(ValueError):
        ratio(text)


@given(st.integers(1, 10**7))
def test_law_a_duration_survives_being_written(seconds):
    assert duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "5", "5 m", "1M", "1Q", "1Y", "-5m", "m5", "1.5h"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError):
        duration(text)


def test_an_instant_without_a_zone_is_refused_because_nobody_can_tell_whose_clock_it_was():
    with pytest.raises(ValueError, match="no time zone"):
        instant("2026-03-01T12:00:00")


def test_a_bare_date_is_its_midnight_in_utc():
    assert instant("2026-03-01") == datetime(2026, 3, 1, tzinfo=UTC)
