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
from swelld.engine.crew import Crew
from swelld.engine.plan import FULL, Broken, Died, Opened, Pulse, Report, StageDone, Stop
from swelld.hub.calibration import ErrorWatch
from swelld.hub.ceiling import Ceilings
from swelld.hub.holding import Holds
from swelld.hub.level import Level, StageDistributions
from swelld.hub.opening import opened
from swelld.hub.pace import Pace
from swelld.hub.spec import Listener, RunFailed, Spec, Witness
from swelld.hub.stages import Stages
from swelld.hub.witnesses import dismissed
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld.result import Progress, Result, RunInfo, StageResult

log = logging.getLogger(__name__)

LEAD_SECONDS = 0.05
"""Between the order to run a stage and its start: all shards have it by then."""

MOST_DEATHS = 3
"""Load processes that may die in one stage before the run is given up."""

Ending = Literal["completed", "failed", "cancelled", "interrupted"]
State = Literal["pending", "running", "draining", "completed", "failed", "cancelled"]
OVER: Final = ("completed", "failed", "cancelled")


class Run:
    """Lives once: `execute` it, look at `progress`, `stop` it."""

    def __init__(
        self,
        spec: Spec,
        crew: Crew,
        listeners: Sequence[Listener] = (),
        witnesses: Sequence[Witness] = (),
        ceilings: Ceilings | None = None,
        *,
        apart: bool = False,
    ) -> None:
        """`ceilings` has admitted the run, and is asked again when it is changed; `apart`: `crew` has processes of its
        own."""
        self.spec = spec
        self.state: State = "pending"
        self._crew = crew
        self._listeners = listeners
        self._witnesses = witnesses
        self._wall = WallClock()
        self._started = now()
        self._level: Level | None = None
        self._stages = Stages(spec)
        self._finished: list[StageResult] = []
        self._distributions: list[StageDistributions] = []
        self._heard = now()
        self._pace = Pace()
        self._errors = ErrorWatch(spec.plan.calibration, self._tell_errors)
        self._ceilings = ceilings
        self._apart = apart
        self._holds = Holds(spec.plan)
        self.held = FULL
        """What is let through by now."""
        self._absent: set[int] = set()
        """Shards that died and are not ready again."""
        self._stopping = asyncio.Event()
        self._forced = asyncio.Event()
        self._done_before = 0
        self._trouble: str | None = None

    async def execute(self) -> Result:
        """From pending to a result, whatever happens on the way; RunFailed if there is nothing to report."""
        try:
            ended: Literal["completed", "cancelled", "failed"] = await self._carry_out()
        except (RunFailed, ValueError, OSError) as error:
            if not self._finished:
                raise RunFailed(str(error)) from None
            log.error("run %s failed: %s", self.spec.id, error)
            ended, self._trouble = "failed", str(error)
        finally:
            await self._crew.aclose()
            await self._dismiss_witnesses()
            self.state = "failed"  # unless it gets to the next line
        self.state = ended
        return reduce(
            lambda result, witness: witness.complete(result), self._witnesses, self._result(self._finished, ended)
        )

    async def _carry_out(self) -> Literal["completed", "cancelled"]:
        await self._crew.open()
        distinct = await opened(self._crew, self._stopping)
        if not self._stopping.is_set():
            self._crew.order(self.held)
            self._finished += self._stages.open(distinct)
            self.state = "running"
            await self._errors.before(self._crew)
            await asyncio.gather(*(witness.begin() for witness in self._witnesses))
        while not self._stopping.is_set() and (found := self._stages.next(self._finished)) is not None:
            await self._run_stage(*found)
        # What has no end of its own ends well when it is drained.
        cut = self._stopping.is_set() and (self._forced.is_set() or not self.spec.endless)
        return "cancelled" if cut else "completed"

    async def _dismiss_witnesses(self) -> None:
        """What one of them cannot say is no reason to lose what the run has found."""
        for error in await dismissed(self._witnesses, self._forced):
            log.error("run %s: a witness has failed: %s", self.spec.id, error, exc_info=error)

    def stop(self, *, force: bool = False) -> None:
        """Start nothing new and drain; with `force` cancel what is under way."""
        if self.state in OVER:
            return
        self._stopping.set()
        if force:
            self._forced.set()
        self.state = "draining"
        if self._level is not None:
            self._level.cut()
        self._crew.order(Stop(force))

    def change(self, rate: float | None = None, concurrency: int | None = None, scale: float | None = None) -> None:
        """Go on with the present stage at another level: an open loop at a constant rate, or at `scale` times what was
        planned, a closed one with so many users. ValueError says why that cannot be: another kind of load, no stage
        under way, a target's ceiling."""
        level = self._level
        if level is None or self._stopping.is_set():
            raise ValueError(f"no stage of the run {self.spec.id} is under way: there is nothing to change")
        level.check(rate, concurrency, self._crew.size, scale)
        if self._ceilings is not None:
            stages = [*self._stages.known]
            stages[level.number] = level.changed(rate, concurrency, scale)
            self._ceilings.admit(self.spec, stages, apart=self._apart)
        self._crew.order(level.change(now() + LEAD_SECONDS, rate, concurrency, scale))
        log.info("run %s goes on at rate %s, concurrency %s, scale %s", self.spec.id, rate, concurrency, scale)

    def throttle(self, reason: str, factor: float, target: int | None = None) -> None:
        """Let only a part of the load through from now on, of all targets or of one. `reason` is a label: budget,
        yield, paused; of several the smallest factor holds."""
        held = self._holds.set(reason, factor, target)
        if held != self.held:
            self.held = held
            self._crew.order(held)
            if self._level is not None:
                self._level.throttle(held)

    def so_far(self) -> Result:
        """What there would be of it if it ended this moment."""
        present = self._level.so_far(self._errors.statistics()) if self._level else ()
        return self._result([*self._finished, *present], "interrupted")

    def distributions(self) -> list[StageDistributions]:
        """What the figures of the result, or those of now, are taken from; still being added to."""
        return [*self._distributions, *(self._level.distributions(over=False) if self._level else ())]

    def silence(self) -> float:
        """Seconds since a shard has said anything, where one should have; 0 where none is expected to."""
        return now() - self._heard if self._level is not None else 0.0

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
            stage_count=self._stages.expected(),
            elapsed=elapsed,
            fraction=fraction,
            remaining=elapsed / fraction - elapsed if fraction else None,
            in_flight=level.in_flight if level else 0,
            done=done,
            total=self._stages.requests(),
            failed=self._pace.failed,
            request_rate=self._pace.request_rate(),
            output_token_rate=self._pace.token_rate(),
            e2e_p90=self._pace.e2e_p90(),
            ttft_p50=self._pace.ttft_p50(),
            active_users=level.active_users() if level else None,
            offered_rate=level.offered_rate() if level else None,
            throttle=self._holds.share(self.held),
            throttled_by=self.held.why or None,
            throttled_targets=self._holds.by_name(self.held),
            warning=level.watch.warning if level else None,
        )

    async def _run_stage(self, number: int, stage: Stage) -> None:
        assert isinstance(stage, (ClosedStage, OpenStage))
        level = self._level = Level(self.spec, number, stage, now() + LEAD_SECONDS)
        self._heard = now()
        level.throttle(self.held)
        self._errors.stage_begins()
        for listener in self._listeners:
            listener.stage_begins(self.spec, level.stage)
        busy = set(range(self._crew.size))
        for shard in busy - self._absent:
            self._crew.order(level.order(), shard)
        try:
            while busy:
                report = await self._crew.reports.get()
                self._heard = now()
                if isinstance(report, StageDone) and report.number == number:
                    busy.discard(report.shard)
                else:
                    await self._hear(level, report, busy)
        except (RunFailed, OSError):
            level.cut()
            raise
        finally:
            self._finished += level.results(self._errors.statistics())
            self._distributions += level.distributions(over=True)
            self._done_before += level.done
            self._level = None

    async def _hear(self, level: Level, report: Report, busy: set[int]) -> None:
        """Anything a shard says but that it is done; RunFailed if it cannot go on."""
        if isinstance(report, Pulse):
            self._take(level, report)
        elif isinstance(report, Broken):
            raise RunFailed(report.error)
        elif isinstance(report, Died):
            self._absent.add(report.shard)
            await self._replace(level, report)
        elif isinstance(report, Opened):
            self._absent.discard(report.shard)
            self._crew.order(self.held, report.shard)
            if report.shard in busy:  # its predecessor may have been done with the stage
                self._crew.order(level.rest(report.shard), report.shard)
            if self._stages.end is not None:
                self._crew.order(self._stages.end, report.shard)
            if self._stopping.is_set():
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
        if not self._stopping.is_set() and (end := self._stages.look(level)) is not None:
            level.cut()
            self._crew.order(end)

    def _tell_errors(self, errors: Floats) -> None:
        for listener in self._listeners:
            listener.measurement_errors(self.spec, errors)

    def _fraction(self) -> float | None:
        fraction = self._stages.fraction(self._level)
        return 1.0 if fraction is not None and self.state in OVER else fraction

    def _result(self, stages: list[StageResult], state: Ending) -> Result:
        started, finished = self._wall.at(self._started), self._wall.at(now())
        result = Result(
            run=RunInfo(
                id=self.spec.id,
                scenario=self.spec.scenario,
                state=state,
                started=_iso(started),
                finished=_iso(finished),
                duration_seconds=finished - started,
                swelld_version=swelld.__version__,
                seed=self.spec.plan.seed,
                config=dict(self.spec.config),
                reason=self._trouble,
            ),
            stages=stages,
            verdict=verdict(stages),
        )
        return self._stages.complete(result)


def _iso(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
