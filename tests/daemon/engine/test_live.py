"""A stage whose level is changed, throttled or capped while it goes on, with clients that only take note."""

import asyncio
from typing import Any

import pytest

from note_client import Notes, Prompts
from swelld.clock import now
from swelld.engine.arriving import OpenLoad
from swelld.engine.asking import FAR, ClosedLoad
from swelld.engine.loads import Load
from swelld.engine.meter import Meter
from swelld.engine.plan import Change, Lane, RunStage, Throttle
from swelld.engine.valve import Valve
from swelld.load.arrivals import Curve, passes
from swelld.load.stage import ClosedStage, OpenStage


class Made:
    """The loads of all parts on one client, under way."""

    def __init__(self, stage: ClosedStage | OpenStage, parts: int = 1, seconds: float = 0.01, **order: Any) -> None:
        self.notes = Notes(seconds)
        self.valves = [Valve() for _ in range(parts)]
        self.stage = stage
        self.order = RunStage(0, stage, now() + 0.05, **order)
        kind: Any = ClosedLoad if isinstance(stage, ClosedStage) else OpenLoad
        lane = Lane((0,), (1.0,))
        self.loads: list[Load] = [
            kind(self.order, lane, [self.notes], Prompts(), 7, part, parts, self.valves[part]) for part in range(parts)
        ]
        self.running = [asyncio.create_task(load.run()) for load in self.loads]

    async def until(self, seconds: float) -> None:
        """So long after the start of the stage."""
        await asyncio.sleep(self.order.start + seconds - now())

    def change(self, *, rate: float | None = None, users: int | None = None) -> float:
        """Order it of all parts; the moment from which on it holds, in seconds after the start."""
        at = now() + 0.05 - self.order.start
        turn = None if rate is None else Curve(self.stage).turn_at(at, rate)  # type: ignore[arg-type]
        for load in self.loads:
            load.change(Change(turn, users))
        return at

    def throttle(self, factor: float) -> None:
        for load, valve in zip(self.loads, self.valves, strict=True):
            valve.turn(Throttle(factor, "yield"))
            load.throttled()

    def withheld(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for valve in self.valves:
            for reason, (count,) in valve.withheld().items():
                found[reason] = found.get(reason, 0) + count
        return found

    async def over(self, *, stop: bool = False) -> Notes:
        """Wait for the end, or bring it about; nothing is left behind."""
        if stop:
            for load in self.loads:
                load.stop(force=False)
        async with asyncio.timeout(20):
            await asyncio.gather(*self.running)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return self.notes


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("rates", [(20.0, 200.0), (200.0, 20.0), (0.2, 100.0)])
async def test_all_parts_go_over_to_another_rate_at_the_same_moment(parts: int, rates: tuple[float, float]) -> None:
    before, after = rates
    made = Made(OpenStage(label="r", rate=before, duration=1.0), parts)
    await made.until(0.4)
    at = made.change(rate=after)
    notes = await made.over()
    assert sorted(notes.numbers) == list(range(len(notes.asked)))
    dues = sorted((asked.ticket.due or 0.0) - made.order.start for asked in notes.asked)
    early, late = [due for due in dues if due < at], [due for due in dues if due >= at]
    assert abs(len(early) - before * at) <= 1
    assert abs(len(late) - after * (1.0 - at)) <= 1
    assert all(asked.moment >= (asked.ticket.due or 0.0) for asked in notes.asked)


async def test_a_replacement_is_told_of_the_turns() -> None:
    stage = OpenStage(label="r", rate=1.0, duration=1.0)
    turn = Curve(stage).turn_at(0.1, 50.0)
    notes = await Made(stage, begun=(3,), turns=(turn,)).over()
    numbers = sorted(asked.ticket.index for asked in [*notes.asked, *notes.dropped])
    assert numbers == list(range(3, 46))


@pytest.mark.parametrize("parts", [1, 2, 4])
async def test_more_users_begin_at_once_and_a_surplus_goes(parts: int) -> None:
    made = Made(ClosedStage(label="c", users=2, duration=1.5), parts)
    await made.until(0.3)
    assert made.notes.most == 2
    made.change(users=9)
    await made.until(0.7)
    assert made.notes.most == 9
    made.change(users=3)
    await made.until(0.9)
    made.notes.most = 0
    await made.until(1.2)
    assert made.notes.most == 3
    made.change(users=1)
    await made.until(1.3)
    made.notes.most = 0
    notes = await made.over()
    assert notes.most == 1
    assert len(set(notes.numbers)) == len(notes.numbers)
    assert notes.cancelled == 0
    assert any(number >= FAR for number in notes.numbers) is (parts > 2)


@pytest.mark.parametrize("parts", [1, 2, 3])
async def test_every_one_of_a_number_of_requests_whatever_the_users(parts: int) -> None:
    made = Made(ClosedStage(label="c", users=2, requests=300), parts)
    await made.until(0.1)
    made.change(users=12)
    await made.until(0.2)
    made.change(users=2)
    notes = await made.over()
    assert sorted(notes.numbers) == list(range(300))
    assert notes.most == 12


async def test_users_come_back_to_a_part_that_had_none_left() -> None:
    made = Made(ClosedStage(label="c", users=2), 2)
    await made.until(0.1)
    made.change(users=1)
    await made.until(0.3)
    made.notes.most = 0
    made.change(users=2)
    await made.until(0.5)
    assert (await made.over(stop=True)).most == 2


@pytest.mark.parametrize("parts", [1, 3])
async def test_of_arrivals_a_part_is_let_through_evenly(parts: int) -> None:
    made = Made(OpenStage(label="r", rate=200.0, duration=1.0), parts)
    made.throttle(0.25)
    notes = await made.over()
    through = [place for place in range(200) if passes(place, 0.25)]
    assert sorted(notes.numbers) == through
    assert made.withheld() == {"yield": 200 - len(through)}
    assert notes.begun == 200 - len(through)  # their places in the schedule are used up
    assert not notes.dropped


async def test_nothing_is_sent_while_the_throttle_is_shut() -> None:
    made = Made(OpenStage(label="r", rate=100.0, duration=0.9))
    await made.until(0.3)
    made.throttle(0.0)
    await made.until(0.35)
    sent = len(made.notes.asked)
    await made.until(0.6)
    assert len(made.notes.asked) == sent
    made.throttle(1.0)
    notes = await made.over()
    assert len(notes.asked) + sum(made.withheld().values()) == 90
    assert 45 <= len(notes.asked) <= 75


@pytest.mark.parametrize("parts", [1, 2])
async def test_of_users_a_part_goes_on_and_the_others_wait(parts: int) -> None:
    made = Made(ClosedStage(label="c", users=10), parts)
    for factor, users in ((0.25, 3), (0.1, 1), (0.0, 0), (1.0, 10)):
        made.throttle(factor)
        await asyncio.sleep(0.15)
        made.notes.most = 0
        asked = len(made.notes.asked)
        await asyncio.sleep(0.15)
        assert made.notes.most == users
        assert (len(made.notes.asked) > asked) is (users > 0)
    made.throttle(0.0)
    notes = await made.over(stop=True)  # those who wait do not hold up the end
    assert len(set(notes.numbers)) == len(notes.numbers)
    assert made.withheld() == {}


def cap(made: Made, rate: float | None = None, concurrency: int | None = None) -> Meter:
    meter = Meter()
    meter.limit(rate, concurrency)
    for valve in made.valves:
        valve.meters = [meter]
    return meter


async def test_arrivals_beyond_the_ceiling_are_withheld() -> None:
    made = Made(OpenStage(label="r", rate=200.0, duration=1.0), 2)
    meter = cap(made, rate=40.0)
    notes = await made.over()
    assert 70 <= len(notes.asked) <= 81
    assert made.withheld() == {"ceiling": 200 - len(notes.asked)}
    assert meter.in_flight == 0


async def test_users_wait_below_the_ceiling() -> None:
    made = Made(ClosedStage(label="c", users=8, duration=0.6))
    meter = cap(made, concurrency=3)
    notes = await made.over()
    assert notes.most == 3
    assert notes.numbers == list(range(len(notes.asked)))
    assert len(notes.asked) >= 20
    assert meter.in_flight == 0


@pytest.mark.parametrize("force", [False, True])
async def test_users_that_wait_for_the_ceiling_do_not_hold_up_the_end(force: bool) -> None:
    made = Made(ClosedStage(label="c", users=5), seconds=0.2)
    meter = cap(made, rate=0.01)
    await made.until(0.1)
    began = now()
    for load in made.loads:
        load.stop(force=force)
    notes = await made.over()
    assert now() - began < 5
    assert (len(notes.asked), meter.in_flight) == (1, 0)


async def test_a_load_that_is_cancelled_leaves_nothing_behind() -> None:
    for stage in (ClosedStage(label="c", users=5), OpenStage(label="r", rate=200.0)):
        made = Made(stage, seconds=30.0)
        meter = cap(made, concurrency=4)
        await made.until(0.1)
        assert meter.in_flight == 4
        made.running[0].cancel()
        await asyncio.gather(*made.running, return_exceptions=True)
        await asyncio.sleep(0)
        assert (made.notes.cancelled, meter.in_flight) == (4, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_no_request_is_measured_beside_a_warm_up_of_fewer_requests_than_users() -> None:
    made = Made(ClosedStage(label="c", users=6, requests=12, warmup_requests=2), seconds=0.1)
    notes = await made.over()
    warm = [asked.moment for asked in notes.asked if asked.ticket.warmup]
    measured = [asked.moment for asked in notes.asked if not asked.ticket.warmup]
    assert (len(warm), len(measured)) == (2, 12)
    assert min(measured) >= max(warm) + 0.1
    assert notes.most == 6


async def test_a_warm_up_of_as_many_requests_as_users_holds_nobody_up() -> None:
    made = Made(ClosedStage(label="c", users=2, requests=6, warmup_requests=3), seconds=0.1)
    notes = await made.over()
    moments = sorted(asked.moment - made.order.start for asked in notes.asked)
    assert moments == pytest.approx([0, 0, 0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4], abs=0.08)
