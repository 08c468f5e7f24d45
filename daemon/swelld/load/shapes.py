"""Rates that change over time: pure functions made of smooth pieces, which can be added and multiplied."""

import math
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

SMOOTH: Final = 16
"""Degree of the polynomial that stands for an eighth of a sine's period to within rounding."""
LARGEST_DEGREE: Final = 24


class _Shape(msgspec.Struct, frozen=True, tag=str.lower):
    """A rate over time, in seconds after the start of the window. Never negative."""

    def rate(self, moment: float) -> float:
        """Requests per second at a moment."""
        raise NotImplementedError

    def until(self, moment: float) -> float:
        """How far the smooth piece reaches that the moment is inside of; infinite if it has no end."""
        raise NotImplementedError

    @property
    def degree(self) -> int:
        """Of the polynomial that every smooth piece is, or is as good as."""
        raise NotImplementedError

    @property
    def peak(self) -> float:
        """It never exceeds this."""
        raise NotImplementedError

    def placed(self, unix: float) -> "Shape":
        """The same, told at which wall time its time begins."""
        return self  # type: ignore[return-value]  # every shape there is belongs to the union


class Constant(_Shape, frozen=True):
    """The same rate for ever."""

    level: float

    def rate(self, moment: float) -> float:
        return self.level

    def until(self, moment: float) -> float:
        return math.inf

    @property
    def degree(self) -> int:
        return 0

    @property
    def peak(self) -> float:
        return self.level


class Sine(_Shape, frozen=True):
    """Up and down evenly: it begins at the mean, rising, if `phase` is 0."""

    mean: float
    amplitude: float
    period: float
    phase: float = 0.0
    """Seconds that it is ahead."""

    def rate(self, moment: float) -> float:
        return self.mean + self.amplitude * math.sin(math.tau * ((moment + self.phase) / self.period % 1.0))

    def until(self, moment: float) -> float:
        eighth = self.period / 8
        return (math.floor((moment + self.phase) / eighth) + 1) * eighth - self.phase

    @property
    def degree(self) -> int:
        return SMOOTH

    @property
    def peak(self) -> float:
        return self.mean + self.amplitude


class Points(_Shape, frozen=True):
    """Rates from given moments on, or straight lines between them; before the first and after the last it is flat,
    unless it starts again after `period`."""

    moments: tuple[float, ...]
    """Rising, the first at 0 or later; all of them before `period`."""
    rates: tuple[float, ...]
    lines: bool = False
    period: float | None = None
    phase: float = 0.0

    def rate(self, moment: float) -> float:
        _, inside = self._round(moment)
        place = bisect_right(self.moments, inside) - 1
        if place < 0:
            return self.rates[-1] if self.period is not None and not self.lines else self._between(-1, inside)
        return self._between(place, inside) if self.lines else self.rates[place]

    def _between(self, place: int, inside: float) -> float:
        """On the line that begins at a place; -1 is the one that leads to the first."""
        following = place + 1 < len(self.moments)
        if self.period is None and (place < 0 or not following):
            return self.rates[max(place, 0)]
        period = self.period or 0.0
        begin = self.moments[place] - (period if place < 0 else 0.0)
        end = self.moments[place + 1] if following else self.moments[0] + period
        first, last = self.rates[place], self.rates[place + 1 if following else 0]
        return first + (last - first) * min(1.0, max(0.0, (inside - begin) / (end - begin)))

    def until(self, moment: float) -> float:
        start, inside = self._round(moment)
        place = bisect_right(self.moments, inside)
        if place < len(self.moments):
            return start + self.moments[place]
        return math.inf if self.period is None else start + self.period

    def _round(self, moment: float) -> tuple[float, float]:
        """When the present round began, and the time since then."""
        ahead = moment + self.phase
        rounds = 0.0 if self.period is None else math.floor(ahead / self.period) * self.period
        return rounds - self.phase, ahead - rounds

    @property
    def degree(self) -> int:
        return int(self.lines)

    @property
    def peak(self) -> float:
        return max(self.rates)


class Day(_Shape, frozen=True):
    """Rates by the time of day that a clock on the wall shows, whatever it does in spring and autumn."""

    times: tuple[float, ...]
    """Seconds after midnight, rising."""
    rates: tuple[float, ...]
    zone: str = "UTC"
    lines: bool = False
    origin: float = 0.0
    """Unix time at which its time begins."""

    def rate(self, moment: float) -> float:
        unix = self.origin + moment
        marks = self._marks(unix)
        place = bisect_right(marks, unix, key=lambda mark: mark[0]) - 1
        (begin, first), (end, last) = marks[place], marks[place + 1]
        if not self.lines:
            return first
        return first + (last - first) * (unix - begin) / (end - begin)

    def until(self, moment: float) -> float:
        unix = self.origin + moment
        return next(mark for mark, _ in self._marks(unix) if mark > unix) - self.origin

    def _marks(self, unix: float) -> list[tuple[float, float]]:
        day = datetime.fromtimestamp(unix, UTC).toordinal()
        return _marks(self.zone, self.times, self.rates, day)

    @property
    def degree(self) -> int:
        return int(self.lines)

    @property
    def peak(self) -> float:
        return max(self.rates)

    def placed(self, unix: float) -> "Shape":
        return msgspec.structs.replace(self, origin=unix)


class Sum(_Shape, frozen=True):
    """All of them together."""

    parts: tuple["Shape", ...]

    def rate(self, moment: float) -> float:
        return math.fsum(part.rate(moment) for part in self.parts)

    def until(self, moment: float) -> float:
        return min(part.until(moment) for part in self.parts)

    @property
    def degree(self) -> int:
        return max(part.degree for part in self.parts)

    @property
    def peak(self) -> float:
        return math.fsum(part.peak for part in self.parts)

    def placed(self, unix: float) -> "Shape":
        return Sum(tuple(part.placed(unix) for part in self.parts))


class Product(_Shape, frozen=True):
    """One times the other: a rate, and factors that change over time."""

    parts: tuple["Shape", ...]

    def rate(self, moment: float) -> float:
        return math.prod(part.rate(moment) for part in self.parts)

    def until(self, moment: float) -> float:
        ends = [(part.until(moment), part) for part in self.parts]
        idle = [end for end, part in ends if part.rate(moment) == 0 and (part.degree == 0 or end == math.inf)]
        return max(idle) if idle else min(end for end, _ in ends)

    @property
    def degree(self) -> int:
        return min(LARGEST_DEGREE, sum(part.degree for part in self.parts))

    @property
    def peak(self) -> float:
        return math.prod(part.peak for part in self.parts)

    def placed(self, unix: float) -> "Shape":
        return Product(tuple(part.placed(unix) for part in self.parts))


Shape = Constant | Sine | Points | Day | Sum | Product
"""Every shape that a rate can have."""


def square(low: float, high: float, period: float, duty: float, phase: float = 0.0) -> Points:
    """High for the share `duty` of every period, with which it begins, then low."""
    return Points((0.0, duty * period), (high, low), period=period, phase=phase)


@lru_cache(64)
def _marks(zone: str, times: tuple[float, ...], rates: tuple[float, ...], day: int) -> list[tuple[float, float]]:
    """Unix times with the rates that begin there, from two days before a day of UTC to two days after it."""
    clock = ZoneInfo(zone) if zone != "UTC" else UTC
    marks = []
    for ordinal in range(day - 2, day + 3):
        midnight = datetime.combine(date.fromordinal(ordinal), datetime.min.time())
        shown = [midnight + timedelta(seconds=seconds) for seconds in times]
        marks += [(one.replace(tzinfo=clock).timestamp(), rate) for one, rate in zip(shown, rates, strict=True)]
    # a time that the clock leaps over comes when it leaps, and what is due after it is not before it
    for place in range(len(marks) - 1, 0, -1):
        marks[place - 1] = (min(marks[place - 1][0], marks[place][0]), marks[place - 1][1])
    return [one for one, following in pairwise(marks) if one[0] < following[0]] + marks[-1:]
