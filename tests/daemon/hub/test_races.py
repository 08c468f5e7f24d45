"""What a run makes of shards that die, stop, say too little or too late; with a crew that says what a test wants."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pulses
from measurements import measured
from runs import one_target, settings_for
from swelld.app.spec import specify
from swelld.engine.plan import Broken, Died, Opened, Order, Pulse, Report, RunStage, StageDone, Stop, Throttle
from swelld.hub import opening
from swelld.hub.run import Run
from swelld.hub.spec import RunFailed, Spec
from swelld.load.stage import Stage
from swelld.result import Result


class Scripted:
    """A crew of two: every order is answered by `answer`, and remembered."""

    size = 2

    def __init__(self, answer: Callable[["Scripted", Order, int], None]) -> None:
        self.reports: asyncio.Queue[Report] = asyncio.Queue()
        self.orders: list[tuple[int, Order]] = []
        self.restarted: list[int] = []
        self.closed = 0
        self.at_open: list[Report] = [Opened(0, 1), Opened(1, 1)]
        self._answer = answer

    def say(self, *reports: Report) -> None:
        for report in reports:
            self.reports.put_nowait(report)

    async def open(self) -> None:
        self.say(*self.at_open)

    def order(self, command: Order, part: int | None = None) -> None:
        for one in range(self.size) if part is None else [part]:
            self.orders.append((one, command))
            self._answer(self, command, one)

    async def restart(self, part: int) -> None:
        self.restarted.append(part)

    async def aclose(self) -> None:
        self.closed += 1

    def stages(self) -> list[tuple[int, int, tuple[int, ...]]]:
        """Who was told to carry out which stage, and how much of it had been begun."""
        return [(part, order.number, order.begun) for part, order in self.orders if isinstance(order, RunStage)]


def done(crew: Scripted, order: Order, part: int) -> None:
    if isinstance(order, RunStage):
        crew.say(StageDone(part, order.number))


def silent(crew: Scripted, order: Order, part: int) -> None:
    pass


def pulse(shard: int, stage: int, begun: int, count: int = 0, **more: Any) -> Pulse:
    return pulses.pulse(shard, stage=stage, measurements=[measured(sent=1.0, end=2.0)] * count, begun=begun, **more)


def spec(tmp_path: Path, **scenario: Any) -> Spec:
    scenario = {"load": {"concurrency": "2,4"}, "requests": 10, **scenario}
    return specify(settings_for(tmp_path, one_target("http://127.0.0.1:1"), scenario), "test")


async def execute(run: Run) -> Result:
    async with asyncio.timeout(20):
        return await run.execute()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - of any kind
            await asyncio.sleep(0.01)


async def test_a_shard_that_dies_after_its_share_is_not_told_to_do_it_again(tmp_path: Path) -> None:
    def answer(crew: Scripted, order: Order, part: int) -> None:
        if isinstance(order, RunStage) and (order.number, part) == (0, 1):
            crew.say(StageDone(1, 0), Died(1, "signal 9"), Opened(1, 1))
        elif isinstance(order, RunStage) and (order.number, part) == (0, 0):
            pass
        else:
            done(crew, order, part)

    crew = Scripted(answer)
    running = asyncio.create_task(execute(Run(spec(tmp_path), crew)))
    await until(lambda: (1, Throttle(1.0, "")) in crew.orders[-1:])
    crew.say(StageDone(0, 0))
    assert (await running).run.state == "completed"
    assert crew.restarted == [1]
    assert crew.stages() == [(0, 0, ()), (1, 0, ()), (0, 1, ()), (1, 1, ())]


async def test_a_shard_that_is_not_back_for_the_next_stage_gets_it_once_it_is(tmp_path: Path) -> None:
    def answer(crew: Scripted, order: Order, part: int) -> None:
        if isinstance(order, RunStage) and (order.number, part) == (0, 0):
            crew.say(StageDone(0, 0), Died(0, "signal 9"))
        else:
            done(crew, order, part)

    crew = Scripted(answer)
    running = asyncio.create_task(execute(Run(spec(tmp_path), crew)))
    await until(lambda: (1, 1, ()) in crew.stages())
    assert (0, 1, ()) not in crew.stages()
    crew.say(Opened(0, 1))
    assert (await running).run.state == "completed"
    assert crew.stages() == [(0, 0, ()), (1, 0, ()), (1, 1, ()), (0, 1, (0,))]


async def test_a_late_pulse_of_the_stage_before_is_not_taken_for_this_one(tmp_path: Path) -> None:
    def answer(crew: Scripted, order: Order, part: int) -> None:
        if isinstance(order, RunStage) and order.number == 1 and part == 0 and not crew.restarted:
            crew.say(pulse(0, 0, begun=5), Died(0, "signal 9"))
        else:
            done(crew, order, part)

    crew = Scripted(answer)
    running = asyncio.create_task(execute(Run(spec(tmp_path), crew)))
    await until(lambda: crew.restarted == [0])
    crew.say(Opened(0, 1))
    result = await running
    assert crew.stages()[-1] == (0, 1, (0,))
    assert "; 0 requests under way were lost" in result.stages[1].validity.reasons[0]


async def test_what_is_withheld_or_lost_is_not_under_way(tmp_path: Path) -> None:
    def answer(crew: Scripted, order: Order, part: int) -> None:
        if isinstance(order, RunStage) and part == 0 and not crew.restarted:
            withheld = {"yield": [3], "ceiling": [1]}
            crew.say(pulse(0, 0, begun=12, count=5, withheld=withheld, lost=2), Died(0, "signal 9"), Opened(0, 1))
        else:
            done(crew, order, part)

    result = await execute(Run(spec(tmp_path, load={"concurrency": 2}), Scripted(answer)))
    (stage,) = result.stages
    assert stage.withheld == {"yield": 3, "ceiling": 1}
    assert "; 1 requests under way were lost" in stage.validity.reasons[0]
    assert stage.validity.reasons[1] == "2 measurements were lost: swelld could not take them as fast as they came"


async def test_a_process_that_dies_while_a_run_opens_is_given_a_second_chance(tmp_path: Path) -> None:
    crew = Scripted(done)
    crew.at_open = [Opened(1, 1), Died(0, "signal 9"), Opened(0, 1)]
    result = await execute(Run(spec(tmp_path), crew))
    assert (result.run.state, crew.restarted) == ("completed", [0])


async def test_but_not_for_ever(tmp_path: Path) -> None:
    crew = Scripted(done)
    crew.at_open = [Died(0, "status 1")] * 9
    run = Run(spec(tmp_path), crew)
    with pytest.raises(RunFailed, match=r"died before it was ready \(status 1\)"):
        await execute(run)
    assert (run.state, crew.restarted, crew.closed) == ("failed", [0, 0], 1)


async def test_a_run_that_is_stopped_while_it_opens_ends_at_once(tmp_path: Path) -> None:
    crew = Scripted(done)
    crew.at_open = [Opened(0, 1)]
    run = Run(spec(tmp_path), crew)
    running = asyncio.create_task(execute(run))
    await asyncio.sleep(0.05)
    run.stop()
    assert run.state == "draining"
    result = await running
    assert (result.run.state, run.state, result.stages, crew.stages()) == ("cancelled", "cancelled", [], [])


async def test_shards_that_are_never_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "OPEN_SECONDS", 0.1)
    crew = Scripted(done)
    crew.at_open = [pulse(0, 0, 0)]
    run = Run(spec(tmp_path), crew)
    with pytest.raises(RunFailed, match=r"were not ready within 0\.1 s"):
        await execute(run)
    assert (run.state, crew.closed) == ("failed", 1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_no_process_can_be_had(tmp_path: Path) -> None:
    class Poor(Scripted):
        async def open(self) -> None:
            raise OSError("Resource temporarily unavailable")

    run = Run(spec(tmp_path), Poor(done))
    with pytest.raises(RunFailed, match="Resource temporarily unavailable"):
        await execute(run)
    assert run.state == "failed"


async def test_no_process_can_be_had_in_the_middle(tmp_path: Path) -> None:
    class Poor(Scripted):
        async def restart(self, part: int) -> None:
            raise OSError("Resource temporarily unavailable")

    def answer(crew: Scripted, order: Order, part: int) -> None:
        if isinstance(order, RunStage):
            crew.say(pulse(part, order.number, 3, count=3), Died(part, "signal 9"))

    run = Run(spec(tmp_path), Poor(answer))
    result = await execute(run)
    assert (result.run.state, [stage.requests.ok for stage in result.stages]) == ("failed", [3])


async def test_a_shard_that_breaks_ends_the_run_with_what_there_is(tmp_path: Path) -> None:
    def answer(crew: Scripted, order: Order, part: int) -> None:
        if isinstance(order, RunStage):
            crew.say(pulse(part, order.number, 3, count=3), Broken(part, "KeyError: 'x'"))

    crew = Scripted(answer)
    result = await execute(Run(spec(tmp_path), crew))
    assert (result.run.state, result.stages[0].requests.ok, crew.closed) == ("failed", 3, 1)


async def test_a_listener_that_fails_leaves_nothing_running(tmp_path: Path) -> None:
    class Faulty:
        def stage_begins(self, spec: Spec, stage: Stage) -> None:
            raise RuntimeError("a bug")

    crew = Scripted(done)
    run = Run(spec(tmp_path), crew, [Faulty()])  # type: ignore[list-item]
    with pytest.raises(RuntimeError, match="a bug"):
        await execute(run)
    assert (run.state, crew.closed) == ("failed", 1)


async def test_a_witness_that_fails_at_the_end_does_not_cost_the_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Witness:
        def __init__(self, *, good: bool) -> None:
            self.good = good
            self.ended = False

        async def begin(self) -> None: ...

        async def end(self) -> None:
            if not self.good:
                raise RuntimeError("its page is gone")
            await asyncio.sleep(0.01)
            self.ended = True

        def complete(self, result: Result) -> Result:
            return result

    good = Witness(good=True)
    run = Run(spec(tmp_path), Scripted(done), (), [Witness(good=False), good])
    assert (await execute(run)).run.state == "completed"
    assert good.ended
    assert "its page is gone" in caplog.text


async def test_a_run_that_is_cancelled_closes_its_crew(tmp_path: Path) -> None:
    crew = Scripted(silent)
    run = Run(spec(tmp_path), crew)
    running = asyncio.create_task(execute(run))
    await until(lambda: bool(crew.stages()))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert (run.state, crew.closed) == ("failed", 1)


async def test_a_shard_that_is_back_is_told_of_the_throttle_and_the_stop(tmp_path: Path) -> None:
    def answer(crew: Scripted, order: Order, part: int) -> None:
        if isinstance(order, RunStage) and part == 1:
            crew.say(StageDone(1, order.number))
        elif isinstance(order, RunStage) and order.begun:
            crew.say(StageDone(0, order.number))

    crew = Scripted(answer)
    run = Run(replace(spec(tmp_path), share=0.5), crew)
    running = asyncio.create_task(execute(run))
    await until(lambda: len(crew.stages()) == 2)
    crew.say(Died(0, "signal 9"))
    await until(lambda: crew.restarted == [0])
    run.throttle("paused", 0.25)
    run.stop()
    before = len(crew.orders)
    crew.say(Opened(0, 1))
    assert (await running).run.state == "cancelled"
    told = [order for _, order in crew.orders[before:]]
    assert told[0] == Throttle(0.25, "paused")
    assert isinstance(told[1], RunStage)
    assert told[2] == Stop(force=False)
