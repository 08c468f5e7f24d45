"""The figures that runs are compared by: where they stand in a result, and how far chance moves them."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from swelld.analysis.precision import share_floor, student
from swelld.result import StageResult, Statistics

Kind = Literal["seconds", "rate", "share"]
"""Shares change by points, everything else by a part of what it was."""
Better = Literal["lower", "higher"]

MANY: Final = 1000
"""Blocks that an error is said to be from where all requests are taken to be independent."""

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a stage."""

    name: str
    kind: Kind
    better: Better
    value: Callable[[StageResult], float | None]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and how far chance alone moves it."""

    value: float
    error: float | None
    """None: not known."""
    freedom: float
    """Degrees of freedom of the error."""


@dataclass(frozen=True, slots=True)
class Difference:
    """From one estimate to another, with the interval in which it lies with some confidence."""

    change: float
    """A part of what it was, or points."""
    low: float | None = None
    high: float | None = None

    @property
    def sure(self) -> bool:
        """Whether chance does not explain it."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def _statistic(metric: str, name: str) -> Callable[[StageResult], float | None]:
    def value(stage: StageResult) -> float | None:
        found: float | None = getattr(getattr(stage, metric), name)
        return found

    return value


def goodput(stage: StageResult) -> float | None:
    """Share of good requests; None without an objective."""
    return None if stage.goodput is None else stage.goodput.ratio


def error_rate(stage: StageResult) -> float | None:
    """Failed requests as a share of those that ended well or failed."""
    ended = stage.requests.ok + stage.requests.failed
    return stage.requests.failed / ended if ended else None


def _measures() -> list[Measure]:
    times = [
        Measure(f"{metric}.{name}", "seconds", "lower", _statistic(metric, name))
        for metric in ("ttft", "tpot", "itl", "e2e")
        for name in ("mean", "p50", "p90", "p95", "p99")
    ]
    return [
        *times,
        Measure("request_rate", "rate", "higher", lambda stage: stage.request_rate),
        Measure("output_token_rate", "rate", "higher", lambda stage: stage.output_token_rate),
        Measure("goodput", "share", "higher", goodput),
        Measure("error_rate", "share", "lower", error_rate),
    ]


MEASURES: Final[Mapping[str, Measure]] = {measure.name: measure for measure in _measures()}


def estimate(stage: StageResult, measure: Measure) -> Estimate | None:
    """None where it was not measured. Where the result does not say how precise a figure is (it was made by a version
    that did not, or the stage was short), requests are taken to be independent; see `independent`."""
    value = measure.value(stage)
    if value is None:
        return None
    known = stage.precision.get(measure.name)
    if known is not None:
        return Estimate(value, known.error, known.blocks - 1)
    if stage.precision:
        return Estimate(value, None, 1)  # too few requests for this one
    return Estimate(value, _as_if_independent(stage, measure), MANY)


def independent(stage: StageResult) -> bool:
    """Whether nothing is known of what its requests have in common."""
    return not stage.precision


def difference(base: Estimate, other: Estimate, kind: Kind, confidence: float = CONFIDENCE) -> Difference | None:
    """From `base` to `other`; None where there is nothing to measure a change by."""
    if kind == "share":
        change = other.value - base.value
        around = _reach((base.error, base.freedom), (other.error, other.freedom), confidence)
        return Difference(change) if around is None else Difference(change, change - around, change + around)
    if base.value <= 0 or other.value <= 0:
        return None
    logarithm = math.log(other.value / base.value)
    around = _reach(_relative(base), _relative(other), confidence)
    if around is None:
        return Difference(math.expm1(logarithm))
    return Difference(math.expm1(logarithm), math.expm1(logarithm - around), math.expm1(logarithm + around))


def interval(one: Estimate, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """In which the figure lies; None if that is not known."""
    if one.error is None:
        return None
    around = student(confidence, one.freedom) * one.error
    return one.value - around, one.value + around


def _relative(one: Estimate) -> tuple[float | None, float]:
    return (None if one.error is None else one.error / one.value), one.freedom


def _reach(one: tuple[float | None, float], other: tuple[float | None, float], confidence: float) -> float | None:
    """Half the width of the interval of a difference, by Welch's degrees of freedom."""
    if one[0] is None or other[0] is None:
        return None
    first, second = one[0] ** 2, other[0] ** 2
    if not first + second:
        return 0.0
    freedom = (first + second) ** 2 / (first**2 / one[1] + second**2 / other[1])
    return student(confidence, round(freedom, 1)) * math.sqrt(first + second)


def _as_if_independent(stage: StageResult, measure: Measure) -> float | None:
    if measure.kind == "seconds":
        metric, _, name = measure.name.partition(".")
        return _of_statistics(getattr(stage, metric), name)
    if measure.kind == "share":
        parts = {
            "goodput": (stage.goodput.good, stage.goodput.total) if stage.goodput else (0, 0),
            "error_rate": (stage.requests.failed, stage.requests.ok + stage.requests.failed),
        }[measure.name]
        return share_floor(*parts)
    value, answers = measure.value(stage), stage.requests.ok
    return value / math.sqrt(answers) if value is not None and answers else None


def _of_statistics(found: Statistics, name: str) -> float | None:
    """Of a mean or a percentile, the latter by straight lines between the percentiles that are known."""
    if name == "mean":
        return None if found.std is None else found.std / math.sqrt(found.count)
    q = float(name[1:]) / 100
    if found.count * (1 - q) < 5:
        return None
    error = math.sqrt(q * (1 - q) / found.count)
    low, high = _between(found, q - error), _between(found, q + error)
    return None if low is None or high is None else (high - low) / 2


def _between(found: Statistics, q: float) -> float | None:
    known = [
        (0.0, found.min),
        (0.5, found.p50),
        (0.9, found.p90),
        (0.95, found.p95),
        (0.99, found.p99),
        (1.0, found.max),
    ]
    points = [(place, value) for place, value in known if value is not None]
    for (left, lower), (right, upper) in itertools.pairwise(points):
        if left <= q <= right:
            return lower + (upper - lower) * (q - left) / (right - left)
    return None
