"""The scenarios of a daemon: each with its keeper and its runs, taken up, changed and let go while others go on."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from swelld.app.conductor import Commission, Conductor
from swelld.app.reload import Changes
from swelld.app.spec import new_id, specify
from swelld.hub.run import Run
from swelld.hub.spec import RunFailed
from swelld.result import Result
from swelld.schedule.clock import Clock, SystemClock
from swelld.schedule.keeper import Asked, Keeper
from swelld.schedule.memory import Memory
from swelld.schedule.metrics import ScheduleMetrics
from swelld.schedule.timing import Cause
from swelld.settings import Settings
from swelld_exporters.prometheus.runs import show_state

log = logging.getLogger(__name__)

PAUSED = "paused"
"""The reason for which a paused scenario's run sends nothing."""


@dataclass(frozen=True, slots=True)
class Request:
    """A run of a scenario that somebody asks for."""

    labels: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    id: str = field(default_factory=new_id)


class Scene:
    """One scenario: what it is by now, and its run under way."""

    def __init__(self, name: str, settings: Settings, conductor: Conductor, finished: Callable[[Result], None]) -> None:
        self.name = name
        self.settings = settings
        self.run: Run | None = None
        self.trouble: str | None = None
        """Why its latest run could not be carried out."""
        self.waiting: deque[Request] = deque()
        """Asked for, and not begun."""
        self._conductor = conductor
        self._finished = finished

    async def start(self, cause: Cause) -> bool:
        """One run; whether any answer was good."""
        request = self.waiting.popleft() if cause is Cause.ASKED and self.waiting else Request()
        try:
            spec = replace(specify(self.settings, self.name), id=request.id)
            wanted = Commission(spec, self.settings.scenarios[self.name], request.labels, request.note)
            result = (await self._conductor.carry_out(wanted, self._begun)).result
        except (RunFailed, ValueError, OSError) as error:
            self.trouble = str(error)
            log.error("scenario %s cannot be run: %s", self.name, error)
            show_state(self._conductor.registry, self.name, "failed")
            return False
        finally:
            self.run = None
        self.trouble = None
        self._finished(result)
        return any(stage.requests.ok for stage in result.stages)

    def stop(self) -> None:
        """Drain the run under way."""
        if self.run is not None:
            self.run.stop()

    def hold(self, *, paused: bool) -> None:
        """Send nothing while paused."""
        if self.run is not None:
            self.run.throttle(PAUSED, 0.0 if paused else 1.0)

    def _begun(self, run: Run) -> None:
        self.run = run


class Scenes:
    """All of them. Whatever happens to one leaves the others alone."""

    def __init__(
        self,
        conductor: Conductor,
        memory: Path,
        instance: str,
        finished: Callable[[Result], None] = lambda _: None,
        clock: Clock | None = None,
    ) -> None:
        self._conductor = conductor
        self._memory = Memory(memory)
        self._metrics = ScheduleMetrics(conductor.registry)
        self._instance = instance
        self._finished = finished
        self._clock = clock or SystemClock()
        self._scenes: dict[str, tuple[Scene, Keeper]] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._writing: asyncio.Task[None] | None = None
        self._settings: Settings | None = None
        self._known: Container[str] = ()
        self._closing = False

    def open(self, settings: Settings, known: Collection[str]) -> None:
        """Arm every scenario; `known` as for `take_up`."""
        self._known = known
        self._memory.load(known)
        self._writing = asyncio.create_task(self._memory.keep_written())
        self._settings = settings
        for name in settings.scenarios:
            self._arm(name, start=True)

    async def aclose(self) -> None:
        """Begin nothing more, drain what is under way, and keep what the schedules remember."""
        self._closing = True
        await asyncio.gather(*(keeper.close() for _, keeper in self._scenes.values()), *self._leaving.values())
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._memory.write()

    def take_up(self, settings: Settings, changes: Changes, known: Container[str]) -> None:
        """Another configuration: scenarios that it does not touch go on, the others are drained first.

        `known`: names of scenarios that may come back, as those do whose targets are away for a while.
        """
        self._known = known
        self._settings = settings
        for name in (*changes.removed, *changes.changed):
            if name in self._scenes:  # else it is being drained already, and what follows is looked up when it is
                self._leaving[name] = asyncio.create_task(self._drain(name, *self._scenes.pop(name)))
        for name in changes.added:
            if name not in self._leaving:
                self._arm(name, start=True)

    def force(self) -> None:
        """Cut off every run."""
        for under_way in [*self._conductor.under_way.values()]:
            under_way.run.stop(force=True)

    def __contains__(self, name: str) -> bool:
        return name in self._scenes

    def scene(self, name: str) -> Scene:
        """KeyError if there is none."""
        return self._scenes[name][0]

    def keeper(self, name: str) -> Keeper:
        """KeyError if there is none."""
        return self._scenes[name][1]

    def ask(self, name: str, request: Request) -> Asked:
        """Begin a run now, or as soon as the scenario's `overlap` lets it."""
        scene, keeper = self._scenes[name]
        scene.waiting.append(request)
        found = keeper.fire_now()
        if found == "skipped":
            scene.waiting.pop()
        return found

    def pause(self, name: str) -> None:
        """Nothing begins by itself, and nothing is sent by the run under way."""
        scene, keeper = self._scenes[name]
        keeper.pause()
        scene.waiting.clear()
        scene.hold(paused=True)

    def resume(self, name: str) -> None:
        """The opposite."""
        scene, keeper = self._scenes[name]
        scene.hold(paused=False)
        keeper.resume()

    def stalled(self, now: float, late: float) -> list[str]:
        """Scenarios whose run should have begun more than `late` seconds before the wall time `now`."""
        return [
            name
            for name, (_, keeper) in self._scenes.items()
            if not keeper.running and keeper.next_fire is not None and keeper.next_fire < now - late
        ]

    def _arm(self, name: str, *, start: bool) -> None:
        assert self._settings is not None
        settings = self._settings
        scene = Scene(name, settings, self._conductor, self._finished)
        self._metrics.declare(name)
        self._conductor.declare(settings, name)
        keeper = Keeper(
            name,
            settings.scenarios[name].schedule,
            scene,
            self._clock,
            instance=self._instance,
            watch=self._metrics,
            remember=self._memory.remember,
            remembered=self._memory.of(name),
            start=start,
        )
        self._scenes[name] = scene, keeper
        keeper.open()

    async def _drain(self, name: str, scene: Scene, keeper: Keeper) -> None:
        """Let go of a scenario, and arm it anew if the configuration still has one of its name."""
        await keeper.close()
        self._conductor.requests.remove(scenario=name)
        for target in scene.settings.targets.keys() - (self._settings.targets.keys() if self._settings else ()):
            self._conductor.requests.remove(target=target)
        del self._leaving[name]
        if self._settings is not None and name in self._settings.scenarios and not self._closing:
            self._arm(name, start=False)
        elif name not in self._known:
            self._memory.forget(name)
