"""The long-running daemon: scenarios at their schedule, metrics and status over HTTP."""

import asyncio
import logging
import platform
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

import swelld
from swelld.api import server
from swelld.app.calibration import calibrated
from swelld.app.exporting import Outlets
from swelld.app.gpu import Gpus
from swelld.app.push import Pushes
from swelld.app.recording import Recording
from swelld.app.spec import specify
from swelld.clock import WallClock
from swelld.engine.launch import crew
from swelld.hub.metrics import MetricsListener
from swelld.hub.run import Run
from swelld.hub.servers import Company, watched
from swelld.hub.spec import Listener, RunFailed, Spec
from swelld.result import Progress, Result
from swelld.settings import Settings, redacted
from swelld.store.metadata import config_hash
from swelld_exporters import names
from swelld_exporters.prometheus.exposition import Exposition
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import RequestMetrics
from swelld_exporters.prometheus.runs import LatestRuns, show_state

log = logging.getLogger(__name__)

REMEMBERED: Final = 50
"""Runs that are kept in memory for the API and, in figures, on /metrics."""
RETRY_SECONDS: Final = 10.0
"""Between a run that could not be carried out and the next try of a continuous scenario."""


class Daemon:
    """Runs every scenario of its settings; what it knows is its view for the API."""

    def __init__(
        self, settings: Settings, command: Sequence[str], finished: Callable[[Result], None] = lambda _: None
    ) -> None:
        self.settings = settings
        self._command = command
        self._tell = finished
        self._registry = Registry()
        self._requests = RequestMetrics(self._registry, WallClock())
        self._latest = LatestRuns(self._registry, REMEMBERED)
        self._redacted = redacted(settings)
        self._company = Company()
        self._outlets = Outlets(settings.exporters, self._registry)
        self._gpus = Gpus(settings.exporters.nvml, self._registry)
        self._pushes = Pushes(settings.exporters.pushgateway, self._registry)
        self._current: dict[str, Run] = {}
        self.failed: set[str] = set()
        """Scenarios that could not be run."""
        self._results: deque[Result] = deque(maxlen=REMEMBERED)
        self._stopping = asyncio.Event()
        self._armed = False

    async def serve(self, ready: Callable[[str], None]) -> None:
        """Until stopped. `ready` is told the URL once the server listens and the scenarios are armed."""
        self._declare()
        listen = self.settings.web.listen
        host = listen.host or "0.0.0.0"  # noqa: S104 - an empty host asks for it
        web = await server.start(self, Exposition(self._registry), host=host, port=listen.port)
        self._gpus.start()
        self._pushes.start()
        try:
            scheduled = [
                asyncio.create_task(self._keep(name, continuous=scenario.schedule == "continuous"))
                for name, scenario in self.settings.scenarios.items()
                if scenario.schedule != "manual"
            ]
            self._armed = True
            log.info("listening on %s", web.url)
            ready(web.url)
            await self._stopping.wait()
            await asyncio.gather(*scheduled)
        finally:
            await self._outlets.aclose()
            await self._pushes.aclose()
            await self._gpus.aclose()
            await web.aclose()

    def _declare(self) -> None:
        """Every series that the configuration lets one foresee, before anything has happened."""
        self._registry.gauge(names.BUILD_INFO).labels(swelld.__version__, platform.python_version()).set(1)
        self._registry.gauge(names.CONFIG_INFO).labels(config_hash(self._redacted)).set(1)
        self._registry.gauge(names.CONFIG_RELOAD_OK).labels().set(1)
        self._registry.gauge(names.CONFIG_RELOAD_TIME).labels().set(time.time())
        for name in self.settings.scenarios:
            show_state(self._registry, name, None)
            spec = specify(self.settings, name)
            listener = MetricsListener(self._registry, self._requests)
            for stage in spec.stages(1):
                listener.declare(spec, stage)

    def stop(self, *, force: bool = False) -> None:
        """Drain every run and end; with `force` cancel what is under way."""
        self._stopping.set()
        for run in self._current.values():
            run.stop(force=force)

    def progress(self, scenario: str) -> Progress | None:
        """Of the scenario's run that is under way."""
        run = self._current.get(scenario)
        return run.progress() if run else None

    async def _keep(self, name: str, *, continuous: bool) -> None:
        """One scenario's life: it may fail alone, and never ends the daemon."""
        while not self._stopping.is_set():
            try:
                good = await self._carry_out(name)
                if continuous and not good:  # a dead server is not asked again and again without a break
                    await self._pause(RETRY_SECONDS)
            except Exception as error:  # whatever it is, the other scenarios go on
                ours = not isinstance(error, (RunFailed, ValueError, OSError))
                log.error("scenario %s cannot be run: %s", name, error, exc_info=ours)
                self._state(name, "failed")
                self.failed.add(name)
                await self._pause(RETRY_SECONDS)
            if not continuous:
                return

    async def _carry_out(self, name: str) -> bool:
        """One run; whether any answer was good."""
        async with calibrated(specify(self.settings, name), self.settings.scenarios[name].calibration) as spec:
            if not self._stopping.is_set():  # it may have been, while the simulator started
                return await self._execute(spec)
        return False

    async def _execute(self, spec: Spec) -> bool:
        settings, name = self.settings, spec.scenario
        listener = MetricsListener(self._registry, self._requests, lambda: run.state)
        files = settings.exporters.files
        recording = None
        if files.enabled and (files.rotation or not spec.endless):
            recording = Recording(settings.store.dir, spec, self._command, files)
        servers = watched(spec, self._registry, self._company)
        gpus = self._gpus.recorders()
        feeds = self._outlets.feeds(spec)
        listeners: list[Listener] = [listener, *servers, *gpus, *feeds, *([recording] if recording else [])]
        run = Run(spec, crew(spec.plan, settings.shards), listeners, [*servers, *gpus, *feeds])
        self._current[name] = run
        self._state(name, run.state)
        log.info("run %s of scenario %s begins", spec.id, name)
        try:
            result = await run.execute()
        finally:
            del self._current[name]
            listener.run_ends(spec)
            if recording:
                recording.close()
        if recording:
            recording.finish(result)
        log.info("run %s of scenario %s is %s", spec.id, name, result.run.state)
        self._state(name, result.run.state)
        self._remember(result)
        self._pushes.run_over()
        self._tell(result)
        return any(stage.requests.ok for stage in result.stages)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def _state(self, scenario: str, state: str) -> None:
        show_state(self._registry, scenario, state)

    def _remember(self, result: Result) -> None:
        self._results.appendleft(result)
        self._latest.add(result, config_hash(result.run.config))

    # --- the view of the API

    def ready(self) -> bool:
        return self._armed and not self._stopping.is_set()

    def config(self) -> dict[str, Any]:
        return self._redacted

    def targets(self) -> list[dict[str, Any]]:
        return [{"name": name, **target} for name, target in self._redacted["targets"].items()]

    def scenarios(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "state": self._current[name].state if name in self._current else "idle",
                "progress": msgspec.to_builtins(self.progress(name)),
                **scenario,
            }
            for name, scenario in self._redacted["scenarios"].items()
        ]

    def runs(self) -> list[dict[str, Any]]:
        under_way = [msgspec.to_builtins(run.progress()) for run in self._current.values()]
        found = [{"id": p["run_id"], "scenario": p["scenario"], "state": p["state"], "progress": p} for p in under_way]
        for result in self._results:
            info = msgspec.to_builtins(result.run)
            del info["config"]
            found.append(info)
        return found

    def run(self, run_id: str) -> dict[str, Any] | None:
        for run in self._current.values():
            if run.spec.id == run_id:
                progress = msgspec.to_builtins(run.progress())
                return {"id": run_id, "scenario": run.spec.scenario, "state": run.state, "progress": progress}
        for result in self._results:
            if result.run.id == run_id:
                document: dict[str, Any] = msgspec.to_builtins(result)
                return document
        return None
