"""Shards share a plan exactly: what two processes do together is what one alone would have done."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from runs import Kept, carry_out, one_target, settings_for
from swelld.adapters.openai import OpenAIChat
from swelld.engine.launch import InlineCrew, ProcessCrew, crew
from swelld.engine.plan import Lane, Opened, Plan, RunStage, StageDone, Stop
from swelld.engine.target import Target
from swelld.load.stage import ClosedStage
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


async def test_a_shard_that_dies_ends_the_run_with_what_there_is(sim: str, tmp_path: Path) -> None:
    scenario = {"prompts": PROMPTS, "load": {"concurrency": 2}, "duration": "30s"}
    killed: list[int] = []

    def kill(progress: Progress) -> None:
        if progress.done > 20 and not killed:
            victim = next(p for p in psutil.Process().children() if "swelld.engine.process" in p.cmdline())
            killed.append(victim.pid)
            os.kill(victim.pid, signal.SIGKILL)

    kept = await carry_out(settings_for(tmp_path, one_target(sim), scenario, shards=2), kill)
    assert kept.result.run.state == "failed"
    assert kept.stage().requests.ok > 20
    assert kept.stage().requests.ok == len(kept.lines())
    assert kept.result.run.duration_seconds < 20
    assert not [p for p in psutil.Process().children() if "swelld.engine.process" in p.cmdline()]


def plan(url: str) -> Plan:
    return Plan(
        names=("here",),
        targets=(Target(url=url),),
        adapters=(OpenAIChat,),
        lanes=(Lane((0,), (1.0,)),),
        prompts=Inline(prompts=("hi",)),
        seed=1,
    )


async def next_of(shards: InlineCrew | ProcessCrew, kind: type[Any]) -> Any:
    async with asyncio.timeout(20):
        while not isinstance(report := await shards.reports.get(), kind):
            pass
    return report


@pytest.mark.parametrize("shards", ["inline", 1])
async def test_a_stop_on_the_heels_of_an_order_is_heard(sim: str, shards: int | str) -> None:
    from swelld.clock import now

    one = crew(plan(sim), shards)
    assert isinstance(one, (InlineCrew, ProcessCrew))
    try:
        await one.open()
        assert (await next_of(one, Opened)).distinct_prompts == 1
        one.order(RunStage(0, ClosedStage(label="c", users=1, duration=60.0), now()))
        one.order(Stop(force=False))
        assert await next_of(one, StageDone) == StageDone(0, 0)
    finally:
        await one.aclose()
