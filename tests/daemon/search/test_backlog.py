"""A queue that grows against one that only wanders."""

import random

import pytest

from swelld.search.backlog import MOST, Backlog


def after(rate: float, carried: float, seconds: float, start: float = 20.0, noise: float = 0.0) -> Backlog:
    backlog, draw = Backlog(rate), random.Random(2)
    for place in range(int(seconds * 4)):
        moment = place / 4
        backlog.look(moment, round(start + max(0.0, rate - carried) * moment + draw.gauss(0.0, noise)))
    return backlog


def test_too_early_to_say() -> None:
    assert after(50, 40, 4).trend() is None


@pytest.mark.parametrize("share", [0.06, 0.2, 0.5])
def test_what_is_left_behind(share: float) -> None:
    trend = after(100, 100 * (1 - share), 20).trend()
    assert trend is not None
    assert trend.behind == pytest.approx(share, rel=0.05)
    assert trend.grows(share / 2)
    assert trend.grows(0.05, clearly=True)
    assert not trend.grows(share * 1.2)


def test_a_stable_queue_wanders_and_does_not_grow() -> None:
    trend = after(100, 100, 20, start=40.0, noise=6.0).trend()
    assert trend is not None
    assert abs(trend.behind) < 0.01
    assert not trend.grows(0.0)


def test_a_rise_of_few_requests_is_nothing() -> None:
    trend = after(2, 1.7, 12, start=3.0).trend()
    assert trend is not None
    assert trend.behind > 0.1
    assert not trend.grows(0.05)


def test_hours_of_looks_take_no_more_room_and_say_the_same() -> None:
    backlog = after(10, 9, 4 * 3600)
    trend = backlog.trend()
    assert trend is not None
    assert trend.behind == pytest.approx(0.1, rel=0.02)
    assert len(backlog._looks) <= MOST
