"""Carrying out a stage with clients that only take note: numbers, moments, limits, stopping and draining."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
import uvloop

from note_client import Notes, Prompts
from swelld.clock import now
from swelld.engine.arriving import OpenLoad
from swelld.engine.asking import ClosedLoad
from swelld.engine.client import Ticket
from swelld.engine.loads import WARMUP_PROMPTS
from swelld.engine.plan import Lane, RunStage
from swelld.load.stage import ClosedStage, OpenStage
from swelld.prompt import Prompt


class Broken(Notes):
    """A fault of ours in the middle of a run."""

    async def exchange(self, request: Prompt, ticket: Ticket) -> bool:
        raise RuntimeError("a bug")


Load = ClosedLoad | OpenLoad


def loads(stage: ClosedStage | OpenStage, *clients: Notes, parts: int = 1, lead: float = 0.0) -> list[Load]:
    """The loads of all parts, which share the clients."""
    kind: Any = ClosedLoad if isinstance(stage, ClosedStage) else OpenLoad
    lane = Lane(tuple(range(len(clients))), (1.0,) * len(clients))
    order = RunStage(3, stage, now() + lead)
    return [kind(order, lane, clients, Prompts(), 7, part, parts) for part in range(parts)]


async def carry_out(made: list[Load]) -> None:
    async with asyncio.timeout(20):
        await asyncio.gather(*(load.run() for load in made))
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("users", [1, 2, 5])
async def test_closed_every_number_once(users: int, parts: int) -> None:
    notes = Notes(0.001)
    await carry_out(loads(ClosedStage(label="c", users=users, requests=23, warmup_requests=4), notes, parts=parts))
    assert sorted(notes.numbers) == list(range(23))
    warm = [asked for asked in notes.asked if asked.ticket.warmup]
    assert sorted(asked.ticket.index for asked in warm) == list(range(4))
    assert sorted(asked.prompt - WARMUP_PROMPTS for asked in warm) == list(range(4))
    assert {asked.ticket.stage for asked in notes.asked} == {3}
    assert {asked.ticket.due for asked in notes.asked} == {None}
    assert notes.most == users


@pytest.mark.parametrize("parts", [1, 2])
async def test_open_every_number_once_and_at_its_moment(parts: int) -> None:
    notes = Notes(0.05)
    made = loads(OpenStage(label="r", rate=100.0, requests=20, warmup_requests=5), notes, parts=parts, lead=0.05)
    start = made[0]._order.start
    await carry_out(made)
    assert sorted(notes.numbers) == list(range(20))
    for asked in notes.asked:
        place = asked.ticket.index + (0 if asked.ticket.warmup else 5)
        assert asked.ticket.due == pytest.approx(start + place / 100)
        assert asked.ticket.due is not None
        assert asked.moment >= asked.ticket.due
    assert sum(asked.ticket.warmup for asked in notes.asked) == 5


async def test_a_schedule_held_up_is_not_shifted() -> None:
    notes = Notes()
    made = loads(OpenStage(label="r", rate=200.0, requests=40), notes, lead=0.02)
    carrying = asyncio.create_task(carry_out_alone(made))
    await asyncio.sleep(0.06)
    import time

    time.sleep(0.08)  # noqa: ASYNC251 - the loop is held up on purpose
    await carrying
    dues = [asked.ticket.due for asked in notes.asked]
    start = made[0]._order.start
    assert dues == pytest.approx([start + number / 200 for number in range(40)])
    late = [asked.moment - (asked.ticket.due or 0) for asked in notes.asked]
    assert max(late) > 0.05
    assert late[-1] < 0.05  # it has caught up


async def carry_out_alone(made: list[Load]) -> None:
    await asyncio.gather(*(load.run() for load in made))


async def test_arrivals_beyond_the_limit_are_dropped() -> None:
    notes = Notes(0.5)
    await carry_out(loads(OpenStage(label="r", rate=1000.0, requests=30, max_in_flight=7), notes, parts=2))
    assert (len(notes.asked), len(notes.dropped), notes.most) == (7, 23, 7)
    numbers = [asked.ticket.index for asked in notes.asked + notes.dropped]
    assert sorted(numbers) == list(range(30))


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_fewer_open_requests_than_shards_starve_none_of_the_arrivals(limit: int) -> None:
    notes = Notes()  # it answers at once: nothing has to be dropped, unless this machine stands still
    stage = OpenStage(label="r", rate=100.0, requests=20, warmup_requests=4, max_in_flight=limit)
    await carry_out(loads(stage, notes, parts=4))
    dropped = [asked.ticket.index for asked in notes.dropped if not asked.ticket.warmup]
    assert sorted(notes.numbers + dropped) == list(range(20))
    assert len(dropped) <= 4
    slow = Notes(0.5)
    await carry_out(loads(OpenStage(label="r", rate=1000.0, requests=20, max_in_flight=limit), slow, parts=4))
    assert (len(slow.asked), len(slow.dropped), slow.most) == (limit, 20 - limit, limit)


async def test_weights_hold_over_a_short_stretch() -> None:
    first, second = Notes(), Notes()
    await carry_out(loads(ClosedStage(label="c", users=3, requests=40), first, second))
    assert sorted(first.numbers + second.numbers) == list(range(40))
    assert abs(len(first.numbers) - 20) <= 2


async def test_each_prompt_several_times_in_a_row() -> None:
    notes = Notes()
    await carry_out(loads(ClosedStage(label="s", users=1, requests=7, repeat=3), notes))
    assert [asked.prompt for asked in notes.asked] == [0, 0, 0, 1, 1, 1, 2]


async def test_users_start_over_the_ramp() -> None:
    notes = Notes(1.0)
    made = loads(ClosedStage(label="c", users=4, requests=4, ramp_up=0.4), notes)
    await carry_out(made)
    begun = [asked.moment - made[0]._order.start for asked in notes.asked]
    assert begun == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=0.06)


async def test_time_bounds_a_closed_loop_that_then_drains() -> None:
    notes = Notes(0.15)
    began = now()
    await carry_out(loads(ClosedStage(label="c", users=2, duration=0.4), notes))
    assert 0.4 <= now() - began < 2
    assert notes.cancelled == 0
    assert 4 <= len(notes.asked) <= 6


async def test_what_outlasts_the_drain_is_cancelled() -> None:
    notes = Notes(60.0)
    began = now()
    await carry_out(loads(ClosedStage(label="c", users=3, duration=0.1, drain_seconds=0.1), notes))
    assert now() - began < 10
    assert (len(notes.asked), notes.cancelled) == (3, 3)


@pytest.mark.parametrize(("force", "cancelled"), [(False, 0), (True, 2)])
@pytest.mark.parametrize("stage", [ClosedStage(label="c", users=2), OpenStage(label="r", rate=2000.0, max_in_flight=2)])
async def test_stopping(stage: ClosedStage | OpenStage, force: bool, cancelled: int) -> None:
    notes = Notes(0.3)
    (load,) = loads(stage, notes)
    carrying = asyncio.create_task(load.run())
    await asyncio.sleep(0.1)
    load.stop(force=force)
    async with asyncio.timeout(10):
        await carrying
    assert (len(notes.asked), notes.cancelled) == (2, cancelled)


async def test_users_think_by_the_seed() -> None:
    pauses = []
    for _ in range(2):
        notes = Notes()
        await carry_out(loads(ClosedStage(label="c", users=1, requests=6, think_time=0.03), notes))
        moments = [asked.moment for asked in notes.asked]
        pauses.append([after - before for before, after in pairwise(moments)])
    assert pauses[0] == pytest.approx(pauses[1], abs=0.03)
    assert max(pauses[0]) > 1.5 * min(pauses[0])


async def test_a_user_that_reaches_nobody_waits_before_it_tries_again() -> None:
    notes = Notes(reached=False)
    await carry_out(loads(ClosedStage(label="c", users=2, duration=0.5), notes))
    assert 4 <= len(notes.asked) <= 12


async def test_arrivals_do_not_wait_for_a_server_that_is_gone() -> None:
    notes = Notes(reached=False)
    await carry_out(loads(OpenStage(label="r", rate=200.0, duration=0.2), notes))
    assert len(notes.asked) == 40


@pytest.mark.parametrize("stage", [ClosedStage(label="c", users=2, requests=9), OpenStage(label="r", rate=50.0)])
async def test_a_fault_of_ours_ends_the_load_and_is_told(stage: ClosedStage | OpenStage) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        await carry_out(loads(stage, Broken()))


def on_both(test: Callable[[], Awaitable[None]]) -> None:
    """On asyncio's loop, and on the one that shards run on, whose timers are rounded to milliseconds."""
    for runner in (asyncio.run, uvloop.run):
        runner(test())  # type: ignore[arg-type]


def test_without_a_warm_up_nobody_warms_up_however_early_he_wakes() -> None:
    async def test() -> None:
        for tenth in range(30):
            notes = Notes()
            await carry_out(loads(ClosedStage(label="c", users=2, requests=4), notes, lead=0.002 + tenth / 10_000))
            assert [asked.ticket.warmup for asked in notes.asked] == [False] * 4

    on_both(test)


async def test_a_warm_up_by_time() -> None:
    notes = Notes(0.01)
    made = loads(ClosedStage(label="c", users=2, duration=0.2, warmup_seconds=0.2), notes)
    await carry_out(made)
    end = made[0]._order.start + 0.2
    assert {asked.ticket.warmup for asked in notes.asked if asked.moment < end - 0.01} == {True}
    assert {asked.ticket.warmup for asked in notes.asked if asked.moment > end + 0.01} == {False}
