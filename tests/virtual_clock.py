"""Clocks that only a test moves: days pass in moments, and may be set or slept through."""

import asyncio
import heapq
import itertools

from swelld.schedule.clock import LOOK_SECONDS, Now

_TICK = 1e-4  # more than a float of Unix seconds can hide, so that every sleep gets on


class VirtualClock:
    """A wall clock and a steady one. Whoever sleeps notices that they were moved as late as the real one may."""

    def __init__(self, wall: float) -> None:
        self._awake = 0.0
        self._slept = 0.0
        self._set = wall
        self._alarms: list[tuple[float, int]] = []
        self._asleep: dict[int, asyncio.Event] = {}
        self._numbers = itertools.count()

    def now(self) -> Now:
        steady = self._awake + self._slept
        return Now(self._set + steady, steady)

    async def sleep_until(self, wall: float, woken: asyncio.Event) -> None:
        number = next(self._numbers)
        self._asleep[number] = woken
        heapq.heappush(self._alarms, (self._awake + max(wall - self.now().wall, _TICK), number))
        try:
            await woken.wait()
        finally:
            del self._asleep[number]

    async def sleep(self, seconds: float) -> None:
        """For what stands in for a run."""
        await self.sleep_until(self.now().wall + seconds, asyncio.Event())

    def set_by(self, seconds: float) -> None:
        """The wall clock is set, forwards or (below zero) backwards."""
        self._set += seconds
        self._startle()

    def suspend(self, seconds: float) -> None:
        """The machine sleeps: time goes by, and nobody is there to see it."""
        self._slept += seconds
        self._startle()

    async def run(self, seconds: float) -> None:
        """Let so much time pass, and everything happen that falls due in it."""
        end = self._awake + seconds
        await settled()
        while self._alarms and self._alarms[0][0] <= end:
            self._awake, number = heapq.heappop(self._alarms)
            if event := self._asleep.get(number):  # it may have been woken otherwise
                event.set()
                await settled()
        self._awake = end

    async def run_until(self, wall: float) -> None:
        """The same up to a time on the wall."""
        await self.run(wall - self.now().wall)

    def _startle(self) -> None:
        for number in self._asleep:
            heapq.heappush(self._alarms, (self._awake + LOOK_SECONDS, number))


async def settled() -> None:
    """Everything that can happen at this moment has happened."""
    ready = getattr(asyncio.get_running_loop(), "_ready")  # noqa: B009 - private, so mypy does not know it
    await asyncio.sleep(0)
    while ready:  # noqa: ASYNC110 - there is nothing to be told by
        await asyncio.sleep(0)
