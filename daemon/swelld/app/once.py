"""Carrying out scenarios one after another, watched, interruptible, and kept."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from swelld.app.conductor import Commission, Conductor, Finished
from swelld.app.signals import stopping
from swelld.app.spec import specify
from swelld.discovery.watch import Watch
from swelld.hub.run import Run
from swelld.result import Progress
from swelld.settings import Settings
from swelld.settings.discovered import with_targets
from swelld_exporters.prometheus.registry import Registry

LOOK_SECONDS: Final = 0.2


async def run_scenarios(
    settings: Settings,
    names: Sequence[str],
    watch: Callable[[Progress], None],
    command: Sequence[str],
    percentiles: Sequence[float] = (),
) -> list[Finished]:
    """Scenarios one after another; the first that is stopped is the last that runs."""
    registry = Registry()
    settings = await _with_found(settings, registry)
    conductor = Conductor(settings, command, registry, record=settings.exporters.files.enabled is not False)
    conductor.open()
    finished: list[Finished] = []
    try:
        for name in names:
            if name not in settings.scenarios:
                raise ValueError(f"the scenario {name} has no target: discovery has found none for it")
            wanted = Commission(specify(settings, name, percentiles), settings.scenarios[name])
            finished.append(await carry_out(conductor, wanted, watch))
            if finished[-1].result.run.state == "cancelled":
                break
    finally:
        await conductor.aclose()
    return finished


async def carry_out(conductor: Conductor, wanted: Commission, watch: Callable[[Progress], None]) -> Finished:
    """One run from start to result. SIGINT or SIGTERM drains it, a second one forces it; it reports all the same."""
    runs: list[Run] = []
    watching: list[asyncio.Task[None]] = []
    stops: list[bool] = []

    def begun(run: Run) -> None:
        runs.append(run)
        watching.append(asyncio.create_task(_look(run, watch)))
        for force in stops:  # from before there was a run
            run.stop(force=force)

    def stop(force: bool) -> None:
        stops.append(force)
        for run in runs:
            run.stop(force=force)

    try:
        with stopping(stop):
            finished = await conductor.carry_out(wanted, begun)
        watch(runs[0].progress())
        return finished
    finally:
        for task in watching:
            task.cancel()


async def _with_found(settings: Settings, registry: Registry) -> Settings:
    """With the targets that one look finds."""
    if not settings.discovery:
        return settings
    discovery = Watch(registry, lambda _: None)
    found = await discovery.begin(settings.discovery, settings.targets)
    await discovery.aclose()
    return with_targets(settings, found)


async def _look(run: Run, watch: Callable[[Progress], None]) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if run.state != "pending":
            watch(run.progress())
