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
        self.troubled: str | None = None
        """The id of that run."""
        self.waiting: deque[Request] = deque()
        """Asked for, and not begun."""
        self._conductor = conductor
        self._finished = finished
        self._stopped: bool | None = None
        """Whether the run is to end before it is there; True: by force."""
        self._held = False
        """Whether it is to send nothing."""

    async def start(self, cause: Cause) -> bool:
        """One run; whether any answer was good."""
        request = self.waiting.popleft() if cause is Cause.ASKED and self.waiting else Request()
        try:
            spec = replace(specify(self.settings, self.name), id=request.id)
            wanted = Commission(spec, self.settings.scenarios[self.name], request.labels, request.note)
            result = (await self._conductor.carry_out(wanted, self._begun)).result
        except Exception as error:  # whatever it is, the schedule goes on
            foreseen = isinstance(error, (RunFailed, ValueError, OSError))
            self.trouble, self.troubled = str(error) or type(error).__name__, request.id
            log.error("scenario %s cannot be run: %s", self.name, self.trouble, exc_info=None if foreseen else error)
            show_state(self._conductor.registry, self.name, "failed")
            return False
        finally:
            self.run, self._stopped, self._held = None, None, False
        self.trouble = self.troubled = None
        self._finished(result)
        return any(stage.requests.ok for stage in result.stages)

    def stop(self, *, force: bool = False) -> None:
        """Drain the run under way, or cut it off; one that is about to begin ends at once."""
        if self.run is not None:
            self.run.stop(force=force)
        else:
            self._stopped = force or bool(self._stopped)

    def hold(self, *, paused: bool) -> None:
        """Let the run send nothing while paused."""
        self._held = paused
        if self.run is not None:
            self.run.throttle(PAUSED, 0.0 if paused else 1.0)

    def _begun(self, run: Run) -> None:
        self.run = run
        if self._stopped is not None:
            run.stop(force=self._stopped)
        if self._held:
            run.throttle(PAUSED, 0.0)


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
        self._returning: set[str] = set()
        """Scenarios that were removed and are there again before they have been drained."""
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
        closing = (keeper.close() for _, keeper in self._scenes.values())
        for error in await asyncio.gather(*closing, *self._leaving.values(), return_exceptions=True):
            if error is not None:
                log.error("a scenario did not end as it should: %s", error, exc_info=error)
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            self._memory.write()

    def take_up(self, settings: Settings, changes: Changes, known: Container[str]) -> None:
        """Another configuration: scenarios that it does not touch go on, the others are drained first.

        `known`: names of scenarios that may come back, as those do whose targets are away for a while.
        """
        if self._closing:
            return
        self._known = known
        self._settings = settings
        self._returning -= {*changes.removed}
        for name in (*changes.removed, *changes.changed):
            if name in self._scenes:  # else it is being drained already, and what follows is looked up when it is
                self._leaving[name] = asyncio.create_task(self._drain(name, *self._scenes.pop(name)))
        for name in changes.added:
            if name in self._leaving:
                self._returning.add(name)
            else:
                self._arm(name, start=True)

    def force(self) -> None:
        """Cut off every run."""
        for scene, keeper in self._scenes.values():
            if keeper.running:  # also what is about to begin
                scene.stop(force=True)
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
        self.withdraw(name)
        keeper.pause()
        if keeper.running:
            scene.hold(paused=True)

    def waiting(self, run_id: str) -> tuple[str, Request] | None:
        """The scenario and the request of a run that has been asked for and has not begun."""
        for name, (scene, _) in self._scenes.items():
            for request in scene.waiting:
                if request.id == run_id:
                    return name, request
        return None

    def withdraw(self, name: str) -> bool:
        """Forget the run that was asked for and waits for the one under way; whether there was one."""
        scene, keeper = self._scenes[name]
        if not keeper.withdraw():
            return False
        scene.waiting.pop()
        return True

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
            self._arm(name, start=name in self._returning)
            self._returning.discard(name)
        elif name not in self._known:
            self._memory.forget(name)
