"""Distributions against the samples they stand for."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.distribution import Distribution

values = st.lists(st.floats(0.0, 1e5, allow_subnormal=False), min_size=1, max_size=200)
BOUNDS = (0.01, 0.1, 1.0, 10.0)


def made(samples: list[float], bounds: tuple[float, ...] = BOUNDS) -> Distribution:
    distribution = Distribution(bounds)
    distribution.update(np.array(samples))
    return distribution


@given(samples=values)
def test_count_sum_min_max_and_moments_are_exact(samples: list[float]) -> None:
    found = made(samples)
    assert (found.count, found.min, found.max) == (len(samples), min(samples), max(samples))
    assert found.sum == pytest.approx(math.fsum(samples))
    if len(samples) > 1:
        assert found.std == pytest.approx(float(np.std(samples, ddof=1)), rel=1e-6, abs=1e-6)


@given(samples=values)
def test_fixed_buckets_count_what_is_not_above_their_bound(samples: list[float]) -> None:
    cumulative = np.cumsum(made(samples).fixed)
    for bound, count in zip(BOUNDS, cumulative, strict=False):
        assert count == sum(s <= bound for s in samples)


@given(samples=values, cut=st.integers(0, 200))
def test_merging_two_halves_is_the_whole(samples: list[float], cut: int) -> None:
    whole, left, right = made(samples), made(samples[:cut]), made(samples[cut:])
    left.merge(right)
    assert (left.count, left.min, left.max, left.zeros) == (whole.count, whole.min, whole.max, whole.zeros)
    assert left.sum == pytest.approx(whole.sum)
    assert np.array_equal(left.fixed, whole.fixed)
    for q in (0.0, 0.5, 0.9, 0.99, 1.0):
        assert left.quantile(q) == whole.quantile(q)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_a_quantile_is_within_a_third_of_a_per_cent(q: float) -> None:
    samples = np.random.default_rng(3).lognormal(-3.0, 1.0, 200_000)
    found = Distribution()
    for part in np.array_split(samples, 137):
        found.update(part)
    assert found.quantile(q) == pytest.approx(float(np.quantile(samples, q)), rel=0.003)


def test_equal_values_have_themselves_as_every_quantile() -> None:
    found = made([0.05] * 1000)
    assert {found.quantile(q) for q in (0.01, 0.5, 0.999)} == {0.05}


def test_without_values_there_are_no_figures() -> None:
    empty = made([])
    assert (empty.count, empty.mean, empty.std, empty.quantile(0.5)) == (0, None, None, None)


def test_zeros_are_counted_and_lie_below_everything() -> None:
    found = made([0.0, 0.0, 0.0, 4.0])
    assert found.zeros == 3
    assert found.quantile(0.5) == 0.0
    assert found.quantile(1.0) == 4.0


@pytest.mark.parametrize("schema", [8, 5, 3, 0])
def test_a_coarser_schema_puts_every_value_where_prometheus_would(schema: int) -> None:
    samples = np.random.default_rng(1).lognormal(-2.0, 2.0, 1000)
    first, counts = made(samples.tolist()).exponential(schema)
    assert counts.sum() == 1000
    for offset in np.flatnonzero(counts):
        low, high = 2.0 ** ((first + offset - 1) / 2**schema), 2.0 ** ((first + offset) / 2**schema)
        inside = np.count_nonzero((samples > low * (1 + 1e-12)) & (samples <= high * (1 - 1e-12)))
        assert abs(inside - counts[offset]) <= 1  # a value on the very edge may fall either way


def test_memory_does_not_grow_with_the_number_of_values() -> None:
    found = Distribution(BOUNDS)
    rng = np.random.default_rng(1)
    found.update(rng.lognormal(-3, 1, 100_000))
    before = found.counts.size
    for _ in range(50):
        found.update(rng.lognormal(-3, 1, 10_000))
    assert found.counts.size <= before + 4 * 256  # four octaves of rarer extremes at most


def test_different_bounds_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="different bounds"):
        made([1.0]).merge(made([1.0], (1.0, 2.0)))
