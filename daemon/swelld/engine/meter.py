"""Ceilings of targets, as one load process keeps its share of them for all runs that it takes part in."""

import asyncio
import math
from typing import Final

from swelld.clock import now
from swelld.engine.target import Target
from swelld.load.arrivals import share

BURST_SECONDS: Final = 1.0
"""So many seconds' worth of requests may be sent at once after a quiet time."""
LEAST_BURST: Final = 2.0
"""Requests that may be sent at once however low the rate: what is sent a moment late must not be in the way of the
next."""


class Meter:
    """One process's share of the ceiling of one target.

    In any stretch of T seconds it lets through at most rate * (T + 1 s) requests, or rate * T + 2 if that is more.
    Arrivals of open loops come first: users of closed loops leave half of the burst to them.
    """

    def __init__(self) -> None:
        self.users = 0
        """Shards that hold it."""
        self.in_flight = 0
        self._rate = self._most = math.inf
        self._burst = self._left = math.inf
        self._filled = 0.0
        self._queue = asyncio.Lock()
        self._free = asyncio.Event()

    def limit(self, rate: float | None, concurrency: int | None) -> None:
        """The latest word on the limits."""
        self._most = math.inf if concurrency is None else concurrency
        before, self._rate = self._rate, math.inf if rate is None else rate
        self._burst = max(LEAST_BURST, self._rate * BURST_SECONDS)
        self._left = self._burst if before == math.inf else min(self._left, self._burst)
        self._free.set()

    @property
    def as_new(self) -> bool:
        """Whether nobody would notice if it were made anew."""
        self._fill(now())
        return self.users == 0 and self.in_flight == 0 and self._left >= self._burst

    def take(self, moment: float) -> bool:
        """For an arrival: whether there is room for it now. If so, `release` has to follow."""
        self._fill(moment)
        if self._left < 1.0 or self.in_flight >= self._most:
            return False
        self._enter()
        return True

    async def turn(self) -> None:
        """For a user: wait until there is room, first come, first served. `release` has to follow."""
        async with self._queue:
            while (wait := self._wait(now())) > 0.0:
                self._free.clear()
                try:
                    async with asyncio.timeout(None if wait == math.inf else wait):
                        await self._free.wait()
                except TimeoutError:
                    pass
            self._enter()

    def release(self) -> None:
        """A request that was let through is over."""
        self.in_flight -= 1
        self._free.set()

    def _enter(self) -> None:
        self._left -= 1.0
        self.in_flight += 1

    def _fill(self, moment: float) -> None:
        if self._rate != math.inf:
            self._left = min(self._burst, self._left + max(0.0, moment - self._filled) * self._rate)
        self._filled = max(self._filled, moment)

    def _wait(self, moment: float) -> float:
        self._fill(moment)
        if self.in_flight >= self._most:
            return math.inf
        lacking = 1.0 + self._burst / 2 - self._left if self._rate != math.inf else 0.0
        return max(1e-3, lacking / self._rate) if lacking > 1e-9 else 0.0


class Meters:
    """Those of part `part` of `parts` processes, by target; what nobody holds and nobody would miss is forgotten."""

    def __init__(self, part: int, parts: int) -> None:
        self._part = part
        self._parts = parts
        self._meters: dict[tuple[str, str], Meter] = {}

    def hold(self, name: str, target: Target) -> Meter | None:
        """The meter of a target, None if it has no ceiling; `let_go` of it."""
        self._meters = {key: meter for key, meter in self._meters.items() if not meter.as_new}
        ceiling = target.ceiling
        if ceiling is None:
            return None
        meter = self._meters.setdefault((name, target.url), Meter())
        many = ceiling.concurrency
        meter.limit(
            None if ceiling.rate is None else ceiling.rate / self._parts,
            None if many is None else share(many, self._part, self._parts),
        )
        meter.users += 1
        return meter

    @staticmethod
    def let_go(meter: Meter | None) -> None:
        """It is not used any more."""
        if meter is not None:
            meter.users -= 1
