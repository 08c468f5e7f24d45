"""Which level to try next: ever higher until one is rejected, then between the highest good and the lowest bad one,
and at the end once more what the answer rests on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

GROWTH: Final = 2.0
"""Each level is so many times the one before, as long as all are accepted."""
DIGITS: Final = 3
"""Significant digits of a level: it becomes the name of a stage, of which there should not be endlessly many."""
MOST_TIMES: Final = 3
"""Times that a level is measured: two of them that agree decide, or a single one that nothing speaks against."""


@dataclass(slots=True)
class _Votes:
    """What came of the times that one level was measured."""

    good: int = 0
    bad: int = 0
    sound: bool = False
    """Whether it was accepted at a time of which there is no doubt."""

    @property
    def accepted(self) -> bool:
        return self.good > self.bad

    @property
    def undecided(self) -> bool:
        return self.good == self.bad

    @property
    def confirmed(self) -> bool:
        """Whether an answer may rest on it. A machine that is busy with something else makes a level look worse, never
        better: one that is rejected is measured again."""
        if self.accepted:
            return self.sound or self.good + self.bad >= MOST_TIMES
        return self.bad - self.good >= 2 or self.good + self.bad >= MOST_TIMES


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
    unknown: float | None = None
    """The lowest level of which nothing can be said, however often it is tried: the answer may lie below it."""
    _votes: dict[float, _Votes] = field(default_factory=dict)

    @property
    def rejected(self) -> float | None:
        """The lowest level that was."""
        return min((level for level, votes in self._votes.items() if votes.bad > votes.good), default=None)

    @property
    def accepted(self) -> float | None:
        """The highest level that was, below all that were rejected."""
        high = self.rejected
        below = (level for level, votes in self._votes.items() if votes.accepted and (high is None or level < high))
        return max(below, default=None)

    def take(self, level: float, *, accepted: bool, doubted: bool = False) -> None:
        """What a level has shown; `doubted`: at a time when the load generator was the bottleneck."""
        votes = self._votes.setdefault(level, _Votes())
        votes.good += accepted
        votes.bad += not accepted
        votes.sound = votes.sound or (accepted and not doubted)

    def give_up(self, level: float) -> None:
        """Nothing can be said of a level."""
        self.unknown = level if self.unknown is None else min(self.unknown, level)

    @property
    def blurred(self) -> bool:
        """Whether the lowest level above the answer is one of which nothing can be said."""
        return self.unknown is not None and (self.rejected is None or self.unknown < self.rejected)

    @property
    def _high(self) -> float | None:
        return min((level for level in (self.rejected, self.unknown) if level is not None), default=None)

    def next(self) -> float | None:
        """The level to try; None if the capacity is known precisely enough, or there is nothing left to try."""
        known = self._votes.items()
        undecided = next((level for level, votes in known if votes.undecided and level != self.unknown), None)
        if undecided is not None:
            return undecided
        high = self._high
        level = self._higher() if high is None else self._between(high)
        return level if level is not None and level not in self._votes else self._unconfirmed()

    @property
    def precise(self) -> bool:
        """Whether the highest good and the lowest bad level are next to each other."""
        return self.accepted is not None and self.rejected is not None and self.next() is None

    def steps(self) -> int:
        """About how many levels are still to be tried."""
        low, high = self.accepted or self.first, self._high
        if high is None:
            return 2 + self._halvings(low, min(GROWTH * low, self.last))
        again = 0 if high not in self._votes or self._votes[high].confirmed else 1
        return again + (self._halvings(low, high) if self.accepted is not None else 0)

    def _unconfirmed(self) -> float | None:
        ends = (level for level in (self.rejected, self.accepted) if level is not None and level != self.unknown)
        return next((level for level in ends if not self._votes[level].confirmed), None)

    def _halvings(self, low: float, high: float) -> int:
        if high <= low * (1 + self.precision) or (self.whole and high - low <= 1):
            return 0
        steps = math.ceil(math.log2(math.log(high / low) / math.log1p(self.precision)))
        return max(1, min(steps, math.ceil(math.log2(high - low)))) if self.whole else max(1, steps)

    def _higher(self) -> float | None:
        accepted = self.accepted
        if accepted is None:
            return self.first
        if self.given:
            return next((level for level in self.given if level > accepted), None)
        return min(accepted * GROWTH, self.last) if accepted < self.last else None

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
