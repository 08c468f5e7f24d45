"""How much a number of good requests says about the share of all of them: Wilson's interval, and when to believe it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

LEAST_BLOCKS: Final = 5
"""Stretches of time without which nothing is said of how requests depend on each other."""
FIRST_LOOK: Final = 10.0
"""Requests without which nothing is decided."""
NEXT_LOOK: Final = 1.25
"""A sequential test looks again when there are so many times as many requests."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a share lies; each end holds with the confidence that was asked for."""

    low: float
    high: float


def interval(good: int, total: int, confidence: float, dependence: float = 1.0) -> Interval | None:
    """Of the share of good ones; None without any.

    `dependence`: so many requests tell as much as one that is independent of the others.
    """
    if total <= 0:
        return None
    n = max(1.0, total / max(1.0, dependence))
    share = good / total
    z = NormalDist().inv_cdf(confidence)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def dependence(blocks: Sequence[tuple[int, int]]) -> float:
    """How much more the share varies from one stretch of time to the next than chance explains; 1 if it does not.

    `blocks`: (good, total) of every stretch. In a queue, neighbouring requests share their fate.
    """
    blocks = [block for block in blocks if block[1] > 0]
    good, total = sum(g for g, _ in blocks), sum(t for _, t in blocks)
    if len(blocks) < LEAST_BLOCKS or good in (0, total):
        return 1.0
    share = good / total
    excess = sum((g - t * share) ** 2 / (t * share * (1 - share)) for g, t in blocks)
    return max(1.0, excess / (len(blocks) - 1))


def fewest(share: float, confidence: float) -> int | None:
    """Requests without which not even only good ones show a share for sure; None if no number does."""
    if share >= 1:
        return None
    z = NormalDist().inv_cdf(confidence)
    return math.ceil(z * z * share / (1 - share))


class Sequential:
    """Looks at a growing number of requests, ever more sceptically, so that all looks together are as right as one.

    The doubt allowed is shared out: half of it to the first look, a sixth to the second, ... 1 / (k (k + 1)).
    """

    def __init__(self, confidence: float) -> None:
        self._doubt = 1 - confidence
        self._looks = 0
        self._next = FIRST_LOOK

    def look(self, good: int, total: int, dependence: float = 1.0) -> Interval | None:
        """The interval that may be believed now; None if it is too early to look again."""
        if total < self._next:
            return None
        self._next = total * NEXT_LOOK
        self._looks += 1
        return interval(good, total, 1 - self._doubt / (self._looks * (self._looks + 1)), dependence)
