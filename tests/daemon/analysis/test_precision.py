"""Standard errors from blocks: they hold what neighbours have in common."""

import numpy as np
import pytest

from swelld.analysis.precision import BLOCKS, FEWEST, blocks, rate_error, ratio_error, share_floor, student


@pytest.mark.parametrize(
    ("confidence", "freedom", "expected"),
    [(0.95, 4, 2.776), (0.95, 9, 2.262), (0.99, 9, 3.250), (0.999, 20, 3.850), (0.95, 1e6, 1.960), (0.95, 12.5, 2.169)],
)
def test_students_distribution_is_that_of_the_tables(confidence: float, freedom: float, expected: float) -> None:
    assert student(confidence, freedom) == pytest.approx(expected, abs=0.001)


def test_blocks_are_about_ten() -> None:
    assert blocks(np.ones(7)).tolist() == [1] * 7
    assert blocks(np.ones(40)).tolist() == [4] * 10
    assert blocks(np.ones(25)).tolist() == [2] * 12 + [1]
    assert blocks(np.ones(0)).tolist() == []


def test_too_few_blocks_say_nothing() -> None:
    assert ratio_error(np.arange(FEWEST - 1.0), np.ones(FEWEST - 1)) is None
    assert ratio_error(np.ones(9), np.array([1.0] * 4 + [0.0] * 5)) is None
    assert ratio_error(np.ones(FEWEST), np.ones(FEWEST)) == (0.0, FEWEST)


def test_the_error_of_a_mean_is_that_of_independent_values() -> None:
    values = np.random.default_rng(1).normal(10.0, 2.0, size=(400, 40))
    errors = [found[0] for row in values if (found := ratio_error(row, np.ones(40))) is not None]
    expected = 2.0 / np.sqrt(40)
    assert expected < np.mean(errors) < 1.4 * expected  # never smaller: what seems shared by chance is counted as well


def test_what_neighbours_have_in_common_makes_it_larger() -> None:
    rng = np.random.default_rng(2)
    level = np.cumsum(rng.normal(size=40))
    alike = ratio_error(10 + level, np.ones(40))
    mixed = ratio_error(10 + rng.permutation(level), np.ones(40))
    assert alike is not None
    assert mixed is not None
    assert alike[0] > 1.5 * mixed[0]


@pytest.mark.parametrize(("memory", "most"), [(0.0, 0.06), (0.5, 0.08), (0.8, 0.14)])
def test_the_interval_of_correlated_values_holds_the_truth(memory: float, most: float) -> None:
    """Of a process that remembers itself for a few of its 40 stretches, 95 % intervals miss the mean seldom."""
    rng = np.random.default_rng(3)
    missed, naive, tries = 0, 0, 400
    for _ in range(tries):
        noise = rng.normal(size=40)
        series = np.empty(40)
        series[0] = noise[0]
        for place in range(1, 40):
            series[place] = memory * series[place - 1] + np.sqrt(1 - memory**2) * noise[place]
        found = ratio_error(series + 100, np.ones(40))
        assert found is not None
        missed += abs(series.mean()) > student(0.95, found[1] - 1) * found[0]
        naive += abs(series.mean()) > 1.96 * series.std(ddof=1) / np.sqrt(40)
    assert missed / tries < most
    if memory == 0.8:
        assert naive / tries > 0.3  # as if requests were independent


def test_the_error_of_a_rate_is_in_its_unit() -> None:
    """Ten blocks of 4 x 0.5 s with 2 or 6 events a stretch: 4/s or 12/s in turn."""
    amounts = np.repeat([2.0, 6.0] * 5, 4)
    found = rate_error(amounts, 0.5)
    assert found is not None
    assert found[0] == pytest.approx(np.std([4.0, 12.0] * 5, ddof=1) / np.sqrt(BLOCKS))
    assert rate_error(np.concatenate([amounts, [1000.0]]), 0.5) == found  # what fills no block is left out


def test_none_of_many_is_not_never() -> None:
    assert share_floor(0, 98) == pytest.approx(0.01, rel=0.01)
    assert share_floor(98, 98) == pytest.approx(share_floor(0, 98))
