"""The keeper of one scenario: begins and ends its runs when their time has come, for months if need be."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal, Protocol

from swelld.schedule.clock import LOOK_SECONDS, Clock
from swelld.schedule.model import Schedule
from swelld.schedule.timing import Cause, Moments, Remembered, Spells, Timing

log = logging.getLogger(__name__)

Asked = Literal["begun", "queued", "skipped"]
"""What became of a run that somebody asked for."""


class Runs(Protocol):
    """The runs of one scenario, of which a keeper begins one at a time."""

    async def start(self, cause: Cause) -> bool:
        """One run, from its beginning to its end; whether any answer was good. Never cancelled by a keeper."""

    def stop(self) -> None:
        """Drain the run under way."""


class Watch(Protocol):
    """Is told what a keeper does."""

    def started(self, scenario: str, cause: Cause) -> None:
        """A run begins."""

    def missed(self, scenario: str, count: int) -> None:
        """Moments went by while nobody could notice."""

    def skipped(self, scenario: str) -> None:
        """A run fell due and was left out, because of another one."""

    def planned(self, scenario: str, next_fire: float | None, *, paused: bool) -> None:
        """What lies ahead has changed."""


class Nobody:
    """Watches nothing."""

    def started(self, scenario: str, cause: Cause) -> None: ...
    def missed(self, scenario: str, count: int) -> None: ...
    def skipped(self, scenario: str) -> None: ...
    def planned(self, scenario: str, next_fire: float | None, *, paused: bool) -> None: ...


def _forget(scenario: str, remembered: Remembered) -> None:
    """Where nothing is to survive a restart."""


_NOBODY: Final = Nobody()


class Keeper:
    """One scenario over time. `open` it, and `close` it in the end; everything else may be called in between.

    `remembered` is what an earlier keeper of the scenario left, of this process or of one before; `remember` is handed
    the same whenever it changes. `start` is whether a daemon's start is what this keeper begins with, which a reload
    is not. `instance` tells this daemon from others with the same scenarios: jitter follows from it.
    """

    def __init__(
        self,
        name: str,
        schedule: Schedule,
        runs: Runs,
        clock: Clock,
        *,
        instance: str = "",
        watch: Watch = _NOBODY,
        remember: Callable[[str, Remembered], None] = _forget,
        remembered: Remembered | None = None,
        start: bool = True,
    ) -> None:
        self.name = name
        self.schedule = schedule
        self.paused = remembered is not None and remembered.paused
        self.missed = 0
        """Moments that went by unnoticed, made up for or not."""
        self.skipped = 0
        """Runs that fell due and were left out because of another one."""
        self.last_fire: float | None = remembered.last_fire if remembered else None
        """When a run was last begun, whatever for."""
        self._runs = runs
        self._clock = clock
        self._watch = watch
        self._remember = remember
        self._print = schedule.model_dump_json()
        now = clock.now()
        known = remembered if remembered and remembered.schedule == self._print else None
        self._timing: Timing = (
            Spells(name, schedule, now, instance)
            if schedule.kind == "continuous"
            else Moments(name, schedule, now, instance, known, start=start)
        )
        self._running: asyncio.Task[None] | None = None
        self._waiting: Cause | None = None
        self._told: tuple[Remembered, float | None] | None = None
        self._woken = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self._closed = False

    # --- what it does

    def open(self) -> None:
        """Begin to keep; due from now on is what falls due."""
        self._life = asyncio.create_task(self._live(), name=f"keeper of {self.name}")

    async def close(self) -> None:
        """Begin nothing more, drain the run under way, and return when it has ended."""
        self._closed = True
        self._drop_waiting()
        self._woken.set()
        if self.running:
            self._runs.stop()
        await asyncio.gather(*(task for task in (self._life, self._running) if task))

    def pause(self) -> None:
        """Until resumed, nothing begins by itself; a continuous run is drained, any other goes on to its end."""
        if self.paused:
            return
        self.paused = True
        log.info("scenario %s is paused", self.name)
        self._drop_waiting()
        if self.running and self._timing.ends_runs:
            self._runs.stop()
        self._look()
        self._woken.set()

    def resume(self) -> None:
        """What fell due meanwhile is not made up for."""
        if not self.paused:
            return
        self._timing.rest(self._clock.now())
        self.paused = False
        log.info("scenario %s is resumed", self.name)
        self._look()
        self._woken.set()

    def fire_now(self) -> Asked:
        """Begin a run because somebody asks for it, paused or not, in a window or not; what is due stays due."""
        if self._closed:
            return "skipped"
        return self._fire(Cause.ASKED)

    def withdraw(self) -> bool:
        """Leave out the run that somebody has asked for and that waits for another one; whether there was one."""
        if self._waiting is not Cause.ASKED:
            return False
        self._drop_waiting()
        return True

    # --- what there is to know

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._running is not None and not self._running.done()

    @property
    def next_fire(self) -> float | None:
        """Unix seconds of the next run that begins by itself; None while paused, running without end, or never."""
        return None if self.paused or self._closed else self._timing.next_fire(self._clock.now())

    def snapshot(self) -> Remembered:
        """What survives a restart."""
        planned = None if self._timing.ends_runs else self._timing.next_fire(self._clock.now())
        return Remembered(schedule=self._print, paused=self.paused, next_fire=planned, last_fire=self.last_fire)

    # --- its life

    async def _live(self) -> None:
        while not self._closed:
            self._woken.clear()
            try:
                self._look()
                wake = self._timing.wake(self._clock.now())
            except Exception:  # one look that fails must not be the last one
                log.exception("the schedule of scenario %s cannot be looked at", self.name)
                wake = self._clock.now().wall + LOOK_SECONDS
            await self._clock.sleep_until(wake, self._woken)

    def _look(self) -> None:
        now = self._clock.now()
        if self.paused:
            self._timing.rest(now)
        else:
            due = self._timing.look(now, running=self.running)
            if due.missed:
                self._miss(due.missed)
            if due.stop and self.running:
                self._runs.stop()
            if due.cause:
                self._fire(due.cause)
        self._tell()

    def _fire(self, cause: Cause) -> Asked:
        if not self.running:
            self._begin(cause)
            return "begun"
        if self.schedule.overlap == "skip" or self._waiting is not None:
            self._skip()
            return "skipped"
        self._waiting = cause
        if self.schedule.overlap == "cancel":
            self._runs.stop()
        return "queued"

    def _begin(self, cause: Cause) -> None:
        self.last_fire = self._clock.now().wall
        self._watch.started(self.name, cause)
        self._running = asyncio.create_task(self._run(cause), name=f"run of {self.name}")
        self._tell()

    async def _run(self, cause: Cause) -> None:
        good = False
        try:
            good = await self._runs.start(cause)
        except Exception:  # whatever it is, the schedule goes on
            log.exception("scenario %s cannot be run", self.name)
        self._timing.ended(self._clock.now(), good=good)
        self._running = None
        waiting, self._waiting = self._waiting, None
        if waiting and not self._closed:
            self._begin(waiting)
        self._woken.set()

    def _miss(self, count: int) -> None:
        self.missed += count
        self._watch.missed(self.name, count)
        log.warning("scenario %s missed %d of its runs: the daemon or the machine was not awake", self.name, count)

    def _skip(self) -> None:
        self.skipped += 1
        self._watch.skipped(self.name)
        log.info("scenario %s leaves out a run: another one is under way", self.name)

    def _drop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting = None
            self._skip()

    def _tell(self) -> None:
        """What lies ahead, to those who keep it and those who show it, if it has changed."""
        state = self.snapshot(), self.next_fire
        if state != self._told:
            self._told = state
            self._remember(self.name, state[0])
            self._watch.planned(self.name, state[1], paused=self.paused)
