"""The integral of a rate that changes over time, and its inverse: how many arrivals by when, and when the next one."""

import math
from collections import deque
from collections.abc import Callable
from functools import cache
from operator import mul
from typing import Final, NamedTuple

from swelld.load.shapes import Shape

KEPT: Final = 64
"""Pieces that are remembered; what lies before them is found again from the start."""
MOST_IDLE: Final = 100_000
"""Pieces in a row that bring no arrival before it is believed that none ever will."""
_NUDGE: Final = 1e-6
"""So far behind the end of a piece the next one has begun, however the moments were rounded."""
_STEPS: Final = 60


class Piece(NamedTuple):
    """A smooth piece of a rate: flat, or as good as the polynomial of its coefficients."""

    begin: float
    end: float
    before: float
    """Arrivals up to its beginning."""
    after: float
    rate: float
    """If it is flat."""
    chebyshev: tuple[float, ...] = ()
    """Of the integral from its beginning, over -1..1; none if it is flat."""

    def reached(self, moment: float) -> float:
        """Arrivals by a moment of it."""
        if not self.chebyshev:
            return self.before + (moment - self.begin) * self.rate
        half = (self.end - self.begin) / 2
        return self.before + max(0.0, _clenshaw(self.chebyshev, (moment - self.begin) / half - 1.0))


class Integral:
    """Of one shape, from 0 on. Asked mostly in the order of time, it goes on from where it was.

    Moments beyond `horizon` are never: nobody wants to know, and they may be far.
    """

    def __init__(self, shape: Shape, horizon: float = math.inf) -> None:
        self._shape = shape
        self._horizon = horizon
        self._pieces: deque[Piece] = deque(maxlen=KEPT)

    def reached(self, moment: float) -> float:
        """Arrivals by a moment, on average."""
        if moment <= 0.0:
            return 0.0
        self._rewind(lambda piece: piece.begin <= moment)
        while self._pieces[-1].end < moment:
            self._go_on()
        return next(piece for piece in reversed(self._pieces) if piece.begin <= moment).reached(moment)

    def moment(self, progress: float) -> float:
        """When so many arrivals are due: the latest moment by which there are no more; infinite for never."""
        if progress < 0.0:
            return 0.0
        if self._shape.peak == 0.0:
            return math.inf
        self._rewind(lambda piece: piece.before <= progress)
        idle = 0
        while self._pieces[-1].after <= progress:
            if self._pieces[-1].end >= self._horizon or idle > MOST_IDLE:
                return math.inf
            reached = self._pieces[-1].after
            self._go_on()
            idle = idle + 1 if self._pieces[-1].after == reached else 0
        piece = next(piece for piece in reversed(self._pieces) if piece.before <= progress)
        return self._inside(piece, progress)

    def _rewind(self, early_enough: Callable[[Piece], bool]) -> None:
        """From the start again, if what is remembered begins too late."""
        if not self._pieces or not early_enough(self._pieces[0]):
            self._pieces.clear()
            self._pieces.append(self._piece(0.0, 0.0))

    def _go_on(self) -> None:
        last = self._pieces[-1]
        self._pieces.append(self._piece(last.end, last.after))

    def _piece(self, begin: float, before: float) -> Piece:
        shape = self._shape
        inside = begin + _NUDGE
        end = shape.until(inside)
        degree = shape.degree
        if degree == 0:
            rate = shape.rate(inside)
            more = 0.0 if rate == 0.0 else (end - begin) * rate
            return Piece(begin, end, before, before + more, rate)
        if end == math.inf:  # flat from here on, whatever it was before
            rate = shape.rate(inside)
            return Piece(begin, end, before, math.inf if rate else before, rate)
        half = (end - begin) / 2
        values = [shape.rate(begin + half * (1.0 + node)) for node in _nodes(degree + 1)]
        integral = tuple(half * coefficient for coefficient in _integrated(values))
        return Piece(begin, end, before, before + max(0.0, math.fsum(integral)), 0.0, integral)

    def _inside(self, piece: Piece, progress: float) -> float:
        """Newton's method between two bounds that close in."""
        if not piece.chebyshev:
            return piece.begin + (progress - piece.before) / piece.rate
        low, high = piece.begin, piece.end
        moment = low + (high - low) * (progress - piece.before) / (piece.after - piece.before)
        exact = 1e-12 * max(1.0, piece.after - piece.before)
        for _ in range(_STEPS):
            off = piece.reached(moment) - progress
            if abs(off) <= exact:
                break
            low, high = (low, moment) if off > 0 else (moment, high)
            rate = self._shape.rate(moment)
            moment = moment - off / rate if rate > 0 else low
            if not low < moment < high:
                moment = (low + high) / 2
        return moment


@cache
def _nodes(count: int) -> tuple[float, ...]:
    """Where to look at a function to know its polynomial; never the ends."""
    return tuple(math.cos(math.pi * (place + 0.5) / count) for place in range(count))


@cache
def _waves(count: int) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple(math.cos(math.pi * order * (place + 0.5) / count) for place in range(count)) for order in range(count)
    )


def _integrated(values: list[float]) -> list[float]:
    """From values at the nodes to the Chebyshev coefficients of the integral from -1."""
    count = len(values)
    found = [2.0 / count * math.fsum(map(mul, values, wave)) for wave in _waves(count)]
    found += [0.0, 0.0]
    integral = [0.0, *((found[order - 1] - found[order + 1]) / (2 * order) for order in range(1, count + 1))]
    integral[0] = math.fsum(one if order % 2 else -one for order, one in enumerate(integral))
    return integral


def _clenshaw(coefficients: tuple[float, ...], x: float) -> float:
    one = two = 0.0
    for coefficient in reversed(coefficients[1:]):
        one, two = coefficient + 2.0 * x * one - two, one
    return coefficients[0] + x * one - two
