"""What the shards of one load process share."""

import asyncio
import os
from collections import deque
from itertools import islice
from typing import Final

from swelld.clock import now
from swelld.engine.meter import Meters
from swelld.engine.pacing import Alarm

TICK_SECONDS: Final = 0.02
"""How often the loop's lag is sampled."""
KEPT: Final = 512
"""Samples that a shard may be behind with."""


class Vitals:
    """How late the event loop is, sampled for as long as anybody wants to know."""

    def __init__(self) -> None:
        self.ticks = 0
        """Samples taken so far."""
        self._lags: deque[float] = deque(maxlen=KEPT)
        self._wanted = 0
        self._watching: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """One more wants to know; `end` has to follow."""
        self._wanted += 1
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    async def end(self) -> None:
        """One less."""
        self._wanted -= 1
        if not self._wanted and self._watching is not None:
            watching, self._watching = self._watching, None
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def since(self, tick: int) -> list[float]:
        """The samples after the first `tick`, as far as they are still known."""
        new = min(self.ticks - tick, len(self._lags))
        return list(islice(self._lags, len(self._lags) - new, None))

    async def _watch(self) -> None:
        alarm = Alarm()
        try:
            moment = now()
            while True:
                moment = max(moment + TICK_SECONDS, now())
                await alarm.until(moment)
                self._lags.append(now() - moment)
                self.ticks += 1
        finally:
            alarm.close()


class Premises:
    """One process, which is part `part` of `parts`: its number, its pulse, its share of every ceiling."""

    def __init__(self, part: int, parts: int) -> None:
        self.part = part
        self.parts = parts
        self.process = os.getpid()
        self.vitals = Vitals()
        self.meters = Meters(part, parts)
