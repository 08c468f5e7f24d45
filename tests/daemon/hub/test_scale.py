"""A shaped rate while it goes on: seen, and scaled; and sessions whose load process dies."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from crews import load_processes
from runs import one_target, settings_for
from swelld.app.spec import specify
from swelld.engine.fleet import Fleet
from swelld.hub.run import Run
from swelld.hub.spec import Batch, Spec
from swelld.load.shapes import Sine
from swelld.load.stage import Stage
from swelld.measurement import Measurement
from swelld.result import Result
from swelld.sim import SimOptions, simulated

Ended = asyncio.Task[Result]

SINE = {"sine": {"mean": "40/s", "amplitude": "40/s", "period": "4s"}}


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.005, itl=0.001, tokens=2)) as url:
        yield url


class Heard:
    """A listener that keeps measurements."""

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []

    def batch(self, spec: Spec, stage: Stage, target: int, found: Batch) -> None:
        self.measurements += found.measurements

    def stage_begins(self, *_: Any) -> None: ...
    def pulse(self, *_: Any, **__: Any) -> None: ...
    def measurement_errors(self, *_: Any) -> None: ...


@asynccontextmanager
async def executing(folder: Path, sim: str, scenario: dict[str, Any]) -> AsyncIterator[tuple[Run, Heard, Ended]]:
    """A run on two load processes, all that it measures, and its end."""
    fleet, heard = Fleet(2), Heard()
    spec = specify(settings_for(folder, one_target(sim), scenario), "test")
    run = Run(spec, fleet.crew(spec.plan), [heard])
    ended = asyncio.create_task(run.execute())
    try:
        yield run, heard, ended
    finally:
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)
        await fleet.aclose()


async def until_done(run: Run, count: int) -> None:
    async with asyncio.timeout(30):
        while run.progress().done < count:  # noqa: ASYNC110 - it is looked at
            await asyncio.sleep(0.05)


async def test_a_sine_is_carried_out_and_scaled(sim: str, tmp_path: Path) -> None:
    scenario = {"load": {"rate": SINE}, "duration": "4s", "prompts": {"kind": "inline", "prompts": ["hi"]}}
    async with executing(tmp_path, sim, scenario) as (run, heard, ended):
        await until_done(run, 20)
        rate = run.progress().offered_rate
        assert rate is not None
        assert 40 < rate <= 80
        for wrong, text in ((0.0, "0 times a rate is no rate"), (float("inf"), "inf times")):
            with pytest.raises(ValueError, match=text):
                run.change(scale=wrong)
        run.change(scale=0.5)
        (stage,) = (await ended).stages
    (change,) = stage.changes
    shape = Sine(40.0, 40.0, 4.0)
    steps = [4.0 * (step + 0.5) / 4000 for step in range(4000)]
    wanted = sum(shape.rate(at) * (1.0 if at < change.at else 0.5) for at in steps) / 1000
    assert stage.requests.scheduled == pytest.approx(wanted, abs=2)
    first = min(m.due for m in heard.measurements if m.due is not None)
    late = sum(m.due is not None and 2.5 <= m.due - first < 3.5 for m in heard.measurements)
    assert late == pytest.approx(sum(shape.rate(at) for at in steps if 2.5 <= at < 3.5) / 2000, abs=2)


async def test_a_closed_loop_has_no_rate_to_scale(sim: str, tmp_path: Path) -> None:
    scenario = {"load": {"concurrency": 2}, "duration": "1s"}
    async with executing(tmp_path, sim, scenario) as (run, _, ended):
        await until_done(run, 3)
        with pytest.raises(ValueError, match="is a closed loop: change its concurrency, it has no rate to scale"):
            run.change(scale=2.0)
        await ended


async def test_sessions_are_begun_once_each_though_a_load_process_dies(sim: str, tmp_path: Path) -> None:
    prompts = {"kind": "sessions", "turns": 3, "input_tokens": 4, "output_tokens": 2}
    scenario = {"load": "25/s", "duration": "5s", "prompts": prompts}
    async with executing(tmp_path, sim, scenario) as (run, heard, ended):
        await until_done(run, 60)
        load_processes()[0].kill()
        (stage,) = (await ended).stages
    begun = Counter(m.index for m in heard.measurements if m.turn == 1)
    assert set(begun.values()) == {1}
    lost = 125 - len(begun)
    assert 0 <= lost <= 12  # no more than what it had not reported yet
    assert stage.sessions is not None
    assert stage.sessions.begun == len(begun)
