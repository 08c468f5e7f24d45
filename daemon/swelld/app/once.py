"""Carrying out scenarios one after another, watched, interruptible, and kept."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from swelld.app.calibration import calibrated
from swelld.app.exporting import Outlets
from swelld.app.gpu import Gpus
from swelld.app.push import Figures
from swelld.app.recording import Recording
from swelld.app.signals import stopping
from swelld.app.spec import specify
from swelld.engine.launch import crew
from swelld.hub.gpu import GpuRecorder
from swelld.hub.outlets import OutletFeed
from swelld.hub.run import Run
from swelld.hub.servers import watched
from swelld.hub.spec import Listener, Spec
from swelld.result import Progress, Result
from swelld.settings import Settings
from swelld_exporters.prometheus.registry import Registry

LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over, and where it was kept (None: nowhere)."""

    result: Result
    path: Path | None


async def carry_out(
    settings: Settings,
    spec: Spec,
    watch: Callable[[Progress], None],
    command: Sequence[str],
    listeners: Sequence[Listener] = (),
    gpus: Sequence[GpuRecorder] = (),
    feeds: Sequence[OutletFeed] = (),
    figures: Figures | None = None,
) -> Finished:
    """One run from start to result. SIGINT or SIGTERM drains it, a second one forces it; it reports all the same."""
    files = settings.exporters.files
    recording = Recording(settings.store.dir, spec, command, files) if files.enabled is not False else None
    servers = watched(spec, figures.registry if figures else None)
    metrics = figures.listeners(lambda: run.state) if figures else []
    heard = [*listeners, *metrics, *servers, *gpus, *feeds, *([recording] if recording else [])]
    run = Run(spec, crew(spec.plan, settings.shards), heard, [*servers, *gpus, *feeds])
    watching = asyncio.create_task(_look(run, watch))
    try:
        with stopping(lambda force: run.stop(force=force)):
            result = await run.execute()
        watch(run.progress())
        if recording:
            recording.finish(result)
        if figures:
            figures.add(spec, metrics, result)
    finally:
        watching.cancel()
        if recording:
            recording.close()
    return Finished(result, recording.path if recording else None)


async def run_scenarios(
    settings: Settings,
    names: Sequence[str],
    watch: Callable[[Progress], None],
    command: Sequence[str],
    percentiles: Sequence[float] = (),
) -> list[Finished]:
    """Scenarios one after another; the first that is stopped is the last that runs."""
    finished: list[Finished] = []
    registry = Registry()
    figures = Figures(settings.exporters.pushgateway, registry)
    gpus = Gpus(settings.exporters.nvml, registry)
    outlets = Outlets(settings.exporters, registry)
    gpus.start()
    figures.start()
    try:
        for name in names:
            async with calibrated(specify(settings, name, percentiles), settings.scenarios[name].calibration) as spec:
                beside = (gpus.recorders(), outlets.feeds(spec), figures)
                finished.append(await carry_out(settings, spec, watch, command, (), *beside))
            if finished[-1].result.run.state == "cancelled":
                break
    finally:
        await outlets.aclose()
        await figures.aclose()
        await gpus.aclose()
    return finished


async def _look(run: Run, watch: Callable[[Progress], None]) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if run.state != "pending":
            watch(run.progress())
