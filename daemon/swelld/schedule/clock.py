"""The clocks that schedules live by, and the wait for a moment on them."""

import asyncio
import sys
import time
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

LOOK_SECONDS: Final = 30.0
"""The longest sleep: so long may it take until a clock that was set is noticed."""


class Now(NamedTuple):
    """One look at both clocks."""

    wall: float
    """Unix seconds; may be set forwards and backwards."""
    steady: float
    """Seconds that have passed; never set, and goes on while the machine sleeps where the system can tell."""

    @property
    def ahead(self) -> float:
        """What the wall clock is ahead of the steady one."""
        return self.wall - self.steady


class Clock(Protocol):
    """Where a keeper looks up the time, and how it waits."""

    def now(self) -> Now: ...

    async def sleep_until(self, wall: float, woken: asyncio.Event) -> None:
        """Until the wall clock may show it, the event is set, or a while has passed in which a clock may be set."""


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> Now:
        return Now(time.time(), _steady())

    async def sleep_until(self, wall: float, woken: asyncio.Event) -> None:
        seconds = min(max(wall - time.time(), 0.0), LOOK_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await woken.wait()


def _steady() -> float:
    # Linux stops its monotonic clock while the machine sleeps; an interval of ours goes on.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()
