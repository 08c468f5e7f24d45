"""`swelld calibrate`: loads a simulator more and more heavily until the figures no longer hold."""

import asyncio
import platform
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
import numpy as np
import uvloop
from rich.console import Console

import swelld
from swelld.analysis.capacity import Capacity, Ladder, Rung, Simulator, Timing, capacity, limit
from swelld.app.logs import configure_plain
from swelld.clock import now
from swelld.columns import columns
from swelld.components import ADAPTERS
from swelld.distribution import Distribution
from swelld.engine.launch import Crew, available_cores, crew
from swelld.engine.plan import Broken, Died, Lane, Opened, Plan, Pulse, RunStage, StageDone
from swelld.engine.system import allow_open_files
from swelld.engine.target import Target
from swelld.hub.opening import OPEN_SECONDS
from swelld.hub.run import LEAD_SECONDS
from swelld.hub.spec import RunFailed
from swelld.load.stage import ClosedStage, OpenStage
from swelld.measurement import Measurement, Outcome
from swelld.prompts.inline import Inline
from swelld.report.capacity import CapacityReport
from swelld.settings.model import parse_shards
from swelld.sim.options import SimOptions
from swelld.sim.process import simulating
from swelld.store.files import claim, replace
from swelld.store.results import check_output

SETTLE_SECONDS: Final = 1.0
"""Before the first rung: no one measures while interpreters start."""
DRAIN_SECONDS: Final = 3.0
Tell = Callable[[str], None]


class Steps(NamedTuple):
    """One ladder: its levels, and the server that it stands against."""

    ladder: Ladder
    levels: Sequence[int]
    server: SimOptions

    @property
    def answer_seconds(self) -> float:
        """How long an answer is to take."""
        return self.server.ttft + (self.server.tokens - 1) * self.server.itl

    def stage(self, level: int, seconds: float) -> ClosedStage | OpenStage:
        """A rung: users come one by one over the time of an answer, and go on asking evenly spread."""
        warmup = min(self.answer_seconds, seconds / 3)
        label, window = f"{self.ladder}={level}", seconds - warmup
        if self.ladder == "rate":
            return OpenStage(
                label=label, rate=level, warmup_seconds=warmup, duration=window, drain_seconds=DRAIN_SECONDS
            )
        return ClosedStage(
            label=label,
            users=level,
            ramp_up=warmup,
            warmup_seconds=warmup,
            duration=window,
            drain_seconds=DRAIN_SECONDS,
        )

    def expected_rate(self, level: int) -> float:
        """Requests per second that a perfect client has answered."""
        return float(level) if self.ladder == "rate" else level / self.answer_seconds


LADDERS: Final = (
    Steps("streams", (25, 50, 100, 200, 400, 800, 1600), SimOptions(ttft=0.05, itl=0.01, tokens=64)),
    Steps("rate", (100, 200, 400, 800, 1600, 3200), SimOptions(ttft=0.02, itl=0.005, tokens=4)),
)


def run(seconds: float, shards: str, output: Path | None, ladders: Sequence[Steps] = LADDERS) -> int:
    """Climb, say how it goes on stderr, print the table and its sum. ValueError for arguments that cannot be used."""
    if not 0 < seconds <= 60:
        raise ValueError(f"--seconds {seconds:g}: a rung takes more than 0 and at most 60 seconds")
    if output is not None:
        check_output(output)
    configure_plain("warning")
    allow_open_files()  # the simulator inherits it
    rungs, size = uvloop.run(climb(ladders, seconds, parse_shards(shards), _to_stderr))
    found = capacity(rungs, swelld.__version__, _machine(), size)
    Console().print(CapacityReport(found))
    if output is not None:
        print(f"Rungs in {_write(output, found)}")
    return 0


async def climb(ladders: Sequence[Steps], seconds: float, shards: int | str, tell: Tell) -> tuple[list[Rung], int]:
    """Every ladder up to the first rung that fails twice, and the number of load processes."""
    rungs: list[Rung] = []
    size = 0
    for steps in ladders:
        async with simulating(steps.server) as url, _opened(steps, url, shards) as shards_of:
            size = shards_of.size
            climber = _Climber(steps, url, shards_of, hub_is_apart=shards != "inline")
            for number, level in enumerate(steps.levels):
                tell(f"{steps.stage(level, seconds).label} for {seconds:g} s ...")
                rung = await climber.rung(number, level, seconds)
                if limit(rung) is not None:
                    tell("... once more: a moment in which the machine was busy is no limit")
                    rung = await climber.rung(number, level, seconds)
                rungs.append(rung)
                if limit(rung) is not None:
                    break
    return rungs, size


@asynccontextmanager
async def _opened(steps: Steps, url: str, shards: int | str) -> AsyncIterator[Crew]:
    plan = Plan(
        names=("simulator",),
        targets=(Target(url=url, model=steps.server.model),),
        adapters=(ADAPTERS["openai_chat"],),
        lanes=(Lane((0,), (1.0,)),),
        prompts=Inline(prompts=("How many can you bear?",), max_tokens=steps.server.tokens),
        seed=0,
    )
    started = crew(plan, shards)
    try:
        await started.open()
        ready = 0
        async with asyncio.timeout(OPEN_SECONDS):
            while ready < started.size:
                ready += isinstance(_sound(await started.reports.get()), Opened)
        await asyncio.sleep(SETTLE_SECONDS)
        yield started
    finally:
        await started.aclose()


def _sound(report: Any) -> Any:
    if isinstance(report, (Broken, Died)):
        raise RunFailed(f"load process {report.shard}: {report.error if isinstance(report, Broken) else report.how}")
    return report


class _Climber:
    """Carries out rungs and holds what the shards report against what the simulator says."""

    def __init__(self, steps: Steps, url: str, shards: Crew, *, hub_is_apart: bool) -> None:
        self._steps = steps
        self._url = url
        self._crew = shards
        self._hub_is_apart = hub_is_apart
        self._cpu: dict[int, float] = {}

    async def rung(self, number: int, level: int, seconds: float) -> Rung:
        stage = self._steps.stage(level, seconds)
        start = now() + LEAD_SECONDS
        window = (start + stage.warmup_seconds, start + seconds)
        found = _Found(window)
        hub = time.process_time()
        before = self._cpu.copy()
        async with aiohttp.ClientSession(self._url) as session:
            resetting = asyncio.create_task(_reset(session, window[0]))
            self._crew.order(RunStage(number, stage, start))
            await self._collect(number, found, before)
            await resetting
            truth = await _truth(session)
        spent = sum(self._cpu.values()) - sum(before.values())
        spent += time.process_time() - hub if self._hub_is_apart else 0.0
        return found.rung(self._steps, level, spent, truth)

    async def _collect(self, number: int, found: "_Found", before: dict[int, float]) -> None:
        busy = set(range(self._crew.size))
        while busy:
            report = _sound(await self._crew.reports.get())
            if isinstance(report, Pulse):
                self._cpu[report.shard] = report.cpu_seconds
                before.setdefault(report.shard, report.cpu_seconds)
                found.add(report.measurements)
            elif isinstance(report, StageDone) and report.number == number:
                busy.discard(report.shard)


class _Found:
    """What the measurements of one rung come to."""

    def __init__(self, window: tuple[float, float]) -> None:
        self._window = window
        self._ttft = Distribution()
        self._lag = Distribution()
        self._tokens = self._tokens_inside = self._requests = self._requests_inside = self._failed = 0
        self._failure: str | None = None

    def add(self, measurements: Sequence[Measurement]) -> None:
        start, end = self._window
        moments = np.frombuffer(b"".join(m.tokens_at for m in measurements))
        self._tokens += moments.size
        self._tokens_inside += int(np.count_nonzero((moments >= start) & (moments < end)))
        self._requests += len(measurements)
        measured = columns([m for m in measurements if not m.warmup], {})
        self._ttft.update(measured.ttft)
        self._lag.update(measured.lag)
        for m in measurements:
            if m.outcome is Outcome.OK:
                self._requests_inside += m.end is not None and start <= m.end < end
            else:
                self._failed += 1
                self._failure = m.detail or m.outcome

    def rung(self, steps: Steps, level: int, cpu_seconds: float, truth: dict[str, Any]) -> Rung:
        seconds = self._window[1] - self._window[0]
        return Rung(
            ladder=steps.ladder,
            level=level,
            expected_rate=steps.expected_rate(level),
            request_rate=self._requests_inside / seconds,
            token_rate=self._tokens_inside / seconds,
            ttft=Timing(self._ttft.quantile(0.5), self._ttft.quantile(0.99)),
            lag=Timing(self._lag.quantile(0.5), self._lag.quantile(0.99)),
            cpu_per_token=cpu_seconds / self._tokens if self._tokens else None,
            cpu_per_request=cpu_seconds / self._requests if self._requests else None,
            failed=self._failed,
            failure=self._failure,
            simulator=Simulator(
                ttft=_timing(truth["ttft"]),
                e2e=_timing(truth["e2e"]),
                lateness=_timing(truth["lateness"]),
                scripted_e2e=steps.answer_seconds,
            ),
        )


def _timing(summary: dict[str, float]) -> Timing:
    return Timing(summary.get("p50"), summary.get("p99"))


async def _reset(session: aiohttp.ClientSession, moment: float) -> None:
    await asyncio.sleep(moment - now())
    async with session.post("/sim/reset") as response:
        response.raise_for_status()


async def _truth(session: aiohttp.ClientSession) -> dict[str, Any]:
    async with session.get("/sim/truth") as response:
        page: dict[str, Any] = await response.json()
        return page


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _write(path: Path, found: Capacity) -> Path:
    free = claim(path)
    replace(free, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    return free


def _machine() -> str:
    return f"{available_cores()} cores, {platform.machine()}, {platform.system()} {platform.release()}"
