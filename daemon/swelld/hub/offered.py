"""The rate at which arrivals fall due where no schedule tells it beforehand: that of a trace which is replayed."""

from collections import deque
from typing import Final

SECONDS: Final = 5.0
"""The rate is that of so many latest seconds."""


class Offered:
    """Counts of arrivals at moments, in the order of time."""

    def __init__(self, start: float) -> None:
        self._seen: deque[tuple[float, int]] = deque([(start, 0)])

    def see(self, moment: float, arrivals: int) -> None:
        """How many there were by a moment."""
        if arrivals >= self._seen[-1][1]:  # a shard that died takes some with it
            self._seen.append((moment, arrivals))
        while len(self._seen) > 2 and self._seen[1][0] <= moment - SECONDS:
            self._seen.popleft()

    def rate(self) -> float:
        """Arrivals per second of late; 0 where nothing is known yet."""
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first) if last > first else 0.0
