"""Whether an open loop asks for more than a server answers: the number of open requests grows without bound."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

MOST: Final = 240
"""Looks that are kept; beyond it every other one goes."""
LEAST_LOOKS: Final = 8
LEAST_SECONDS: Final = 3.0
"""Of looks without which no trend is seen."""
HOPELESS: Final = 0.1
"""Share of the arrivals that, left behind, shows at once that a level is beyond capacity."""


@dataclass(frozen=True, slots=True)
class Trend:
    """How the number of open requests goes."""

    behind: float
    """Share of the arrivals that goes unanswered; below 0 where a backlog is worked off."""
    rise: float
    """By how many requests it has risen."""
    level: float
    """Open requests at the beginning."""

    def grows(self, behind: float, *, clearly: bool = False) -> bool:
        """Whether more than the share `behind` of the arrivals is left, and chance does not explain the rise.

        In a stable queue the number of open requests wanders, by about the root of itself or a tenth of it.
        """
        scale = 2.0 if clearly else 1.0
        chance = max(4.0, 2 * math.sqrt(self.level), 0.1 * self.level)
        return self.behind > behind and self.rise > scale * chance


class Backlog:
    """Fed with looks at an open loop of a constant rate, in the order of time."""

    def __init__(self, rate: float) -> None:
        """`rate`: requests per second of all targets together."""
        self._rate = rate
        self._looks: list[tuple[float, float]] = []
        self._stride = 1
        self._skipped = 0

    def look(self, moment: float, in_flight: int) -> None:
        """Requests open at a moment, once the level has settled."""
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        self._looks.append((moment, in_flight))
        if len(self._looks) > MOST:
            self._looks = self._looks[::2]
            self._stride *= 2

    def trend(self) -> Trend | None:
        """A straight line through all looks but the first third; None while it is too early to say."""
        looks = np.array(self._looks[len(self._looks) // 3 :])
        if len(looks) < LEAST_LOOKS or looks[-1, 0] - looks[0, 0] < LEAST_SECONDS:
            return None
        moments, counts = looks[:, 0] - looks[0, 0], looks[:, 1]
        slope, start = np.polyfit(moments, counts, 1)
        return Trend(float(slope) / self._rate, float(slope * moments[-1]), max(0.0, float(start)))
