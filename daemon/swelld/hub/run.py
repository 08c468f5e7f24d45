"""One execution of a scenario: drives the shards through the stages and adds up what they report."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Final, Literal

import swelld
from swelld.analysis.verdict import verdict
from swelld.clock import WallClock, now
from swelld.distribution import Floats
from swelld.engine.launch import Crew
from swelld.engine.plan import Broken, Died, Opened, Pulse, Report, StageDone, Stop
from swelld.hub.calibration import ErrorWatch
from swelld.hub.level import Level
from swelld.hub.pace import Pace
from swelld.hub.spec import Listener, RunFailed, Spec, Witness
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld.result import Progress, Result, RunInfo, StageResult

log = logging.getLogger(__name__)

OPEN_SECONDS = 60.0
"""How long shards may take to read prompts and look up targets."""
LEAD_SECONDS = 0.05
"""Between the order to run a stage and its start: all shards have it by then."""

MOST_DEATHS = 3
"""Load processes that may die in one stage before the run is given up."""

State = Literal["pending", "running", "draining", "completed", "failed", "cancelled"]
OVER: Final = ("completed", "failed", "cancelled")


class Run:
    """Lives once: `execute` it, look at `progress`, `stop` it."""

    def __init__(
        self, spec: Spec, crew: Crew, listeners: Sequence[Listener] = (), witnesses: Sequence[Witness] = ()
    ) -> None:
        self.spec = spec
        self.state: State = "pending"
        self._crew = crew
        self._listeners = listeners
        self._witnesses = witnesses
        self._wall = WallClock()
        self._started = now()
        self._level: Level | None = None
        self._stages: Sequence[Stage] = ()
        self._finished: list[StageResult] = []
        self._pace = Pace()
        self._errors = ErrorWatch(spec.plan.calibration, self._tell_errors)
        self._stopped = False
        self._done_before = 0

    async def execute(self) -> Result:
        """From pending to a result, whatever happens on the way; RunFailed if there is nothing to report."""
        try:
            await self._crew.open()
            async with asyncio.timeout(OPEN_SECONDS):
                distinct = await self._opened()
            self._stages = self.spec.stages(distinct)
            self.state = "running"
            await self._errors.before(self._crew)
            await asyncio.gather(*(witness.begin() for witness in self._witnesses))
            for number, stage in enumerate(self._stages):
                if not self._stopped:
                    await self._run_stage(number, stage)
            ended: State = "cancelled" if self._stopped else "completed"
        except TimeoutError:
            raise RunFailed(f"the load processes were not ready within {OPEN_SECONDS:g} s") from None
        except (RunFailed, ValueError) as error:
            ended = "failed"
            if not self._finished:
                self.state = ended
                raise RunFailed(str(error)) from None
            log.error("run %s failed: %s", self.spec.id, error)
        finally:
            await self._crew.aclose()
            await asyncio.gather(*(witness.end() for witness in self._witnesses))
        self.state = ended
        return reduce(lambda result, witness: witness.complete(result), self._witnesses, self._result())

    def stop(self, *, force: bool = False) -> None:
        """Start nothing new and drain; with `force` cancel what is under way."""
        if self.state in OVER:
            return
        self._stopped = True
        self.state = "draining"
        if self._level is not None:
            self._level.cut()
        self._crew.order(Stop(force))

    def progress(self) -> Progress:
        """How things stand now."""
        level = self._level
        done = self._done_before + (level.done if level else 0)
        fraction = self._fraction()
        elapsed = now() - self._started
        return Progress(
            run_id=self.spec.id,
            scenario=self.spec.scenario,
            state=self.state,
            stage=level.stage.label if level else "",
            stage_number=level.number + 1 if level else 0,
            stage_count=len(self._stages),
            elapsed=elapsed,
            fraction=fraction,
            remaining=elapsed / fraction - elapsed if fraction else None,
            in_flight=level.in_flight if level else 0,
            done=done,
            total=self._total(),
            failed=self._pace.failed,
            request_rate=self._pace.request_rate(),
            output_token_rate=self._pace.token_rate(),
            e2e_p90=self._pace.e2e_p90(),
            ttft_p50=self._pace.ttft_p50(),
            active_users=level.active_users() if level else None,
            warning=level.watch.warning if level else None,
        )

    async def _opened(self) -> int | None:
        distinct = None
        for _ in range(self._crew.size):
            report = await self._crew.reports.get()
            while isinstance(report, Pulse):
                report = await self._crew.reports.get()
            if isinstance(report, Broken):
                raise RunFailed(report.error)
            if isinstance(report, Died):
                raise RunFailed(f"a load process died before it was ready ({report.how}): see its message above")
            assert isinstance(report, Opened)
            distinct = report.distinct_prompts
        return distinct

    async def _run_stage(self, number: int, stage: Stage) -> None:
        assert isinstance(stage, (ClosedStage, OpenStage))
        level = self._level = Level(self.spec, number, stage, now() + LEAD_SECONDS)
        self._errors.stage_begins()
        for listener in self._listeners:
            listener.stage_begins(self.spec, stage)
        self._crew.order(level.order())
        busy = set(range(self._crew.size))
        try:
            while busy:
                report = await self._crew.reports.get()
                if isinstance(report, StageDone) and report.number == number:
                    busy.discard(report.shard)
                else:
                    await self._hear(level, report)
        except RunFailed:
            level.cut()
            raise
        finally:
            self._finished += level.results(self._errors.statistics())
            self._done_before += level.done
            self._level = None

    async def _hear(self, level: Level, report: Report) -> None:
        """Anything a shard says but that it is done; RunFailed if it cannot go on."""
        if isinstance(report, Pulse):
            self._take(level, report)
        elif isinstance(report, Broken):
            raise RunFailed(report.error)
        elif isinstance(report, Died):
            await self._replace(level, report)
        elif isinstance(report, Opened):
            self._crew.order(level.rest(report.shard), report.shard)
            if self._stopped:
                self._crew.order(Stop(force=False), report.shard)

    async def _replace(self, level: Level, died: Died) -> None:
        """Start a dead shard again, unless too many have died."""
        lost = level.died(died.shard, died.how)
        log.error("load process %d died (%s), %d requests under way are lost", died.shard, died.how, lost)
        if len(level.watch.deaths) > MOST_DEATHS:
            raise RunFailed(f"load processes died {len(level.watch.deaths)} times in the stage {level.stage.label}")
        await self._crew.restart(died.shard)

    def _take(self, level: Level, pulse: Pulse) -> None:
        self._errors.take(pulse)
        for target, found in level.take(pulse):
            self._pace.add(found.columns, now())
            for listener in self._listeners:
                listener.batch(self.spec, level.stage, target, found)
        for listener in self._listeners:
            listener.pulse(self.spec, level.stage, pulse, saturated=level.saturated)

    def _tell_errors(self, errors: Floats) -> None:
        for listener in self._listeners:
            listener.measurement_errors(self.spec, errors)

    def _total(self) -> int | None:
        counts = [stage.requests for stage in self._stages]
        copies = len(self.spec.plan.lanes)
        return None if not counts or None in counts else sum(c for c in counts if c) * copies

    def _fraction(self) -> float | None:
        """Of all stages, each counted alike."""
        if not self._stages or self.spec.endless:
            return None
        if self.state in OVER:
            return 1.0
        level = self._level
        return (level.number + level.fraction()) / len(self._stages) if level else 0.0

    def _result(self) -> Result:
        started, finished = self._wall.at(self._started), self._wall.at(now())
        assert self.state in ("completed", "failed", "cancelled")
        return Result(
            run=RunInfo(
                id=self.spec.id,
                scenario=self.spec.scenario,
                state=self.state,
                started=_iso(started),
                finished=_iso(finished),
                duration_seconds=finished - started,
                swelld_version=swelld.__version__,
                seed=self.spec.plan.seed,
                config=dict(self.spec.config),
            ),
            stages=self._finished,
            verdict=verdict(self._finished),
        )


def _iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
