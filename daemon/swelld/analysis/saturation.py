"""Where a server saturates: the one judge of it, for sweeps and searches, one target and all of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from swelld.analysis.levels import levels_of
from swelld.measurement import CONTENTION
from swelld.result import Kind, Saturation, StageResult

FEWEST: Final = 3
"""Levels without which nothing is said of where a server saturates."""
SATURATED: Final = 0.95
"""Share of the highest rate of answers from which on more load is taken to bring nothing more."""
ENOUGH: Final = 2.0
"""Times as long as an answer takes, after which a window without any answer is no accident."""


class _Point(NamedTuple):
    level: float
    rate: float
    """Answers per second."""
    good_rate: float
    contended: bool
    measured: bool


def saturation(stages: Sequence[StageResult], kind: Kind) -> Saturation:
    """Over the stages that are levels of one kind, all targets together; others are left out."""
    points = _points(stages, kind)
    measured = [point for point in points if point.measured]
    best = max(points, key=lambda point: point.good_rate, default=None)
    errors = next((point.level for point in points if point.contended), None)
    return Saturation(
        bend=bend([point.level for point in measured], [point.rate for point in measured]),
        best=best.level if best and best.good_rate else None,
        best_rate=best.good_rate if best and best.good_rate else None,
        errors_begin=errors,
    )


def bend(levels: Sequence[float], rates: Sequence[float]) -> float | None:
    """The lowest of the rising levels at which the rate is next to the highest one; None if the rate still grew, the
    load rose too little beyond it to tell, or nothing was answered at any."""
    if len(levels) < FEWEST or not any(rates):
        return None
    best = max(rates)
    level, rate = next(point for point in zip(levels, rates, strict=True) if point[1] >= SATURATED * best)
    return level if SATURATED * levels[-1] / level >= best / rate else None


def telling(stages: Sequence[StageResult]) -> list[StageResult]:
    """Those of some levels whose rate says something of the server. Where load was offered and no answer came within
    the window it is beyond all it can do, unless the window was too short for an answer of the lightest load."""
    answers = (stage.e2e.p50 for stage in stages if stage.request_rate and stage.e2e.p50 is not None)
    least = min((ENOUGH * seconds for seconds in answers), default=None)
    return [stage for stage in stages if stage.request_rate or (least is not None and _unanswered(stage, least))]


def _unanswered(stage: StageResult, least: float) -> bool:
    return stage.request_rate is not None and stage.requests.scheduled > 0 and stage.window_seconds >= least


def contended(stage: StageResult) -> int:
    """Timeouts and answers 429 or 503."""
    return sum(error.count for kind, error in stage.errors.items() if kind in CONTENTION)


def _points(stages: Sequence[StageResult], kind: Kind) -> list[_Point]:
    targets = dict.fromkeys(stage.target for stage in stages)
    levels: dict[float, list[StageResult]] = {}
    told: set[int] = set()
    for target in targets:
        found = levels_of((stage for stage in stages if stage.target == target), kind)
        told |= set(map(id, telling([*found.values()])))
        for level, stage in found.items():
            levels.setdefault(level, []).append(stage)
    return [_point(level, levels[level], any(id(one) in told for one in levels[level])) for level in sorted(levels)]


def _point(level: float, stages: Sequence[StageResult], measured: bool) -> _Point:
    good = sum((s.goodput.rate if s.goodput else s.request_rate) or 0.0 for s in stages)
    rate = sum(s.request_rate or 0.0 for s in stages)
    return _Point(level, rate, good, any(map(contended, stages)), measured)
