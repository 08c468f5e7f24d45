"""Crews of a fleet driven by hand: open them, carry out a stage, look at what comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psutil

from swelld.adapters.openai import OpenAIChat
from swelld.clock import now
from swelld.engine.crew import Crew
from swelld.engine.plan import Lane, Opened, Plan, Pulse, Report, RunStage, StageDone
from swelld.engine.target import Target
from swelld.load.stage import ClosedStage, OpenStage
from swelld.measurement import Measurement
from swelld.prompts.base import PromptSource
from swelld.prompts.inline import Inline


def plan_for(url: str, prompts: PromptSource | None = None, **target: Any) -> Plan:
    """One target, asked the same every time."""
    return Plan(
        names=("here",),
        targets=(Target.model_validate({"url": url, "model": "tiny", **target}),),
        adapters=(OpenAIChat,),
        lanes=(Lane((0,), (1.0,)),),
        prompts=prompts or Inline(prompts=("hi",)),
        seed=1,
    )


@asynccontextmanager
async def opened(crew: Crew) -> AsyncIterator[Crew]:
    """A crew that is ready, closed at the end."""
    try:
        await crew.open()
        for _ in range(crew.size):
            await report_of(crew, lambda report: isinstance(report, Opened))
        yield crew
    finally:
        await crew.aclose()


async def report_of(crew: Crew, wanted: Callable[[Report], bool], seen: list[Report] | None = None) -> Any:
    """The next report that is wanted; all others go into `seen`."""
    async with asyncio.timeout(30):
        while not wanted(report := await crew.reports.get()):
            if seen is not None:
                seen.append(report)
    return report


async def carry_out(crew: Crew, stage: ClosedStage | OpenStage, number: int = 0) -> list[Measurement]:
    """One stage from start to end."""
    crew.order(RunStage(number, stage, now()))
    return await rest_of(crew, number)


async def rest_of(crew: Crew, number: int = 0) -> list[Measurement]:
    """Everything measured until all shards are done with a stage."""
    seen: list[Report] = []
    for _ in range(crew.size):
        await report_of(crew, lambda report: isinstance(report, StageDone) and report.number == number, seen)
    return [m for report in seen if isinstance(report, Pulse) for m in report.measurements]


def load_processes() -> list[psutil.Process]:
    """Those that belong to this process and live."""
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in children if "swelld.engine.process" in child.cmdline()]
