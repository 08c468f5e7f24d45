"""How the arrivals of an open loop come along while nobody changes anything: how many by when."""

import math
from typing import Protocol

from swelld.load.integral import Integral
from swelld.load.shapes import Shape
from swelld.load.stage import OpenStage


class Progress(Protocol):
    """Moments are in seconds after the start of a stage, warm-up included."""

    def rate(self, moment: float) -> float:
        """Requests per second at a moment."""

    def reached(self, moment: float) -> float:
        """How many arrivals are due by a moment, on average."""

    def moment(self, progress: float) -> float:
        """When so many arrivals are due; infinite for never."""


def progress_of(stage: OpenStage) -> Progress:
    """That of a stage with a rate; of one that replays a trace it is not known here."""
    if stage.shape is None:
        return Ramping(stage)
    known = stage.duration is not None and not stage.warmup_requests
    return Shaped(stage.shape, stage.warmup_seconds, stage.duration if known else None)


class Ramping:
    """A rate, or one that changes evenly over the window; warm-up runs at the first."""

    def __init__(self, stage: OpenStage) -> None:
        self._first = stage.rate
        self._warm = stage.warmup_seconds
        self._length = stage.duration or 0.0
        ramps = stage.rate_end is not None and stage.duration is not None
        self._slope = ((stage.rate_end or 0.0) - stage.rate) / self._length if ramps else 0.0

    def rate(self, moment: float) -> float:
        return self._first + self._slope * self._beyond(moment)

    def reached(self, moment: float) -> float:
        beyond = self._beyond(moment)
        if not self._slope or not beyond:
            return self._first * moment
        return self._first * self._warm + self._first * beyond + self._slope * beyond**2 / 2

    def moment(self, progress: float) -> float:
        warm = self._first * self._warm
        if progress <= warm or not self._slope:
            return progress / self._first if self._first else math.inf
        beyond = progress - warm
        discriminant = self._first**2 + 2 * self._slope * beyond
        if discriminant < 0:  # a falling ramp that never gets this far
            return math.inf
        return self._warm + 2 * beyond / (self._first + math.sqrt(discriminant))

    def _beyond(self, moment: float) -> float:
        """Seconds of the window."""
        return min(max(0.0, moment - self._warm), self._length) if self._slope else 0.0


class Shaped:
    """The rate of a shape over the window; warm-up runs at the rate with which it begins."""

    def __init__(self, shape: Shape, warm: float, length: float | None = None) -> None:
        """`length` is that of the window, if that is known."""
        self._shape = shape
        self._warm = warm
        self._first = shape.rate(0.0)
        self._integral = Integral(shape, math.inf if length is None else length)

    def rate(self, moment: float) -> float:
        return self._shape.rate(max(0.0, moment - self._warm))

    def reached(self, moment: float) -> float:
        return self._first * min(max(0.0, moment), self._warm) + self._integral.reached(moment - self._warm)

    def moment(self, progress: float) -> float:
        warm = self._first * self._warm
        if progress < warm:
            return progress / self._first
        return self._warm + self._integral.moment(progress - warm)
