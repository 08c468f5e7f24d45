"""The daemon as the API sees and steers it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

import swelld
from swelld.api.control import (
    Annotation,
    Change,
    Conflict,
    Inline,
    NotFound,
    Refused,
    RunDetail,
    ScenarioInfo,
    Start,
    Status,
    TargetInfo,
    Unavailable,
)
from swelld.app.conductor import Commission, UnderWay, row_of
from swelld.app.scenes import Request
from swelld.app.spec import specify
from swelld.result import Progress
from swelld.settings import ConfigError, redacted
from swelld.store.base import Filter, Listing, Page, RunRow, RunSummary, State
from swelld.store.files import StoreError
from swelld.store.metadata import config_hash

if TYPE_CHECKING:
    from swelld.app.daemon import Daemon

log = logging.getLogger(__name__)

T = TypeVar("T")

BEGIN_SECONDS: Final = 5.0
"""How long a request to start waits for its run to be there; then it is pending."""


class Steering:
    """Implements `swelld.api.control.Control`."""

    def __init__(self, daemon: "Daemon") -> None:
        self._daemon = daemon

    # --- looking

    def healthy(self) -> list[str]:
        return self._daemon.complaints()

    def ready(self) -> bool:
        return self._daemon.ready

    def status(self) -> Status:
        daemon = self._daemon
        return Status(
            version=swelld.__version__,
            instance=daemon.store.instance,
            started=daemon.started,
            ready=daemon.ready,
            complaints=daemon.complaints(),
            runs_under_way=len(daemon.conductor.under_way),
            config_hash=config_hash(self.config()),
            reloaded=daemon.standing.reloaded,
            reload_errors=daemon.reload_errors,
        )

    def config(self) -> dict[str, Any]:
        return redacted(self._daemon.settings)

    def targets(self) -> list[TargetInfo]:
        return [TargetInfo(name=name, config=config) for name, config in self.config()["targets"].items()]

    def scenarios(self) -> list[ScenarioInfo]:
        configs = self.config()["scenarios"]
        return [self._scenario(name, config) for name, config in configs.items() if name in self._daemon.scenes]

    def progress(self, run_id: str) -> Progress | None:
        found = self._daemon.conductor.under_way.get(run_id)
        return found.run.progress() if found else None

    def _scenario(self, name: str, config: Mapping[str, Any] | None = None) -> ScenarioInfo:
        scene, keeper = self._daemon.scenes.scene(name), self._daemon.scenes.keeper(name)
        run = scene.run
        idle = "paused" if keeper.paused else "failed" if scene.trouble else "idle"
        return ScenarioInfo(
            name=name,
            state=run.state if run else idle,
            paused=keeper.paused,
            trouble=scene.trouble,
            run_id=run.spec.id if run else None,
            next_run=keeper.next_fire,
            progress=run.progress() if run else None,
            config=dict(config or self.config()["scenarios"][name]),
        )

    # --- scenarios

    async def start(self, wanted: Start) -> RunSummary:
        if not self._daemon.ready:
            raise Unavailable("the daemon is not ready, or is stopping: try again when /-/ready says so")
        if isinstance(wanted.scenario, Inline):
            return await self._start_inline(wanted.scenario, wanted)
        self._known(wanted.scenario)
        request = Request(wanted.labels, wanted.note)
        try:
            specify(self._daemon.settings, wanted.scenario)
        except ValueError as error:
            raise Refused(str(error)) from None
        if self._daemon.scenes.ask(wanted.scenario, request) == "skipped":
            raise Conflict(
                f"a run of {wanted.scenario} is under way: cancel it, or let its schedule say `overlap: queue`"
            )
        return await self._begun(request, wanted.scenario)

    async def _start_inline(self, inline: Inline, wanted: Start) -> RunSummary:
        run_id = await self._daemon.guests.start(self._daemon.settings, inline, wanted)
        under_way = self._daemon.conductor.under_way.get(run_id)
        return self._summary(under_way) if under_way else (await self.run(run_id)).run

    async def pause(self, scenario: str) -> ScenarioInfo:
        self._known(scenario)
        self._daemon.scenes.pause(scenario)
        return self._scenario(scenario)

    async def resume(self, scenario: str) -> ScenarioInfo:
        self._known(scenario)
        self._daemon.scenes.resume(scenario)
        return self._scenario(scenario)

    def _known(self, scenario: str) -> None:
        if scenario in self._daemon.scenes:
            return
        if scenario in self._daemon.settings.scenarios:
            raise Unavailable(f"the scenario {scenario} has been changed and is being drained: try again in a moment")
        raise NotFound(f"there is no scenario {scenario!r}: GET /api/v1/scenarios lists them")

    async def _begun(self, request: Request, scenario: str) -> RunSummary:
        """How it stands a moment later."""
        daemon = self._daemon
        deadline = asyncio.get_running_loop().time() + BEGIN_SECONDS
        while True:
            under_way = daemon.conductor.under_way.get(request.id)
            if under_way is not None:
                return self._summary(under_way)
            if scenario not in daemon.scenes:
                raise Conflict(f"the scenario {scenario} was changed or removed before its run began")
            scene = daemon.scenes.scene(scenario)
            if scene.troubled == request.id:
                raise Refused(scene.trouble or "")
            if asyncio.get_running_loop().time() > deadline:
                return self._pending(request, scenario)
            await asyncio.sleep(0.02)

    def _pending(self, request: Request, scenario: str) -> RunSummary:
        """A run that is asked for, and is not there yet."""
        settings = self._daemon.scenes.scene(scenario).settings
        spec = replace(specify(settings, scenario), id=request.id)
        commission = Commission(spec, settings.scenarios[scenario], request.labels, request.note)
        return self._brief(row_of(commission), "pending", 0.0)

    # --- runs

    async def change(self, run_id: str, change: Change) -> RunSummary:
        under_way = await self._under_way(run_id)
        try:
            under_way.run.change(change.rate, change.concurrency, change.scale)
        except ValueError as error:
            raise Refused(str(error)) from None
        return self._summary(under_way)

    async def cancel(self, run_id: str, *, force: bool) -> RunSummary:
        scenes = self._daemon.scenes
        if (waiting := scenes.waiting(run_id)) is not None and scenes.withdraw(waiting[0]):
            return msgspec.structs.replace(self._pending(waiting[1], waiting[0]), state="cancelled")
        under_way = await self._under_way(run_id)
        under_way.run.stop(force=force)
        return self._summary(under_way)

    async def _under_way(self, run_id: str) -> UnderWay:
        found = self._daemon.conductor.under_way.get(run_id)
        if found is None:
            summary = await self._stored(lambda: self._daemon.store.summary(run_id))
            if summary is None:
                raise NotFound(f"there is no run {run_id!r}: GET /api/v1/runs lists them")
            raise Conflict(f"the run {run_id} is over ({summary.state})")
        return found

    async def runs(self, wanted: Filter, page: Page) -> Listing:
        try:
            found = await self._stored(lambda: self._daemon.store.list(wanted, page))
        except ValueError as error:
            raise Refused(str(error)) from None
        return replace(found, runs=tuple(self._up_to_date(run) for run in found.runs))

    def _up_to_date(self, run: RunSummary) -> RunSummary:
        """The store may be some seconds behind."""
        under_way = self._daemon.conductor.under_way.get(run.id)
        return msgspec.structs.replace(run, state=under_way.run.state) if under_way else run

    async def run(self, run_id: str) -> RunDetail:
        under_way = self._daemon.conductor.under_way.get(run_id)
        if under_way is not None:
            run = under_way.run
            return RunDetail(run=self._summary(under_way), progress=run.progress(), result=run.so_far())
        if (waiting := self._daemon.scenes.waiting(run_id)) is not None:
            return RunDetail(run=self._pending(waiting[1], waiting[0]))
        summary = await self._stored(lambda: self._daemon.store.summary(run_id))
        if summary is None:
            raise NotFound(f"there is no run {run_id!r}: GET /api/v1/runs lists them")
        return RunDetail(run=summary, result=await self._stored(lambda: self._daemon.store.get(run_id)))

    async def annotate(self, run_id: str, annotation: Annotation) -> RunSummary:
        store = self._daemon.store
        if not await self._stored(lambda: store.annotate(run_id, annotation.note, annotation.labels)):
            raise NotFound(f"there is no run {run_id!r}: GET /api/v1/runs lists them")
        self._daemon.conductor.annotate(run_id, annotation.note, annotation.labels or {})
        return (await self.run(run_id)).run

    async def delete(self, run_id: str) -> None:
        if run_id in self._daemon.conductor.under_way:
            raise Conflict(f"the run {run_id} is under way: cancel it first")
        if not await self._stored(lambda: self._daemon.store.delete(run_id)):
            raise NotFound(f"there is no run {run_id!r}: GET /api/v1/runs lists them")

    async def reload(self) -> None:
        if not self._daemon.ready:
            raise Unavailable("the daemon is not ready, or is stopping: it reads its configuration when it starts")
        try:
            self._daemon.reload()
        except (ConfigError, ValueError, OSError) as error:
            raise Refused("the configuration is not taken over", self._daemon.reload_errors) from error

    async def _stored(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask()
        except StoreError as error:
            raise Unavailable(f"the store of runs cannot be reached: {error}") from None

    def _summary(self, under_way: UnderWay) -> RunSummary:
        progress = under_way.run.progress()
        return self._brief(under_way.row, under_way.run.state, progress.elapsed)

    def _brief(self, row: RunRow, state: State, duration: float) -> RunSummary:
        """A run that has no figures yet."""
        return RunSummary(
            id=row.id,
            scenario=row.scenario,
            state=state,
            started=row.started,
            finished=None,
            duration=duration,
            instance=self._daemon.store.instance,
            seed=row.seed,
            version=row.version,
            config_hash=config_hash(row.config),
            note=row.note,
            labels=dict(row.labels),
            targets=row.targets,
            verdict=None,
            stages=0,
            requests=None,
            ok=None,
            failed=None,
            dropped=None,
            request_rate=None,
            output_token_rate=None,
            ttft_p95=None,
            e2e_p95=None,
            goodput_ratio=None,
            valid=None,
        )
