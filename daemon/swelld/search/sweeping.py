"""The course of a sweep that finds its own levels: two probes, then levels between what they reached."""

from collections.abc import Sequence

import msgspec

from swelld.analysis.levels import probes
from swelld.load.bounds import Bounds
from swelld.load.course import End, Look
from swelld.load.levelled import label
from swelld.load.stage import Stage
from swelld.load.sweep import Sweeping
from swelld.result import Result, StageResult
from swelld.search.bracket import DIGITS
from swelld.search.judging import answer_seconds

BEYOND = 2.0
"""Users are raised to so many times what would carry the highest rate if answers did not slow down."""


class Sweep:
    """A course; see `swelld.load.course.Course`."""

    def __init__(self, sweep: Sweeping, bounds: Bounds, copies: int) -> None:
        """`copies`: how many times the load is carried side by side."""
        self._sweep = sweep
        self._bounds = bounds
        self._copies = copies
        self._levels: list[float] | None = None
        self._number = 0

    def before(self) -> Sequence[StageResult]:
        return ()

    def next(self, done: Sequence[StageResult]) -> Stage | None:
        settings = self._sweep.sweep
        answer = answer_seconds([stage for stage in done if stage.stage == label("concurrency", 1)])
        self._number += 1
        if self._number <= 2:
            return self._sweep.probe((1, settings.users)[self._number - 1], self._bounds, answer, self._number - 1)
        if self._levels is None:
            self._levels = self._between(done)
        if not self._levels:
            self._number -= 1
            return None
        return settings.stage(self._levels.pop(0), self._bounds, answer, self._number - 1)

    def look(self, look: Look) -> End | None:
        return None

    def expected(self) -> int:
        left = self._sweep.sweep.count if self._levels is None else len(self._levels)
        return max(2, self._number) + left

    def complete(self, result: Result) -> Result:
        """Probes are no levels: of what they showed only their validity is judged."""
        probed = {stage.stage for stage in probes(result.stages)}
        verdict = [one for one in result.verdict if one.stage not in probed or one.subject == "validity"]
        return msgspec.structs.replace(result, verdict=verdict)

    def _between(self, done: Sequence[StageResult]) -> list[float]:
        settings = self._sweep.sweep
        alone, many = (_rate(done, label("concurrency", users)) / self._copies for users in (1, settings.users))
        if not alone or not many:
            return []
        if settings.kind == "rate":
            return rates(alone, many, settings.count)
        known = {1.0, float(settings.users)}
        return [users for users in numbers(many / alone, settings.users, settings.count) if users not in known]


def rates(lowest: float, highest: float, count: int) -> list[float]:
    """Evenly spaced, the lowest and the highest among them: both are known to be carried by some number of users."""
    low, high = min(lowest, highest), max(lowest, highest)
    step = (high - low) / max(1, count - 1)
    return sorted({float(f"{high - place * step:.{DIGITS}g}") for place in range(count)})


def numbers(needed: float, most: int, count: int) -> list[float]:
    """Of users, evenly spaced on a scale of factors, up to `BEYOND` times what is needed and no more than `most`."""
    highest = min(float(most), max(2.0, BEYOND * needed))
    return sorted({float(round(highest ** (place / count))) for place in range(1, count + 1)})


def _rate(done: Sequence[StageResult], stage: str) -> float:
    return sum(one.request_rate or 0.0 for one in done if one.stage == stage)
