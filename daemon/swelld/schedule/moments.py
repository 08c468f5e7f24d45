"""Moments in a row, as pure functions: the first one at or after a moment, inside windows if there are any."""

import hashlib
import math
from dataclasses import dataclass
from typing import Final, Protocol

from swelld.schedule.windows import Windows

_HOPS: Final = 1000
"""From window to window before the search is given up: enough for every weekday to have met every date."""


class Beat(Protocol):
    """Moments in a row on some clock."""

    def first(self, at: float) -> float | None:
        """The first one at or after a moment; None if there is none any more."""


@dataclass(frozen=True, slots=True)
class Every:
    """Evenly, on both sides of an anchor: counted from it, so that no error adds up."""

    anchor: float
    period: float

    def first(self, at: float) -> float:
        """Also where the division comes out a little high or low."""
        number = math.ceil((at - self.anchor) / self.period)
        while self.anchor + (number - 1) * self.period >= at:
            number -= 1
        while self.anchor + number * self.period < at:
            number += 1
        return self.anchor + number * self.period


@dataclass(frozen=True, slots=True)
class Single:
    """One moment only."""

    moment: float

    def first(self, at: float) -> float | None:
        return self.moment if at <= self.moment else None


class Never:
    """No moment at all."""

    def first(self, at: float) -> float | None:
        return None


def after(moment: float) -> float:
    """The least moment that is later."""
    return math.nextafter(moment, math.inf)


def first_inside(beat: Beat, windows: Windows | None, at: float, ahead: float = 0.0) -> float | None:
    """The first moment of a beat, at or after a moment, that is in a window.

    `ahead` is what the wall clock of the windows is ahead of the beat's own clock.
    """
    for _ in range(_HOPS):
        moment = beat.first(at)
        if moment is None or windows is None:
            return moment
        begin = windows.span(moment + ahead).begin - ahead
        if begin <= moment:
            return moment
        at = begin
    return None


def spread(jitter: float, *names: str) -> float:
    """A constant part of the jitter, 0 or more and below it, that follows from the names."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return jitter * (int.from_bytes(digest[:6], "big") / 2**48)
