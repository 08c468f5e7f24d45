"""Where a server bends: over the levels of a search or sweep, in any order."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from swelld.distribution import Floats
from swelld.measurement import CONTENTION
from swelld.result import Kind, Saturation, StageResult

FEWEST: Final = 4
"""Levels without which no bend is seen."""
FLAT: Final = 0.5
"""Behind a bend the rate of good answers grows at most so much as fast as before."""
LEAST_GROWTH: Final = 0.1
"""Of the highest rate, by which it has to have grown up to the bend."""


class _Point(NamedTuple):
    level: float
    good_rate: float
    contended: bool


def saturation(stages: Sequence[StageResult], kind: Kind) -> Saturation:
    """Over the stages that are levels of one kind, all targets together; others are left out."""
    points = _points(stages, kind)
    best = max(points, key=lambda point: point.good_rate, default=None)
    errors = next((point.level for point in points if point.contended), None)
    return Saturation(
        bend=bend([point.level for point in points], [point.good_rate for point in points]),
        best=best.level if best and best.good_rate else None,
        best_rate=best.good_rate if best and best.good_rate else None,
        errors_begin=errors,
    )


def bend(levels: Sequence[float], rates: Sequence[float]) -> float | None:
    """The level at which two straight lines that meet there fit the rates best; None if they do not bend."""
    if len(levels) < FEWEST:
        return None
    x, y = np.asarray(levels, dtype=np.float64), np.asarray(rates, dtype=np.float64)
    fits = [_hinge(x, y, place) for place in range(1, len(levels) - 1)]
    place, (_, before, after) = min(enumerate(fits, start=1), key=lambda fit: fit[1][0])
    grew = before * (x[place] - x[0]) > LEAST_GROWTH * y.max()
    return float(x[place]) if grew and after <= FLAT * before else None


def _hinge(x: Floats, y: Floats, place: int) -> tuple[float, float, float]:
    """Squared error, and the slopes before and behind one level."""
    design = np.column_stack([np.ones_like(x), np.minimum(x, x[place]), np.maximum(x - x[place], 0.0)])
    found, *_ = np.linalg.lstsq(design, y, rcond=None)
    return float(np.square(y - design @ found).sum()), float(found[1]), float(found[2])


def _points(stages: Sequence[StageResult], kind: Kind) -> list[_Point]:
    levels: dict[float, list[StageResult]] = {}
    for stage in stages:
        name, _, level = stage.stage.partition("=")
        if name == kind and level.replace(".", "", 1).isdigit():
            levels.setdefault(float(level), []).append(stage)
    return [_point(level, levels[level]) for level in sorted(levels)]


def _point(level: float, stages: Sequence[StageResult]) -> _Point:
    rate = sum((s.goodput.rate if s.goodput else s.request_rate) or 0.0 for s in stages)
    return _Point(level, rate, any(kind in CONTENTION for stage in stages for kind in stage.errors))
