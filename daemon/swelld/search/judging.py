"""Judges one level of load: early where that is clear, at its end in any case."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from swelld.analysis import figures
from swelld.analysis.shares import Interval, Sequential, dependence, interval
from swelld.load.course import End, Look
from swelld.load.stage import OpenStage, Stage
from swelld.result import StageResult
from swelld.search.backlog import HOPELESS, LEAST_SECONDS, Backlog, Trend

ANSWERS: Final = 10
"""From which the time of an answer is taken."""
SETTLED: Final = 2.0
"""So many times that after its start a level has settled."""
ANSWER_TIMES: Final = 3.0
"""So many times that, and so much of its planned time or rounds, a level takes before it is accepted early: a queue
that grows slowly looks good at first."""
PART: Final = 1 / 3
CHANCE: Final = 2.0
"""Random arrivals are off by so many times the root of their number, once in twenty by more."""
LOST: Final = 0.5
"""Share left behind beyond which a level is not even looked at to its end."""
FAR: Final = 0.1
"""Share left behind that may go unnoticed as long as no level is known to be too high: the next one will be."""
ROUNDS: Final = 3
MOST_BLOCKS: Final = 40


class Asked(NamedTuple):
    """What a level has to show."""

    share: float
    confidence: float
    precision: float
    """The share of the arrivals, twice that which may be left behind for good."""


class Judgement(NamedTuple):
    """What a level has shown."""

    accepted: bool | None
    """None: nothing can be said, for the load was not what it was meant to be."""
    sure: bool
    good: int
    total: int
    bounds: Interval | None
    reason: str
    seconds: float
    early: bool
    doubted: bool = False
    """Whether the load generator was the bottleneck."""


class _Target:
    """The good requests of one target over time."""

    def __init__(self, confidence: float) -> None:
        self._test = Sequential(confidence)
        self._seen: list[tuple[int, int]] = [(0, 0)]
        self._stride = 0.0
        self._bounds: Interval | None = None

    def look(self, stage: StageResult) -> Interval | None:
        """What may be believed of it since the test looked last."""
        good, total = counts(stage)
        if total - self._seen[-1][1] > self._stride:
            self._seen.append((good, total))
        if len(self._seen) > MOST_BLOCKS:
            self._seen = self._seen[::2]
            self._stride = total / MOST_BLOCKS
        self._bounds = self._test.look(good, total, self.dependence()) or self._bounds
        return self._bounds

    def dependence(self) -> float:
        pairs = zip(self._seen, self._seen[1:], strict=False)
        return dependence([(later[0] - one[0], later[1] - one[1]) for one, later in pairs])


class Judge:
    """Watches one level."""

    def __init__(self, stage: Stage, asked: Asked, copies: int, *, far: bool) -> None:
        """`copies`: how many times the load is carried side by side; `far`: no level is known to be too high yet."""
        self.stage = stage
        self.early: Judgement | None = None
        """What was decided before its end."""
        self._asked = asked
        self._copies = copies
        self._far = far
        self._random = isinstance(stage, OpenStage) and stage.process != "constant"
        self._backlog = Backlog(stage.rate * copies) if isinstance(stage, OpenStage) else None
        self._targets: dict[str, _Target] = {}
        self._answer: float | None = None

    def look(self, look: Look) -> End | None:
        """Whether it is decided by now; then `early` says how."""
        if self._answer is None and sum(stage.e2e.count for stage in look.stages) >= ANSWERS:
            self._answer = answer_seconds(look.stages)
        settled = self._answer is not None and look.elapsed >= max(self.stage.warmup_seconds, SETTLED * self._answer)
        if self._backlog is not None and settled:
            self._backlog.look(look.elapsed, look.in_flight)
        bounds = [self._target(stage).look(stage) for stage in look.stages]
        total = sum(counts(stage)[1] for stage in look.stages)
        trend = self._backlog.trend() if self._backlog is not None else None
        beyond = max(HOPELESS, 2 * self._asked.precision) + self._chance(total)
        if _doubt(look.stages) is not None and (trend is None or trend.behind < LOST):
            return None  # it may be a passing moment, which the rest of the level outweighs
        if trend is not None and trend.grows(beyond, clearly=True):
            self.early = self._judged(look.stages, trend, early=True)
            return "cancel"
        if any(b is not None and b.high < self._asked.share for b in bounds) and self._settled(look, total):
            self.early = self._judged(look.stages, trend, early=True)
            return "cancel"
        if all(b is not None and b.low >= self._asked.share for b in bounds) and self._long_enough(look, trend):
            self.early = self._judged(look.stages, trend, early=True)
            return "drain"
        return None

    def over(self, stages: Sequence[StageResult]) -> Judgement:
        """What it has shown, once it is over."""
        if self.early is not None:
            return self.early
        return self._judged(stages, self._backlog.trend() if self._backlog is not None else None, early=False)

    def _target(self, stage: StageResult) -> _Target:
        return self._targets.setdefault(stage.target, _Target(self._asked.confidence))

    def _settled(self, look: Look, total: int) -> bool:
        """Whether what is seen is more than the waves that a level begins with."""
        if self._answer is None or look.elapsed - self.stage.warmup_seconds < SETTLED * self._answer:
            return False
        return total >= SETTLED * self._copies * getattr(self.stage, "users", 0)

    def _long_enough(self, look: Look, trend: Trend | None) -> bool:
        if self._answer is None:
            return False
        seconds = look.elapsed - self.stage.warmup_seconds
        if seconds < max(LEAST_SECONDS, ANSWER_TIMES * self._answer, PART * (self.stage.duration or 0.0)):
            return False
        total = sum(counts(stage)[1] for stage in look.stages)
        if self._backlog is not None:
            if trend is None or total < PART * (self.stage.requests or 0) * self._copies:
                return False
            if self._random:
                return self._far and trend.behind + self._chance(total) <= FAR
            return trend.behind <= self._asked.precision / 2
        return total >= ROUNDS * self._copies * getattr(self.stage, "users", 0)

    def _chance(self, total: int) -> float:
        """What chance may add to or take from the share that is left behind; nothing if arrivals are evenly spaced."""
        return CHANCE / math.sqrt(max(1, total)) if self._random else 0.0

    def _judged(self, stages: Sequence[StageResult], trend: Trend | None, *, early: bool) -> Judgement:
        """By the target that fares worst."""
        asked = self._asked
        worst = min(stages, key=lambda stage: counts(stage)[0] / max(1, counts(stage)[1]))
        good, total = counts(worst)
        bounds = interval(good, total, asked.confidence, self._target(worst).dependence())
        seconds = max(stage.window_seconds for stage in stages)
        grows = trend is not None and trend.grows(asked.precision / 2)
        if bounds is None:
            return Judgement(False, False, 0, 0, None, "no request fell into its window", seconds, early)
        met = good >= asked.share * total - 1e-9
        words = _words(good, total, bounds, asked, met=met)
        if any(stage.changes or stage.withheld for stage in stages):
            words = "its load was changed or held back on the way"
            return Judgement(None, False, good, total, bounds, words, seconds, early)
        doubt = _doubt(stages)
        if met and not grows:
            sure = bounds.low >= asked.share and doubt is None
            return Judgement(True, sure, good, total, bounds, words, seconds, early, doubt is not None)
        if doubt is not None:
            return Judgement(None, False, good, total, bounds, doubt, seconds, early, doubted=True)
        if grows and trend is not None:
            words = f"the queue grows: {figures.percent(trend.behind)} of the arrivals were left behind"
        return Judgement(False, grows or bounds.high < asked.share, good, total, bounds, words, seconds, early)


def _doubt(stages: Sequence[StageResult]) -> str | None:
    """Why what was seen may be the load generator's doing."""
    reasons = ("; ".join(stage.validity.reasons) for stage in stages if not stage.validity.valid)
    return next((f"the load generator was the bottleneck: {reason}" for reason in reasons), None)


def counts(stage: StageResult) -> tuple[int, int]:
    """(good, all) requests; without thresholds an answer is good."""
    if stage.goodput is not None:
        return stage.goodput.good, stage.goodput.total
    return stage.requests.ok, stage.requests.scheduled


def answer_seconds(stages: Sequence[StageResult]) -> float | None:
    """How long an answer takes, by the slowest target."""
    return max((stage.e2e.p50 for stage in stages if stage.e2e.p50 is not None), default=None)


def _words(good: int, total: int, bounds: Interval, asked: Asked, *, met: bool) -> str:
    bound = f"at least {figures.percent(bounds.low)}" if met else f"at most {figures.percent(bounds.high)}"
    return (
        f"{figures.percent(good / total)} of {figures.count(total)} requests were good ({bound} with "
        f"{asked.confidence:.0%} confidence), {figures.percent(asked.share)} asked for"
    )
