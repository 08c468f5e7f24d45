"""What is kept of many readings: growth over restarts, mean and largest level, a timeline that never gets long."""

from collections.abc import Mapping
from typing import Final

from swelld_exporters.server_metrics.engines import LEVELS, Quantity

POINTS: Final = 720
"""Most points of a timeline."""


class Growth:
    """How much counters grew since the first reading; one that falls belongs to a server that began anew.

    A counter that comes later was at zero until then: many servers show one only when it first counts.
    """

    def __init__(self) -> None:
        self.total: dict[Quantity, float] = {}
        self.restarts = 0
        self._last: dict[Quantity, float] | None = None

    def take(self, values: Mapping[Quantity, float]) -> dict[Quantity, float]:
        """What was added since the last reading; nothing with the first one."""
        before, self._last = self._last, self._last or {}
        added: dict[Quantity, float] = {}
        fell = False
        for quantity, value in values.items():
            if quantity in LEVELS:
                continue
            last = value if before is None else before.get(quantity, 0.0)
            fell = fell or value < last
            added[quantity] = value - last if value >= last else value
            self._last[quantity] = value
            self.total[quantity] = self.total.get(quantity, 0.0) + added[quantity]
        self.restarts += fell
        return added


class Spread:
    """Mean and maximum of a level over all readings that have it."""

    def __init__(self) -> None:
        self.count = 0
        self.max = 0.0
        self._sum = 0.0

    def take(self, value: float) -> None:
        """One reading."""
        self.max = max(self.max, value) if self.count else value
        self.count += 1
        self._sum += value

    @property
    def mean(self) -> float:
        """Of one reading or more."""
        return self._sum / self.count


class Point:
    """A stretch of time: when it began, the largest levels in it, the totals at its end."""

    __slots__ = ("at", "readings", "values")

    def __init__(self, at: float, values: Mapping[Quantity, float]) -> None:
        self.at = at
        self.values = dict(values)
        self.readings = 1

    def merge(self, later: "Point") -> None:
        """Stretch over the one that follows."""
        for quantity, value in later.values.items():
            if quantity in LEVELS and quantity in self.values:
                value = max(value, self.values[quantity])
            self.values[quantity] = value
        self.readings += later.readings


class Timeline:
    """Readings in order of time; where they get too many, every two become one, and from then on twice as coarse."""

    def __init__(self, limit: int = POINTS) -> None:
        self.points: list[Point] = []
        self._limit = limit
        self._stride = 1
        """Readings to a point."""

    def take(self, at: float, values: Mapping[Quantity, float]) -> None:
        """One reading: levels as they are, totals since the beginning."""
        point = Point(at, values)
        if self.points and self.points[-1].readings < self._stride:
            self.points[-1].merge(point)
            return
        if len(self.points) == self._limit:
            self._thin()
        self.points.append(point)

    def _thin(self) -> None:
        firsts, seconds = self.points[::2], self.points[1::2]
        for first, second in zip(firsts, seconds, strict=False):
            first.merge(second)
        self.points = firsts
        self._stride *= 2
