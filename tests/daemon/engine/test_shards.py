"""Shards share a plan exactly: what two processes do together is what one alone would have done."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from crews import carry_out as stage_of
from crews import opened, plan_for
from runs import Kept, carry_out, one_target, settings_for
from swelld.adapters.openai import OpenAIChat
from swelld.clock import now
from swelld.engine.calibrator import Calibrator
from swelld.engine.crew import Crew
from swelld.engine.fleet import crew
from swelld.engine.plan import Calibration, Lane, Opened, Plan, RunStage, StageDone, Stop
from swelld.engine.target import Target
from swelld.load.stage import ClosedStage
from swelld.measurement import Outcome
from swelld.prompts.inline import Inline
from swelld.result import Progress
from swelld.sim import SimOptions, simulated

PROMPTS = {"kind": "synthetic", "input_tokens": 8, "output_tokens": 2}
LOADS = [
    {"load": {"concurrency": 5}, "requests": 41, "warmup": {"requests": 7}},
    {"load": {"rate": "60/s", "arrivals": "poisson"}, "duration": "1s", "warmup": {"requests": 5}},
]


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.002, itl=0.001, tokens=2)) as url:
        yield url


async def run(sim: str, folder: Path, load: dict[str, Any], shards: int | str) -> Kept:
    return await carry_out(settings_for(folder, one_target(sim), {"prompts": PROMPTS, **load}, shards=shards, seed=11))


def asked(kept: Kept) -> list[tuple[bool, int, str]]:
    """What was asked of the server, in the order of the schedule."""
    return sorted((line["warmup"], line["index"], line["prompt"]) for line in kept.lines())


def schedule(kept: Kept) -> list[float | None]:
    """Seconds between arrivals, in the order of the schedule."""
    lines = sorted(kept.lines(), key=lambda line: (not line["warmup"], line["index"]))
    dues = [line["due"] for line in lines]
    return [due if due is None else round(due - dues[0], 4) for due in dues]


@pytest.mark.parametrize("load", LOADS, ids=["closed", "open"])
async def test_the_same_seed_asks_the_same_at_the_same_moments(sim: str, tmp_path: Path, load: dict[str, Any]) -> None:
    alone = await run(sim, tmp_path / "alone", load, "inline")
    together = await run(sim, tmp_path / "together", load, 2)
    assert asked(together) == asked(alone)
    assert schedule(together) == pytest.approx(schedule(alone), abs=2e-4)
    warmup = load["warmup"]["requests"]
    counts = [sum(line["warmup"] for line in kept.lines()) for kept in (alone, together)]
    assert counts == [warmup, warmup]
    for kept in (alone, together):
        numbers = [line["index"] for line in kept.lines() if not line["warmup"]]
        assert sorted(numbers) == list(range(len(numbers)))
        assert kept.stage().requests.scheduled == len(numbers)
        assert kept.stage().outcomes == {"ok": len(numbers)}


async def test_another_seed_asks_something_else(sim: str, tmp_path: Path) -> None:
    scenario = {"prompts": PROMPTS, "load": {"concurrency": 1}, "requests": 3}
    inputs = []
    for seed in (1, 2):
        settings = settings_for(tmp_path, one_target(sim), {**scenario, "seed": seed})
        inputs.append(settings.scenarios["test"].prompts.open(settings.seed_of(settings.scenarios["test"]))[0])
    assert inputs[0].name == inputs[1].name
    assert inputs[0].messages != inputs[1].messages


async def test_more_shards_than_users(sim: str, tmp_path: Path) -> None:
    kept = await run(sim, tmp_path, {"load": {"concurrency": 1}, "requests": 6}, 2)
    assert sorted(line["index"] for line in kept.lines()) == list(range(6))


def shards_of_ours() -> list[psutil.Process]:
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in children if "swelld.engine.process" in child.cmdline()]


class Killer:
    """Kills a shard each time the run has gone on for some requests more."""

    def __init__(self, times: int) -> None:
        self.killed: list[int] = []
        self._times = times

    def __call__(self, progress: Progress) -> None:
        alive = shards_of_ours()
        if progress.done > 20 and len(self.killed) < self._times and len(alive) == 2:
            self.killed.append(alive[0].pid)
            alive[0].kill()


async def test_a_shard_that_dies_is_replaced_and_that_is_said(sim: str, tmp_path: Path) -> None:
    scenario = {"prompts": PROMPTS, "load": "50/s", "duration": "3s"}
    killer = Killer(1)
    kept = await carry_out(settings_for(tmp_path, one_target(sim), scenario, shards=2), killer)
    stage = kept.stage()
    assert (kept.result.run.state, len(killer.killed)) == ("completed", 1)
    assert not stage.validity.valid
    assert "died (signal 9) and was replaced" in stage.validity.reasons[0]
    numbers = sorted(line["index"] for line in kept.lines())
    assert len(set(numbers)) == len(numbers) == stage.requests.scheduled  # nothing was counted twice
    assert 140 <= len(numbers) <= 150  # and hardly anything was lost
    assert not shards_of_ours()


async def test_shards_that_die_again_and_again_end_the_run_with_what_there_is(sim: str, tmp_path: Path) -> None:
    scenario = {"prompts": PROMPTS, "load": {"concurrency": 2}, "duration": "60s"}
    killer = Killer(50)
    kept = await carry_out(settings_for(tmp_path, one_target(sim), scenario, shards=2), killer)
    assert kept.result.run.state == "failed"
    assert 2 <= len(killer.killed) < 10
    assert kept.stage().requests.ok > 20
    assert kept.stage().requests.ok == len(kept.lines())
    assert kept.stage().window_seconds < kept.result.run.duration_seconds < 40  # the rates are not of 60 seconds
    assert not shards_of_ours()


def plan(url: str) -> Plan:
    return Plan(
        names=("here",),
        targets=(Target(url=url),),
        adapters=(OpenAIChat,),
        lanes=(Lane((0,), (1.0,)),),
        prompts=Inline(prompts=("hi",)),
        seed=1,
    )


async def next_of(shards: Crew, kind: type[Any]) -> Any:
    async with asyncio.timeout(20):
        while not isinstance(report := await shards.reports.get(), kind):
            pass
    return report


@pytest.mark.parametrize("shards", ["inline", 1])
async def test_a_stop_on_the_heels_of_an_order_is_heard(sim: str, shards: int | str) -> None:
    one = crew(plan(sim), shards)
    try:
        await one.open()
        assert (await next_of(one, Opened)).distinct_prompts == 1
        one.order(RunStage(0, ClosedStage(label="c", users=1, duration=60.0), now()))
        one.order(Stop(force=False))
        assert await next_of(one, StageDone) == StageDone(0, 0)
    finally:
        await one.aclose()


class Broken:
    """A calibration that does not get far."""

    async def run(self) -> None:
        raise RuntimeError("no simulator")

    def stop(self, *, force: bool) -> None:
        assert not force


async def test_a_calibration_that_breaks_is_told_and_the_load_goes_on(
    sim: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Calibrator, "beside", lambda *_: [Broken()])
    plan = plan_for(sim)
    calibration = Calibration(target=plan.targets[0], adapter=OpenAIChat, ttft=0.002, beside=True)
    async with opened(crew(replace(plan, calibration=calibration), "inline")) as alone:
        measured = await stage_of(alone, ClosedStage(label="concurrency=1", users=1, requests=5))
    assert [m.outcome for m in measured] == [Outcome.OK] * 5
    assert caplog.messages == ["the calibration beside stage 0 broke: RuntimeError('no simulator')"]
