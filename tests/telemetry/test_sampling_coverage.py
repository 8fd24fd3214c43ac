"""How often the limits of a sampled ratio hold the true one: measured on drawn samples, and summed exactly."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from nines.telemetry.sampling import Interval, Moments, NoInterval, interval, post_stratified

REPETITIONS = 2_000
BAND = (93.0, 97.5)
ENOUGH = 10


@dataclass(frozen=True)
class Kind:
    """Units of one weight that are alike: size, bad events in each, and how many there are."""

    weight: Fraction
    size: int
    bad: int
    count: int


def uniform(expected, share, ratio, size=1):
    """Units of one size, kept with one chance, so many that `expected` bad ones are kept on average."""
    bad = round(expected / share)
    return [Kind(1 / share, size, size, bad), Kind(1 / share, size, 0, round(bad / ratio) - bad)]


def mixed(expected, share, ratio, shares):
    return [
        kind for size, part in shares.items() for kind in uniform(expected * part, share, ratio, size) if kind.count
    ]


def sums_of_samples(kinds, seed):
    """Return the weights and, for each repetition and weight, the six sums of what was kept."""
    rng = np.random.default_rng(seed)
    weights = sorted({kind.weight for kind in kinds})
    sums = np.zeros((REPETITIONS, len(weights), 6), dtype=np.int64)
    for k in kinds:
        kept = rng.binomial(k.count, float(1 / k.weight), size=REPETITIONS)
        each = np.array([k.size, k.bad, k.size**2, k.size * k.bad, k.bad**2, 1])
        sums[:, weights.index(k.weight)] += kept[:, None] * each
    return weights, sums


def limits(found):
    if isinstance(found, Interval):
        return found.bad.low, found.bad.high
    return (0.0, 1.0) if found.ratio is None else (float(found.ratio), float(found.ratio))


def covered(true, samples, **options):
    """Return the percentage of samples, each a list of weights and an array of their sums, that hold the truth."""
    known: dict[bytes, bool] = {}
    hits = 0
    for weights, sums in samples:
        key = sums.tobytes() + repr(weights).encode()
        if key not in known:
            strata = [Moments(w, *map(int, row)) for w, row in zip(weights, sums, strict=True)]
            low, high = limits(interval(strata, **options))
            known[key] = low <= true <= high
        hits += known[key]
    return 100 * hits / REPETITIONS


def measured(kinds, *, counted=False, every_bad_kept=False, seed=20_260_101):
    total = sum(k.size * k.count for k in kinds)
    true = sum(k.bad * k.count for k in kinds) / total
    weights, sums = sums_of_samples(kinds, seed)
    options = {"exact_total": total if counted else None, "every_bad_kept": every_bad_kept}
    return covered(true, ((weights, one) for one in sums), **options)


def assert_holds(percentage, expected, record_property):
    record_property("coverage", f"{percentage:.2f} % at {expected:g} expected")
    low, high = BAND if expected >= ENOUGH else (95.0, 100.0)
    assert low <= percentage <= high


TENTH = Fraction(1, 10)
EXPECTED = (3, 9, 9.9, 10, 12, 20, 50, 200)


@pytest.mark.slow
@pytest.mark.parametrize("expected", [3, 9.9, 10, 12, 20])
@pytest.mark.parametrize("share", [Fraction(1, 100), TENTH, Fraction(1, 2)])
def test_uniform_sampling_under_a_counted_total(expected, share, record_property):
    kinds = uniform(expected, share, Fraction(1, 1000))
    assert_holds(measured(kinds, counted=True), expected, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("expected", EXPECTED)
@pytest.mark.parametrize(
    ("share", "ratio"),
    [(Fraction(1, 100), Fraction(1, 1000)), (TENTH, Fraction(1, 20)), (Fraction(1, 2), Fraction(3, 10))],
)
def test_uniform_sampling_under_an_estimated_total(expected, share, ratio, record_property):
    assert_holds(measured(uniform(expected, share, ratio)), expected, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("expected", [3, 9, 10, 20])
def test_a_ratio_near_one_is_bounded_by_its_few_good_events(expected, record_property):
    kinds = [Kind(k.weight, 1, 1 - k.bad, k.count) for k in uniform(expected, TENTH, TENTH)]
    assert_holds(measured(kinds), expected, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("expected", [3, 9.9, 10, 50])
@pytest.mark.parametrize("size", [3, 10])
def test_traces_of_one_size_and_one_outcome(expected, size, record_property):
    assert_holds(measured(uniform(expected, TENTH, Fraction(1, 20), size)), expected, record_property)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (False, 3),
        (False, 5),
        (False, 9),
        (False, 10),
        (False, 12),
        (False, 20),
        (False, 50),
        (False, 200),
        (True, 9.9),
        (True, 20),
    ],
)
@pytest.mark.parametrize("parts", [(1, 1, 1), (6, 3, 1)])
def test_traces_of_mixed_sizes_and_one_outcome(counted, expected, parts, record_property):
    shares = {size: Fraction(part, sum(parts)) for size, part in zip((1, 3, 10), parts, strict=True)}
    kinds = mixed(expected, TENTH, Fraction(1, 20), shares)
    assert_holds(measured(kinds, counted=counted), expected, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("expected", [3, 9, 10, 50])
def test_traces_that_are_bad_in_part(expected, record_property):
    half = round(expected * 5)
    kinds = [Kind(Fraction(10), 4, 2, half), Kind(Fraction(10), 4, 4, half), Kind(Fraction(10), 4, 0, 20 * half)]
    assert_holds(measured(kinds), expected, record_property)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("counted", "expected"), [(False, 4), (False, 9), (False, 10), (False, 50), (True, 12), (True, 20), (True, 200)]
)
def test_routes_sampled_at_different_rates(counted, expected, record_property):
    half = expected / 2
    kinds = [
        *uniform(half, TENTH, Fraction(1, 50)),
        *uniform(half, Fraction(1, 50), Fraction(1, 500)),
        Kind(Fraction(1), 1, 1, 5),
        Kind(Fraction(1), 1, 0, 995),
    ]
    assert_holds(measured(kinds, counted=counted), expected, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("bad", [12, 1000])
def test_all_bad_kept_and_totals_estimated(bad, record_property):
    kinds = [
        Kind(Fraction(1), 1, 1, bad),
        Kind(Fraction(100), 1, 0, 100_000),
        Kind(Fraction(10), 3, 0, 2_000),
    ]
    assert_holds(measured(kinds, every_bad_kept=True), bad, record_property)


@pytest.mark.slow
def test_all_bad_kept_and_totals_counted_are_exact_in_every_sample():
    kinds = [Kind(Fraction(1), 1, 1, 50), Kind(Fraction(100), 1, 0, 100_000)]
    weights, sums = sums_of_samples(kinds, seed=1)
    strata = ([Moments(w, *map(int, row)) for w, row in zip(weights, one, strict=True)] for one in sums)
    found = {interval(one, exact_total=100_050, every_bad_kept=True) for one in strata}
    assert found == {NoInterval(Fraction(50, 100_050), "exact")}


@pytest.mark.slow
@pytest.mark.parametrize("expected", [4, 10, 20, 200])
def test_a_rate_limited_sampler_that_reports_what_it_saw(expected, record_property):
    rng = np.random.default_rng(7)
    minutes, kept = 12, max(100, 10 * expected)
    seen = np.round(kept * rng.uniform(2, 30, size=minutes)).astype(int)
    bad = rng.multinomial(round(expected * seen.sum() / (minutes * kept)), seen / seen.sum())
    kept_bad = rng.hypergeometric(bad, seen - bad, kept, size=(REPETITIONS, minutes))
    weights = [post_stratified(kept, int(n)) for n in seen]
    size = np.full_like(kept_bad, kept)
    sums = np.stack([size, kept_bad, size, kept_bad, kept_bad, size], axis=2)
    percentage = covered(bad.sum() / seen.sum(), ((weights, one) for one in sums))
    assert_holds(percentage, expected, record_property)


def exact_coverage(bad, share):
    """Return the exact coverage under a counted total: the sum of the chances of all counts whose limits hold it."""
    total, weight, kept = 10**7, 1 / share, 10**5
    numbers = np.arange(bad + 1)
    chances = stats.binom.pmf(numbers, bad, float(share))
    held = 0.0
    for k in numbers[chances > 1e-7].tolist():
        found = interval([Moments(weight, kept, k, kept, k, k, kept)], exact_total=total)
        held += chances[k] * (found.bad.low <= bad / total <= found.bad.high)
    return 100 * held


@pytest.mark.slow
@pytest.mark.parametrize("share", [Fraction(1, 100), TENTH, Fraction(1, 4), Fraction(1, 2)])
def test_exact_coverage_around_ten_expected_bad_events(share):
    for expected in (*np.arange(0.5, 9.9, 0.5), 9.9, 9.98):
        assert exact_coverage(int(expected / share), share) >= 95
    for expected in (10, 10.1, 10.3, 11, 12.5, 14, 17, 23, 60):
        bad = -int(-expected / share)
        assert BAND[0] <= exact_coverage(bad + (bad * share < ENOUGH), share) <= BAND[1]


@pytest.mark.slow
@pytest.mark.parametrize("share", [Fraction(2, 3), Fraction(4, 5), Fraction(9, 10), Fraction(19, 20)])
def test_where_few_are_dropped_the_limits_stay_wide_enough(share):
    for expected in (2, 5, 10, 16, 18, 30, 39, 80):
        assert exact_coverage(round(expected / share), share) >= (BAND[0] if expected >= ENOUGH else 95)
