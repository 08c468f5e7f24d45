"""Carrying out runs, any number at a time, with everything that surrounds a run and outlives it."""

import asyncio
import logging
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import msgspec

import swelld
from swelld.analysis.contention import contended
from swelld.app.calibration import calibrated
from swelld.app.exporting import Outlets
from swelld.app.gpu import Gpus
from swelld.app.push import Pushes
from swelld.app.recording import Recording
from swelld.app.spec import specify
from swelld.clock import WallClock
from swelld.engine.launch import Fleet
from swelld.hub.budget import Budgets, Spending
from swelld.hub.ceiling import Ceilings
from swelld.hub.courtesy import Courtesy
from swelld.hub.holding import Hold
from swelld.hub.instrument import Instrument
from swelld.hub.metrics import MetricsListener
from swelld.hub.run import Run
from swelld.hub.servers import Company, watched
from swelld.hub.spec import Listener, Spec, Witness
from swelld.result import Result
from swelld.scenario import Scenario
from swelld.settings import Settings
from swelld.store.base import RunRow, StageDistributions, State, TargetRow
from swelld.store.files import StoreError
from swelld.store.metadata import config_hash
from swelld.store.results import RESULT
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import RequestMetrics
from swelld_exporters.prometheus.runs import LatestRuns, show_state

log = logging.getLogger(__name__)


class Keeps(Protocol):
    """The part of a store that runs are written to."""

    async def begin(self, row: RunRow) -> None: ...
    async def checkpoint(self, result: Result, distributions: Sequence[StageDistributions], state: State) -> None: ...
    async def finish(self, result: Result, distributions: Sequence[StageDistributions]) -> None: ...
    async def fail(self, run_id: str, finished: float, reason: str) -> None: ...


class Nowhere:
    """Keeps nothing."""

    async def begin(self, row: RunRow) -> None: ...
    async def checkpoint(self, result: Result, distributions: Sequence[StageDistributions], state: State) -> None: ...
    async def finish(self, result: Result, distributions: Sequence[StageDistributions]) -> None: ...
    async def fail(self, run_id: str, finished: float, reason: str) -> None: ...


class Watcher(Listener, Witness, Protocol):
    """Listens to a run and is its witness."""


@dataclass(frozen=True, slots=True)
class Commission:
    """A run that is wanted, and what is known of it besides what it is to do."""

    spec: Spec
    scenario: Scenario
    labels: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over, and where its files are (None: nowhere)."""

    result: Result
    path: Path | None

    @property
    def lost(self) -> bool:
        """Whether its result should be there and is not: a full disk, say."""
        return self.path is not None and not (self.path / RESULT).exists()


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A run that is being carried out."""

    row: RunRow
    run: Run


class Conductor:
    """Owns what outlives runs: metrics, outlets, GPUs, load processes, budgets, ceilings. The store is handed in."""

    def __init__(
        self,
        settings: Settings,
        command: Sequence[str],
        registry: Registry,
        store: Keeps | None = None,
        *,
        record: bool,
    ) -> None:
        """`record`: whether runs get a directory; where there is a `store`, one that cannot be had is no reason not to
        run. ValueError or OSError say what of the settings cannot be used."""
        self.under_way: dict[str, UnderWay] = {}
        """By run id."""
        self.registry = registry
        self.budgets = Budgets(registry)
        self.requests = RequestMetrics(registry, WallClock())
        self.ceilings = Ceilings()
        registry.gauge(names.BUILD_INFO).labels(swelld.__version__, platform.python_version()).set(1)
        self._settings = settings
        self._command = command
        self._record = record
        self._store: Keeps = store or Nowhere()
        self._stored = store is not None
        self._latest = LatestRuns(registry)
        self._instrument = Instrument(registry)
        self._company = Company()
        self._fleet = Fleet(settings.shards)
        self._outlets = Outlets(settings.exporters, registry)
        self._gpus = Gpus(settings.exporters.nvml, registry)
        self._pushes = Pushes(settings.exporters.pushgateway, registry)

    def open(self) -> None:
        """Begin to read GPUs and to push."""
        self._gpus.start()
        self._pushes.start()

    async def aclose(self) -> None:
        """Once no run is under way: export, push, and leave nothing behind."""
        async with AsyncExitStack() as stack:  # the last one first, and every one of them
            for close in (self._fleet.aclose, self._gpus.aclose, self._pushes.aclose, self._outlets.aclose):
                stack.push_async_callback(close)

    async def break_off(self) -> None:
        """End the load processes under whatever runs have not ended by themselves: those fail with what they have."""
        await self._fleet.aclose()

    def silences(self) -> dict[int, float]:
        """Seconds since each load process has said anything, where it should have."""
        return self._fleet.silences()

    def declare(self, settings: Settings, name: str) -> None:
        """Every series of a scenario that can be foreseen, before anything has happened."""
        show_state(self.registry, name, None)
        spec = specify(settings, name)
        listener = MetricsListener(self.registry, self.requests)
        for stage in spec.stages(1):
            listener.declare(spec, stage)

    async def carry_out(
        self,
        wanted: Commission,
        begun: Callable[[Run], None] = lambda _: None,
        listeners: Sequence[Listener] = (),
    ) -> Finished:
        """One run from its beginning to its result, which is kept and told everywhere; `begun` gets it to hold.

        RunFailed, ValueError or OSError where nothing can be reported. The store knows of that run all the same, and
        why.
        """
        row = row_of(wanted)
        await self._store.begin(row)
        try:
            self.ceilings.admit(wanted.spec, apart=wanted.scenario.shards is not None)
            async with calibrated(wanted.spec, wanted.scenario.calibration) as spec:
                return await self._execute(replace(wanted, spec=spec), row, begun, listeners)
        except BaseException as error:
            why = (str(error) or type(error).__name__) if isinstance(error, Exception) else "it was broken off"
            await self._store.fail(row.id, time.time(), why)
            raise
        finally:
            self.ceilings.release(wanted.spec.id)

    async def _execute(
        self, wanted: Commission, row: RunRow, begun: Callable[[Run], None], listeners: Sequence[Listener]
    ) -> Finished:
        spec, scenario = wanted.spec, wanted.scenario

        def throttle(reason: str, factor: float, target: int | None = None) -> None:
            run.throttle(reason, factor, target)

        metrics = MetricsListener(self.registry, self.requests, lambda: run.state, self._instrument, lambda: run.held)
        recording = self._recording(spec)
        witnesses = self._witnesses(spec, scenario, throttle)
        heard: list[Listener] = [metrics, *witnesses, *([recording] if recording else []), *listeners]
        crew = self._fleet.crew(spec.plan, scenario.shards)
        run = Run(spec, crew, heard, witnesses, self.ceilings, apart=scenario.shards is not None)
        self.under_way[spec.id] = UnderWay(row, run)
        show_state(self.registry, spec.scenario, run.state)
        log.info("run %s of scenario %s begins", spec.id, spec.scenario)
        begun(run)
        writing = asyncio.create_task(self._write_checkpoints(run))
        try:
            result = contended(await run.execute())
        finally:
            writing.cancel()
            del self.under_way[spec.id]
            metrics.run_ends(spec)
            show_state(self.registry, spec.scenario, run.state)
            if recording:
                recording.close()
        await self._conclude(run, result, recording)
        return Finished(result, recording.path if recording else None)

    async def _conclude(self, run: Run, result: Result, recording: Recording | None) -> None:
        log.info("run %s of scenario %s is %s", result.run.id, result.run.scenario, result.run.state)
        if recording:
            recording.finish(result)
        await self._store.finish(result, _distributions(run))
        self._latest.add(result, config_hash(result.run.config))
        self._pushes.run_over()

    def _witnesses(self, spec: Spec, scenario: Scenario, throttle: Hold) -> list[Watcher]:
        courtesy = Courtesy(scenario.yielding, spec, throttle, self.registry) if scenario.yielding else None
        servers = watched(spec, self.registry, self._company, courtesy.look if courtesy else None)
        spending = Spending(self.budgets, spec, throttle)
        return [
            *servers,
            *self._gpus.recorders(),
            *self._outlets.feeds(spec),
            *([courtesy] if courtesy else []),
            spending,
        ]

    def _recording(self, spec: Spec) -> Recording | None:
        files = self._settings.exporters.files
        if not self._record or (spec.endless and not files.rotation):
            return None
        try:
            return Recording(self._settings.store.dir, spec, self._command, files, stored=self._stored)
        except (StoreError, OSError) as error:
            if not self._stored:
                raise
            log.error("the requests of run %s are not recorded: %s", spec.id, error)
            return None

    def annotate(self, run_id: str, note: str | None, labels: Mapping[str, str | None]) -> None:
        """What a run under way is to say of itself, as for the store; of no effect for any other."""
        if (known := self.under_way.get(run_id)) is None:
            return
        kept = {name: value for name, value in {**known.row.labels, **labels}.items() if value is not None}
        row = msgspec.structs.replace(known.row, note=known.row.note if note is None else note, labels=kept)
        self.under_way[run_id] = replace(known, row=row)

    async def _write_checkpoints(self, run: Run) -> None:
        while True:
            await asyncio.sleep(self._settings.store.checkpoint)
            if run.state in ("running", "draining"):
                await self._store.checkpoint(run.so_far(), _distributions(run), run.state)


def row_of(wanted: Commission) -> RunRow:
    """What is known of a run when it begins."""
    plan = wanted.spec.plan
    return RunRow(
        id=wanted.spec.id,
        scenario=wanted.spec.scenario,
        started=time.time(),
        seed=plan.seed,
        config=wanted.spec.config,
        targets=tuple(TargetRow(name, target.model) for name, target in zip(plan.names, plan.targets, strict=True)),
        labels=wanted.labels,
        note=wanted.note,
    )


def _distributions(run: Run) -> list[StageDistributions]:
    return [StageDistributions(*one) for one in run.distributions()]
