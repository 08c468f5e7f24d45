"""One monotonic clock for every moment, and one pair that turns moments into wall time."""

import time
from dataclasses import dataclass, field

now = time.monotonic
"""Seconds on CLOCK_MONOTONIC: the same clock in every process of one machine."""


@dataclass(frozen=True, slots=True)
class WallClock:
    """The (monotonic, Unix) pair of one process, taken once: wall time never steps inside a run."""

    monotonic: float = field(default_factory=time.monotonic)
    unix: float = field(default_factory=time.time)

    def at(self, moment: float) -> float:
        """Unix seconds of a monotonic moment."""
        return self.unix + (moment - self.monotonic)
