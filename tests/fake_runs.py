"""Runs that last as long as a test says, on its virtual clock, and that remember when they were."""

import asyncio

from swelld.schedule.timing import Cause
from virtual_clock import VirtualClock


class FakeRuns:
    """Runs of `seconds`, or without end if None; a stopped one takes `drain` seconds more."""

    def __init__(self, clock: VirtualClock, seconds: float | None = 0.0, *, drain: float = 0.0) -> None:
        self._clock = clock
        self.seconds = seconds
        self.good = True
        self.error: Exception | None = None
        self._drain = drain
        self._stopped = asyncio.Event()
        self._stopping = False
        self.begun: list[tuple[float, Cause]] = []
        """Wall times and causes."""
        self.ended: list[float] = []
        self.stops = 0
        self.most = 0
        """Most runs at a time."""

    async def start(self, cause: Cause) -> bool:
        self._stopped.clear()
        self._stopping = False
        self.begun.append((self._clock.now().wall, cause))
        self.most = max(self.most, len(self.begun) - len(self.ended))
        try:
            if self.error:
                raise self.error
            if self.seconds is None:
                await self._stopped.wait()
            elif self.seconds:
                await self._for_seconds(self.seconds)
            if self._stopping and self._drain:
                await self._clock.sleep(self._drain)
        finally:
            self.ended.append(self._clock.now().wall)
        return self.good

    def stop(self) -> None:
        self.stops += 1
        self._stopping = True
        self._stopped.set()

    async def _for_seconds(self, seconds: float) -> None:
        """Its own alarm sets the same event as a stop does; one that was set for an earlier run is passed over."""
        end = self._clock.now().steady + seconds
        while not self._stopping and (left := end - self._clock.now().steady) > 0:
            self._stopped.clear()
            await self._clock.sleep_until(self._clock.now().wall + left, self._stopped)

    def times(self) -> list[float]:
        """When runs were begun."""
        return [moment for moment, _ in self.begun]

    def causes(self) -> list[Cause]:
        """Why they were begun."""
        return [cause for _, cause in self.begun]
