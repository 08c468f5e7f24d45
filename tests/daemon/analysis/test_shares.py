"""What a number of good requests says: against exact binomial probabilities, and against what chance does."""

import math
import random

import pytest

from swelld.analysis.shares import Sequential, dependence, fewest, interval


def test_nothing_says_nothing() -> None:
    assert interval(0, 0, 0.95) is None


@pytest.mark.parametrize(
    ("good", "total", "low", "high"),
    [
        (95, 100, 0.9008, 0.9754),  # Wilson's formula by hand, z = 1.645
        (100, 100, 0.9737, 1.0),
        (0, 10, 0.0, 0.2130),
    ],
)
def test_interval(good: int, total: int, low: float, high: float) -> None:
    found = interval(good, total, 0.95)
    assert found is not None
    assert found.low == pytest.approx(low, abs=2e-4)
    assert found.high == pytest.approx(high, abs=2e-4)


def test_dependent_requests_say_less() -> None:
    alone, together = interval(90, 100, 0.95), interval(90, 100, 0.95, dependence=10)
    assert alone is not None
    assert together is not None
    assert together == interval(9, 10, 0.95)
    assert together.low < alone.low < 0.9 < alone.high < together.high


def test_dependence_is_told_from_chance() -> None:
    assert dependence([(10, 10)] * 20) == 1.0
    assert dependence([(10, 10), (0, 10)] * 2) == 1.0  # too few to say
    assert dependence([(10, 10), (0, 10)] * 10) == pytest.approx(10 * 20 / 19)
    draw = random.Random(3)
    chance = [(sum(draw.random() < 0.9 for _ in range(50)), 50) for _ in range(200)]
    assert dependence(chance) < 1.3


def test_fewest_requests_that_can_show_a_share() -> None:
    assert fewest(1.0, 0.95) is None
    for share in (0.9, 0.95, 0.99):
        least = fewest(share, 0.95)
        assert least is not None
        enough, short = interval(least, least, 0.95), interval(least - 1, least - 1, 0.95)
        assert enough is not None
        assert short is not None
        assert enough.low >= share > short.low


def test_a_sequential_test_waits_and_grows_more_sceptical() -> None:
    test = Sequential(0.95)
    assert test.look(9, 9) is None
    first = test.look(10, 10)
    assert first == interval(10, 10, 1 - 0.05 / 2)
    assert test.look(12, 12) is None  # hardly more than before
    assert test.look(13, 13) == interval(13, 13, 1 - 0.05 / 6)


@pytest.mark.parametrize("share", [0.9, 0.95])
def test_looking_often_is_no_more_often_wrong_than_it_says(share: float) -> None:
    """Requests that are good with exactly the probability asked for: how often does either bound ever exclude it?"""
    draw = random.Random(5)
    wrong = 0
    for _ in range(400):
        test, good = Sequential(0.95), 0
        for total in range(1, 400):
            good += draw.random() < share
            found = test.look(good, total)
            if found is not None and not found.low <= share <= found.high:
                wrong += 1
                break
    assert wrong / 400 < 2 * 0.05 + 3 * math.sqrt(0.1 * 0.9 / 400)
