"""One execution of a scenario: drives the shards through the stages and adds up what they report."""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final, Literal, Protocol

import msgspec

import swelld
from swelld.analysis.verdict import verdict
from swelld.clock import WallClock, now
from swelld.columns import Columns, columns
from swelld.distribution import Floats
from swelld.engine.launch import Crew
from swelld.engine.plan import Broken, Died, Opened, Plan, Pulse, RunStage, StageDone, Stop
from swelld.engine.system import throttled_seconds
from swelld.hub.calibration import ErrorWatch
from swelld.hub.pace import Pace
from swelld.hub.phases import Phasing, WindowKind
from swelld.hub.tally import Tally, Window
from swelld.hub.validity import Watch
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld.measurement import Measurement
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


class RunFailed(Exception):
    """The run could not be carried out; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a run is to do."""

    id: str
    scenario: str
    plan: Plan
    stages: Callable[[int | None], Sequence[Stage]]
    """The stages, given the number of distinct prompts."""
    thresholds: Mapping[str, float]
    share: float
    """The share of requests that the objective asks for."""
    config: Mapping[str, Any]
    """As used, secrets redacted."""
    percentiles: tuple[float, ...] = ()
    """Percents wanted in the result besides the usual ones."""
    window: WindowKind = "all"
    """The part of each stage that the result is to be made of."""

    @property
    def endless(self) -> bool:
        """Whether it goes on until it is stopped."""
        return any(stage.requests is None and stage.duration is None for stage in self.stages(1))


class Listener(Protocol):
    """Whoever wants to hear of every batch: metrics, files. Called in the hub's event loop; must be quick."""

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        """A stage is about to start."""

    def batch(self, spec: Spec, stage: Stage, target: int, found: "Batch") -> None:
        """Measurements of one stage and target, all of them warm-up or none."""

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        """How a shard fares."""

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        """What a calibration found, in seconds."""


class Witness(Protocol):
    """Whoever watches something beside the load while a run goes on: the servers' own metrics, the GPUs."""

    async def begin(self) -> None:
        """The shards are ready and nothing has been sent yet: the load waits for this, so it must be quick."""

    async def end(self) -> None:
        """Nothing more will be sent. Called once for every run, also for one that failed before it began."""

    def complete(self, result: Result) -> Result:
        """The result with what was seen."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Measurements that belong together."""

    measurements: Sequence[Measurement]
    columns: Columns
    warmup: bool
    valid: bool
    """False if the instrument was the bottleneck while they were made."""


@dataclass(slots=True)
class _Level:
    """A stage under way."""

    number: int
    stage: Stage
    start: float
    tallies: list[Tally]
    phasing: Phasing
    watch: Watch = field(default_factory=Watch)
    in_flight: dict[int, int] = field(default_factory=dict)
    begun: dict[int, list[int]] = field(default_factory=dict)
    """By shard: exchanges begun by target, as it last said."""
    reported: Counter[int] = field(default_factory=Counter)
    """By shard: measurements received."""


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
        self._level: _Level | None = None
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
            self._cut(self._level)
        self._crew.order(Stop(force))

    def progress(self) -> Progress:
        """How things stand now."""
        level = self._level
        done = self._done_before + (sum(t.done for t in level.tallies) if level else 0)
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
            in_flight=sum(level.in_flight.values()) if level else 0,
            done=done,
            total=self._total(),
            failed=self._pace.failed,
            request_rate=self._pace.request_rate(),
            output_token_rate=self._pace.token_rate(),
            e2e_p90=self._pace.e2e_p90(),
            ttft_p50=self._pace.ttft_p50(),
            active_users=self._active_users(),
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
        start = now() + LEAD_SECONDS
        tallies = [
            Tally(self.spec.thresholds, Window(stage, start), self.spec.percentiles) for _ in self.spec.plan.names
        ]
        level = self._level = _Level(number, stage, start, tallies, self._phasing(stage, start, tallies))
        self._errors.stage_begins()
        for listener in self._listeners:
            listener.stage_begins(self.spec, stage)
        self._crew.order(RunStage(number, stage, start))
        busy = set(range(self._crew.size))
        try:
            while busy:
                report = await self._crew.reports.get()
                if isinstance(report, Pulse):
                    self._take(level, report)
                elif isinstance(report, StageDone) and report.number == number:
                    busy.discard(report.shard)
                elif isinstance(report, Broken):
                    raise RunFailed(report.error)
                elif isinstance(report, Died):
                    await self._replace(level, report)
                elif isinstance(report, Opened):
                    self._crew.order(self._rest(level, report.shard), report.shard)
                    if self._stopped:
                        self._crew.order(Stop(force=False), report.shard)
        except RunFailed:
            self._cut(level)
            raise
        finally:
            self._finished += [self._stage_result(level, target) for target in range(len(tallies))]
            self._done_before += sum(t.done for t in tallies)
            self._level = None

    def _cut(self, level: _Level) -> None:
        """Nothing that comes after this moment belongs to the stage's window."""
        for tally in level.tallies:
            tally.window.cut(now())

    async def _replace(self, level: _Level, died: Died) -> None:
        """Start a dead shard again; what it had begun and not reported is lost, and that is said."""
        lost = sum(level.begun.get(died.shard, [])) - level.reported[died.shard]
        level.watch.died(died.shard, died.how, lost)
        log.error("load process %d died (%s), %d requests under way are lost", died.shard, died.how, lost)
        level.in_flight.pop(died.shard, None)
        if len(level.watch.deaths) > MOST_DEATHS:
            raise RunFailed(f"load processes died {len(level.watch.deaths)} times in the stage {level.stage.label}")
        await self._crew.restart(died.shard)

    def _rest(self, level: _Level, shard: int) -> RunStage:
        """What is left of a stage for a shard that takes over from a dead one."""
        begun = level.begun.get(shard) or [0] * len(self.spec.plan.names)
        level.reported[shard] = sum(begun)  # from here on it counts for its predecessor, too
        assert isinstance(level.stage, (ClosedStage, OpenStage))
        return RunStage(level.number, level.stage, level.start, tuple(begun))

    def _take(self, level: _Level, pulse: Pulse) -> None:
        """One pulse of one shard: measurements into tallies and to the listeners."""
        saturated = level.watch.pulse(pulse, now(), throttled_seconds())
        level.in_flight[pulse.shard] = sum(pulse.in_flight)
        level.begun[pulse.shard] = pulse.begun
        self._errors.take(pulse)
        level.reported[pulse.shard] += len(pulse.measurements)
        groups: dict[tuple[int, bool], list[Measurement]] = defaultdict(list)
        for m in pulse.measurements:
            groups[m.target, m.warmup].append(m)
        for (target, warmup), measurements in groups.items():
            found = Batch(measurements, columns(measurements, self.spec.thresholds), warmup, not saturated)
            if not warmup:
                level.tallies[target].add(measurements, found.columns)
            self._pace.add(found.columns, now())
            for listener in self._listeners:
                listener.batch(self.spec, level.stage, target, found)
        level.phasing.take(now(), sum(level.in_flight.values()), pulse.measurements)
        for listener in self._listeners:
            listener.pulse(self.spec, level.stage, pulse, saturated=saturated)

    def _stage_result(self, level: _Level, target: int) -> StageResult:
        plan, stage = self.spec.plan, level.stage
        tally, phases = level.phasing.outcome(target)
        seconds = tally.window.seconds()
        started = tally.done - tally.outcomes["dropped"]
        validity = level.watch.verdict(
            tally.distributions["lag"],
            tally.distributions["connect"],
            offered=tally.done / seconds if seconds and isinstance(stage, OpenStage) else None,
            achieved=started / seconds if seconds and isinstance(stage, OpenStage) else None,
        )
        validity = msgspec.structs.replace(validity, measurement_error=self._errors.statistics())
        names = (plan.names[target], plan.targets[target].model)
        result = tally.result(stage, names, self.spec.share, validity, phases)
        users = stage.users * self._copies() if isinstance(stage, ClosedStage) else None
        return msgspec.structs.replace(result, users=users)

    def _phasing(self, stage: ClosedStage | OpenStage, start: float, tallies: list[Tally]) -> Phasing:
        spec = self.spec
        return Phasing(
            stage,
            start,
            tallies,
            spec.window,
            lanes=self._copies(),
            thresholds=spec.thresholds,
            percentiles=spec.percentiles,
        )

    def _tell_errors(self, errors: Floats) -> None:
        for listener in self._listeners:
            listener.measurement_errors(self.spec, errors)

    def _active_users(self) -> int | None:
        level = self._level
        if level is None or not isinstance(level.stage, ClosedStage):
            return None
        way = (now() - level.start) / level.stage.ramp_up if level.stage.ramp_up else 1.0
        return int(level.stage.users * min(1.0, max(0.0, way))) * self._copies()

    def _copies(self) -> int:
        return len(self.spec.plan.lanes)

    def _total(self) -> int | None:
        counts = [stage.requests for stage in self._stages]
        return None if not counts or None in counts else sum(c for c in counts if c) * self._copies()

    def _fraction(self) -> float | None:
        """Of all stages, each counted alike: by time if it is bounded by time, otherwise by requests."""
        if not self._stages or self.spec.endless:
            return None
        if self.state in ("completed", "cancelled", "failed"):
            return 1.0
        level = self._level
        if level is None:
            return 0.0
        inside = 0.0
        if level.stage.duration:
            inside = (now() - level.start) / (level.stage.warmup_seconds + level.stage.duration)
        if level.stage.requests:
            inside = max(inside, sum(t.done for t in level.tallies) / (level.stage.requests * self._copies()))
        return (level.number + min(1.0, max(0.0, inside))) / len(self._stages)

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
