import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.statistics import bootstrap_interval, interquartile_mean, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 10, 0.0, 3.8416 / 13.8416),  # z^2 / (n + z^2)
        (10, 10, 10 / 13.8416, 1.0),
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, method 3
    ],
)
def test_wilson_equals_published_intervals(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-4)


def test_wilson_ends_at_the_ends():
    assert wilson(20, 20)[1] == 1.0 and wilson(0, 20)[0] == 0.0


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_rate_and_mirrors_with_failures(case):
    successes, n = case
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n + 1e-12 and successes / n - 1e-12 <= high <= 1
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(
    "values, mean",
    [
        ([3.0], 3.0),
        ([0.0, 1.0], 0.5),
        ([0.0, 1.0, 5.0], (0.25 * 0 + 1 * 1 + 0.25 * 5) / 1.5),
        ([9.0, 0.0, 1.0, 2.0], 1.5),
        ([0, 0, 1, 2, 3, 4, 9, 9], 2.5),
    ],
)
def test_the_interquartile_mean_is_that_of_the_middle_half(values, mean):
    assert interquartile_mean(values) == pytest.approx(mean)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_the_bootstrap_interval_lies_within_the_values(values):
    low, high = bootstrap_interval(values, draws=50)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
