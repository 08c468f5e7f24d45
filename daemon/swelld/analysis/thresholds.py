"""What counts as a regression: `ttft.p95 > +10%`, `goodput < -2%`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from swelld.analysis import figures
from swelld.analysis.measures import MEASURES, Kind, Measure
from swelld.config import parse_duration, suggest

_TEXT: Final = re.compile(r"\s*([a-z0-9_.]+)\s*([<>])\s*([+-])\s*([0-9.]+)\s*(%|pp|[a-z]+)\s*")

HOW: Final = "write FIGURE > +PERCENT or FIGURE < -PERCENT, e.g. 'ttft.p95 > +10%', 'ttft.p50 > +20ms', 'goodput < -2%'"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A change of a figure that is too much."""

    measure: Measure
    size: float
    """A part of what it was, or points of a share; or seconds."""
    absolute: bool = False
    """Whether the size is in seconds."""

    def __str__(self) -> str:
        sign = "> +" if self.measure.better == "lower" else "< -"
        if self.absolute:
            return f"{self.measure.name} {sign}{figures.seconds(self.size).replace(' ', '')}"
        return f"{self.measure.name} {sign}{100 * self.size:g}{'pp' if self.measure.kind == 'share' else '%'}"

    def exceeded(self, change: float, base: float) -> bool:
        """By a change as a part of `base`, or in points."""
        worse = change if self.measure.better == "lower" else -change
        return (worse * base if self.absolute else worse) > self.size

    def within_reach(self, low: float, high: float, base: float) -> bool:
        """Whether a change that lies somewhere from `low` to `high` may be as large, for the worse or the better."""
        largest = max(abs(low), abs(high))
        return (largest * base if self.absolute else largest) > self.size


def threshold(text: str) -> Threshold:
    """ValueError says what cannot be understood."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no threshold: {HOW}")
    name, operator, sign, number, unit = match.groups()
    if name not in MEASURES:
        raise ValueError(f"{text!r}: {name!r} is no figure that runs are compared by; {suggest(name, MEASURES)}")
    measure = MEASURES[name]
    if (operator == ">") != (sign == "+"):
        raise ValueError(f"{text!r} would hold for what has not changed at all: write > with + and < with -")
    if (sign == "+") == (measure.better == "higher"):
        raise ValueError(f"{text!r} would be an improvement: {name} is better {_direction(measure)}")
    return Threshold(measure, _size(text, number, unit, measure), unit not in ("%", "pp"))


def defaults() -> list[Threshold]:
    """What is a regression where nothing else is said: more than runs of the same thing differ on a quiet machine."""
    return [threshold(text) for text in DEFAULTS]


def limit(measure: Measure, thresholds: Sequence[Threshold] = ()) -> Threshold:
    """How large a change of a figure matters: by the narrowest threshold on it, else by the usual one, else by one
    that is usual for figures of its kind."""
    own = [one for one in thresholds if one.measure is measure] or [one for one in defaults() if one.measure is measure]
    return min(own, key=lambda one: one.size) if own else Threshold(measure, _OF_KIND[measure.kind])


_OF_KIND: Final[Mapping[Kind, float]] = {"seconds": 0.10, "rate": 0.05, "share": 0.02}

DEFAULTS: Final[Sequence[str]] = (
    "ttft.mean > +5%",
    "ttft.p50 > +5%",
    "ttft.p95 > +10%",
    "tpot.p50 > +5%",
    "e2e.p50 > +5%",
    "e2e.p95 > +10%",
    "output_token_rate < -5%",
    "goodput < -2pp",
    "error_rate > +1pp",
)


def _direction(measure: Measure) -> str:
    return "higher: write < with -" if measure.better == "higher" else "lower: write > with +"


def _size(text: str, number: str, unit: str, measure: Measure) -> float:
    try:
        if unit in ("%", "pp"):
            if unit == "pp" and measure.kind != "share":
                raise ValueError(f"only goodput and error_rate change by points: write {number}%")
            return float(number) / 100
        if measure.kind != "seconds":
            raise ValueError("only times change by a time: write a percentage")
        return float(parse_duration(number + unit))
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
