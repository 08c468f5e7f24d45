"""A chart as data: what is drawn where, in plain units, before anybody knows how."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

PALETTE: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
"""Colours that people with any of the common colour deficiencies can tell apart (Okabe and Ito), and a grey."""

WIDE_RANGE: Final = 8.0
"""Levels of load further apart than this, as a ratio, and crowded at the low end, are on a logarithmic axis."""

DECADES: Final = 30.0
"""Times further apart than this, as a ratio, are put on a logarithmic axis."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The horizontal axis: named places from left to right."""

    title: str
    places: tuple[float, ...]
    names: tuple[str, ...]
    numeric: bool = False
    """Whether places are numbers between which a line may run; otherwise they are separate things."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one bar of each group; None where there is no value."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    colour: int
    """Its number in the palette."""
    dashed: bool = False
    """Broken as a line, hatched as a bar."""
    spans: tuple[tuple[float, float] | None, ...] = ()
    """From where to where each value may reach; empty where that is not shown."""


@dataclass(frozen=True, slots=True)
class Dots:
    """Single requests, drawn faintly behind the lines."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    colour: int


@dataclass(frozen=True, slots=True)
class Level:
    """A horizontal line: a threshold."""

    y: float
    name: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One coordinate system."""

    title: str
    unit: str
    x: Axis
    series: tuple[Series, ...]
    samples: str = ""
    """What the values were made of, as `n = 40 to 900 answers`."""
    dots: tuple[Dots, ...] = ()
    levels: tuple[Level, ...] = ()
    top: float | None = None
    """Where the vertical axis ends at most, for shares."""
    note: str | None = None
    """Why there is nothing to see."""

    @property
    def empty(self) -> bool:
        """Whether there is no value at all."""
        return not any(y is not None for series in self.series for y in series.y)

    @property
    def lowest(self) -> float:
        """Where the vertical axis begins unless it is logarithmic: 0, or below it where a value or its span is."""
        values = [y for series in self.series for y in series.y if y is not None]
        ends = [span[0] for series in self.series for span in series.spans if span is not None]
        return min(0.0, *values, *ends)

    @property
    def bars(self) -> bool:
        """Separate things are compared by bars, and so is a single place, through which no line can run."""
        return not self.dots and (not self.x.numeric or len(self.x.places) < 2)

    @property
    def logarithmic(self) -> bool:
        """Whether the values span so much that the small ones would vanish."""
        values = [y for series in self.series for y in series.y if y is not None]
        if any(series.spans for series in self.series):
            return False
        return not self.bars and self.top is None and bool(values) and min(values) > 0 and _spread(values) > DECADES


@dataclass(frozen=True, slots=True)
class Sheet:
    """Charts that belong together in one picture."""

    name: str
    """Safe as the name of a file."""
    title: str
    subtitle: str
    charts: tuple[Chart, ...]
    table: tuple[tuple[str, ...], ...] = ()
    """Rows of figures below the charts, the first one heads."""
    remarks: tuple[str, ...] = ()
    """Sentences below the charts."""

    @property
    def missing(self) -> str | None:
        """Why nothing can be drawn; None if something can."""
        if any(not chart.empty for chart in self.charts):
            return None
        return next((chart.note for chart in self.charts if chart.note), "no value was measured")


def level_axis(title: str, levels: Iterable[float], names: Sequence[str] | None = None) -> Axis:
    """Levels of load at their places, the wide ranges by their logarithm; with `names` they are no numbers."""
    found = tuple(sorted(set(levels)))
    if names is not None:
        return Axis(title, found, tuple(names))
    wide = len(found) > 2 and found[0] > 0 and _spread(found) >= WIDE_RANGE and _crowded(found)
    places = tuple(math.log2(level) for level in found) if wide else found
    return Axis(title, places, tuple(f"{level:g}" for level in found), numeric=True)


def group_axis(title: str, names: Sequence[str]) -> Axis:
    """Separate things, side by side."""
    return Axis(title, tuple(float(place) for place in range(len(names))), tuple(names))


def counted(counts: Iterable[int], of: str) -> str:
    """`n = 120 answers`, or `n = 40 to 900 answers a point`; `of` in the singular."""
    found = sorted(counts) or [0]
    low, high = found[0], found[-1]
    if low != high:
        return f"n = {low:,} to {high:,} {of}s a point"
    return f"n = {low:,} {of}{'' if low == 1 else 's'}{' a point' if len(found) > 1 else ''}"


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, about so many."""
    if not high > low:
        return [low]
    raw = (high - low) / about
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten between two positive numbers, the powers alone where these are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) < 5 else (1,)
    return [v for power in powers for f in factors if low * 0.999 <= (v := f * 10.0**power) <= high * 1.001]


def _spread(values: Sequence[float]) -> float:
    return max(values) / min(values)


def _crowded(ordered: Sequence[float]) -> bool:
    """Whether two neighbours are less than half as far apart as they would be if all were spread evenly."""
    narrowest = min(after - before for before, after in pairwise(ordered))
    return narrowest < 0.5 * (ordered[-1] - ordered[0]) / (len(ordered) - 1)
