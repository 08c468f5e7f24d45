"""A load on several targets of which some get less than the others, with clients that only take note."""

import asyncio
from typing import Any

import pytest

from note_client import Notes, Prompts
from swelld.clock import now
from swelld.engine.arriving import OpenLoad
from swelld.engine.asking import ClosedLoad
from swelld.engine.plan import FULL, Held, Lane, RunStage, Throttle
from swelld.engine.valve import Valve
from swelld.load.arrivals import passes, pick
from swelld.load.stage import ClosedStage, OpenStage

LANE = Lane((0, 1), (3.0, 1.0))
SECOND_SHUT = Throttle(1.0, "", {1: Held(0.0, "budget")})


async def carried_out(
    stage: ClosedStage | OpenStage, *throttles: Throttle, parts: int = 1, stop_after: float | None = None
) -> tuple[list[Notes], dict[str, list[int]]]:
    """What each target was asked and what was withheld; with several throttles each holds for 0.3 s."""
    clients: list[Any] = [Notes(0.01), Notes(0.01)]
    valves = [Valve(2) for _ in range(parts)]
    kind: Any = ClosedLoad if isinstance(stage, ClosedStage) else OpenLoad
    order = RunStage(0, stage, now())
    loads = [kind(order, LANE, clients, Prompts(), 7, part, parts, valves[part]) for part in range(parts)]
    for valve in valves:
        valve.turn(throttles[0])
    running = [asyncio.create_task(load.run()) for load in loads]
    for throttle in throttles[1:]:
        await asyncio.sleep(0.3)
        for load, valve in zip(loads, valves, strict=True):
            valve.turn(throttle)
            load.throttled()
    if stop_after is not None:
        await asyncio.sleep(stop_after)
        for load in loads:
            load.stop(force=False)
    async with asyncio.timeout(20):
        await asyncio.gather(*running)
    withheld: dict[str, list[int]] = {}
    for valve in valves:
        for reason, counts in valve.withheld().items():
            withheld[reason] = [a + b for a, b in zip(withheld.get(reason, [0, 0]), counts, strict=True)]
    return clients, withheld


@pytest.mark.parametrize("parts", [1, 3])
async def test_only_the_arrivals_of_a_target_that_is_shut_are_withheld(parts: int) -> None:
    stage = OpenStage(label="r", rate=400.0, duration=0.5)
    (first, second), withheld = await carried_out(stage, SECOND_SHUT, parts=parts)
    mine = [number for number in range(200) if pick(LANE.weights, number) == 0]
    assert sorted(first.numbers) == mine
    assert second.asked == []
    assert withheld == {"budget": [0, 200 - len(mine)]}
    assert (first.begun, second.begun) == (0, 200 - len(mine))  # places in the schedule are used up


async def test_of_each_targets_arrivals_another_share_is_let_through() -> None:
    stage = OpenStage(label="r", rate=400.0, duration=0.5)
    (first, second), withheld = await carried_out(stage, Throttle(0.5, "yield", {1: Held(0.25, "budget")}))
    for number, client, factor in ((0, first, 0.5), (1, second, 0.25)):
        mine = [place for place in range(200) if pick(LANE.weights, place) == number]
        assert sorted(client.numbers) == [place for place in mine if passes(place, factor)]
        assert len(client.numbers) == pytest.approx(factor * len(mine), abs=3)
    assert sum(map(sum, withheld.values())) == 200 - len(first.numbers) - len(second.numbers)
    assert (withheld["yield"][1], withheld["budget"][0]) == (0, 0)


@pytest.mark.parametrize("parts", [1, 2])
async def test_users_ask_the_other_target_and_are_as_many_as_were_meant_for_it(parts: int) -> None:
    stage = ClosedStage(label="c", users=8, requests=200)
    (first, second), withheld = await carried_out(stage, SECOND_SHUT, parts=parts)
    mine = [number for number in range(200) if pick(LANE.weights, number) == 0]
    assert sorted(first.numbers) == mine
    assert first.most == 6  # of 8, three in four
    assert second.asked == []
    assert withheld == {"budget": [0, 200 - len(mine)]}


async def test_warm_up_ends_although_some_of_it_goes_to_a_target_that_is_shut() -> None:
    stage = ClosedStage(label="c", users=4, requests=40, warmup_requests=3)
    (first, second), withheld = await carried_out(stage, SECOND_SHUT)
    warmups = [asked for asked in first.asked if asked.ticket.warmup]
    assert len(first.asked) + withheld["budget"][1] == 43
    assert len(warmups) == sum(pick(LANE.weights, number) == 0 for number in range(3))
    assert second.asked == []


async def test_a_shut_target_is_asked_again_once_it_is_opened() -> None:
    stage = ClosedStage(label="c", users=8)
    (first, second), withheld = await carried_out(stage, SECOND_SHUT, FULL, stop_after=0.5)
    assert withheld["budget"][1] > 0
    assert len(second.asked) > 5
    assert len(first.asked) > len(second.asked)


async def test_users_wait_when_every_target_is_shut() -> None:
    stage = ClosedStage(label="c", users=8)
    shut = Throttle(1.0, "", {0: Held(0.0, "yield"), 1: Held(0.0, "budget")})
    (first, second), withheld = await carried_out(stage, shut, stop_after=0.3)
    assert (first.asked, second.asked, withheld) == ([], [], {})


async def test_a_closed_loop_with_the_same_share_for_all_lets_no_request_go_by() -> None:
    stage = ClosedStage(label="c", users=8, requests=100)
    half = Throttle(1.0, "", {0: Held(0.5, "yield"), 1: Held(0.5, "yield")})
    (first, second), withheld = await carried_out(stage, half)
    assert sorted(first.numbers + second.numbers) == list(range(100))
    assert withheld == {}


def test_the_share_of_a_lane() -> None:
    throttle = Throttle(0.8, "yield", {1: Held(0.0, "budget")})
    assert throttle.share(LANE) == pytest.approx(0.6)
    assert throttle.users(LANE, 10) == 6
    assert throttle.share(Lane((0,), (1.0,))) == 0.8
    assert throttle.share(Lane((1,), (1.0,))) == 0.0
    assert (throttle.why, Throttle(0.8, "yield").why, FULL.why) == ("budget", "yield", "")
