"""Ceilings as one load process keeps them: a bucket of requests, and a number of them at a time."""

import asyncio

import pytest

from swelld.clock import now
from swelld.engine.meter import Meter, Meters
from swelld.engine.target import Ceiling, Target


def through(meter: Meter, moments: list[float]) -> int:
    """How many of the arrivals at these moments are let through; each is over at once."""
    count = 0
    for moment in moments:
        if meter.take(moment):
            count += 1
            meter.release()
    return count


def limited(rate: float | None = None, concurrency: int | None = None) -> Meter:
    meter = Meter()
    meter.limit(rate, concurrency)
    return meter


def test_over_any_time_no_more_than_the_rate_and_one_second_of_it() -> None:
    meter = limited(rate=10.0)
    assert through(meter, [1000 + i / 100 for i in range(500)]) == 10 + 49  # the last arrival comes at 4.99 s
    assert through(meter, [1010 + i / 10 for i in range(100)]) == 100  # as fast as it is allowed


def test_a_low_rate_lets_two_through_at_once() -> None:
    meter = limited(rate=0.5)
    assert through(meter, [1000.0, 1000.0, 1000.0, 1001.9, 1002.0, 1002.1]) == 3


def test_so_many_at_a_time() -> None:
    meter = limited(concurrency=2)
    assert [meter.take(now()) for _ in range(3)] == [True, True, False]
    meter.release()
    assert meter.take(now())


def test_nobody_gets_through_where_the_share_is_nothing() -> None:
    assert not limited(concurrency=0).take(now())


async def test_users_wait_their_turn() -> None:
    meter = limited(concurrency=1)
    order: list[int] = []

    async def user(number: int) -> None:
        await meter.turn()
        order.append(number)
        await asyncio.sleep(0.005)
        assert meter.in_flight == 1
        meter.release()

    await asyncio.gather(*(user(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]
    assert meter.in_flight == 0


async def test_users_are_no_faster_than_the_rate_and_leave_room_for_arrivals() -> None:
    meter = limited(rate=50.0)
    began = now()
    count = 0
    while now() - began < 0.6:
        await meter.turn()
        meter.release()
        count += 1
    assert count <= 25 + 50 * (now() - began) + 1
    assert count >= 25
    assert through(meter, [now()] * 100) >= 20  # half of the burst is theirs


async def test_a_user_that_gives_up_waiting_takes_nothing() -> None:
    meter = limited(concurrency=1)
    await meter.turn()
    waiting = [asyncio.create_task(meter.turn()) for _ in range(2)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    meter.release()
    async with asyncio.timeout(5):
        await waiting[1]
    assert (waiting[0].cancelled(), meter.in_flight) == (True, 1)


def target(url: str = "http://127.0.0.1:1", **ceiling: float) -> Target:
    return Target(url=url, ceiling=Ceiling.model_validate(ceiling) if ceiling else None)


@pytest.mark.parametrize(("part", "most"), [(0, 3), (1, 2)])
def test_every_process_has_its_share(part: int, most: int) -> None:
    meters = Meters(part, 2)
    meter = meters.hold("a", target(concurrency=5, rate=6.0))
    assert meter is not None
    assert [meter.take(now()) for _ in range(most + 1)] == [True] * most + [False]


def test_runs_on_one_target_share_its_meter_and_what_nobody_needs_is_forgotten() -> None:
    meters = Meters(0, 1)
    assert meters.hold("a", target()) is None
    first, second = meters.hold("a", target(rate=1.0)), meters.hold("a", target(rate=1.0))
    other = meters.hold("b", target(rate=1.0))
    assert first is second is not other
    assert first is not None
    assert first.take(now())
    for meter in (first, second, other):
        meters.let_go(meter)
    assert meters.hold("a", target(rate=1.0)) is first  # a second of quiet is still to come
    assert meters.hold("b", target(rate=1.0)) is not other


@pytest.mark.parametrize("ceiling", [{}, {"rate": "0/s"}, {"concurrency": 0}, {"rates": 1}])
def test_a_ceiling_that_is_none(ceiling: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"limits nothing|greater than 0|Extra inputs"):
        Ceiling.model_validate(ceiling)
