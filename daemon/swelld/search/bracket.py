"""Which level to try next: ever higher until one is rejected, then between the highest good and the lowest bad one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

GROWTH: Final = 2.0
"""Each level is so many times the one before, as long as all are accepted."""
BESIDE: Final = 0.99
"""A rate that is tried in place of another one is so many times that."""
DIGITS: Final = 3
"""Significant digits of a level: it becomes the name of a stage, of which there should not be endlessly many."""


@dataclass(slots=True)
class Bracket:
    """What is known of the capacity, and the rule for what to try next."""

    first: float
    last: float
    precision: float
    whole: bool
    """Whether levels are whole numbers."""
    given: Sequence[float] = ()
    """Levels to begin with instead of doubling."""
    accepted: float | None = None
    """The highest."""
    rejected: float | None = None
    """The lowest."""
    tried: set[float] = field(default_factory=set)

    def take(self, level: float, *, accepted: bool) -> None:
        """A level was decided."""
        self.tried.add(level)
        if not accepted:
            self.rejected = level if self.rejected is None else min(self.rejected, level)
            if self.accepted is not None and self.accepted >= self.rejected:
                self.accepted = None
        elif self.rejected is None or level < self.rejected:
            self.accepted = level if self.accepted is None else max(self.accepted, level)

    def next(self) -> float | None:
        """The level to try; None if the capacity is known precisely enough, or there is nothing left to try."""
        level = self._higher() if self.rejected is None else self._between(self.rejected)
        return None if level is None or level in self.tried else level

    def beside(self, level: float) -> float | None:
        """The level next below one that could not be decided; None if that is not above the highest good one."""
        lower = level - 1 if self.whole else self._rounded(level * BESIDE)
        return lower if lower > (self.accepted or 0.0) and lower not in self.tried else None

    @property
    def precise(self) -> bool:
        """Whether the highest good and the lowest bad level are next to each other."""
        return self.accepted is not None and self.rejected is not None and self.next() is None

    def steps(self) -> int:
        """About how many levels are still to be tried."""
        low, high = self.accepted or self.first, self.rejected
        if high is None:
            return 1 + self._halvings(low, min(GROWTH * low, self.last))
        return self._halvings(low, high) if self.accepted is not None else 1

    def _halvings(self, low: float, high: float) -> int:
        if high <= low * (1 + self.precision) or (self.whole and high - low <= 1):
            return 0
        steps = math.ceil(math.log2(math.log(high / low) / math.log1p(self.precision)))
        return max(1, min(steps, math.ceil(math.log2(high - low)))) if self.whole else max(1, steps)

    def _higher(self) -> float | None:
        if self.accepted is None:
            return self.first
        if self.given:
            return next((level for level in self.given if level > self.accepted), None)
        return min(self.accepted * GROWTH, self.last) if self.accepted < self.last else None

    def _between(self, high: float) -> float | None:
        low = self.accepted
        if low is None or high <= low * (1 + self.precision) * (1 + 1e-9):
            return None
        middle = self._rounded(math.sqrt(low * high))
        return middle if low < middle < high else None

    def _rounded(self, level: float) -> float:
        if self.whole:
            return float(round(level))
        return float(f"{level:.{DIGITS}g}")
