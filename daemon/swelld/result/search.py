"""What a search or a sweep decided about every level, as it is kept in the result of its run."""

from typing import Literal

import msgspec

Kind = Literal["rate", "concurrency"]

Why = Literal["precise", "max", "nothing", "doubt", "time", "requests", "stopped"]
"""Why a search ended: it was `precise` enough; the `max` was carried; `nothing` was, not even the lowest level; the
load generator put a level in `doubt`, or something held the load back; it had used up its `time` or `requests`; or it
was `stopped`."""


class SearchLevel(msgspec.Struct, frozen=True, kw_only=True):
    """One level, and what was decided about it."""

    level: float
    """Requests per second, or users of each target that gets the whole load."""
    stage: str
    accepted: bool | None
    """Null where nothing can be said: the load generator was the bottleneck, or the load was held back."""
    sure: bool
    """Whether that holds with the confidence of the search."""
    good: int
    """Requests that met every threshold, when it was decided; without thresholds, those that were answered."""
    total: int
    low: float | None
    """The share of good requests is at least so much, with the confidence of the search."""
    high: float | None
    """And at most so much."""
    seconds: float
    """How long its window had been open when it was decided."""
    cut_short: bool
    """Whether it was decided before the end that it was planned with."""
    reason: str
    """Why it was accepted or not, in words."""
    doubted: bool = False
    """Whether the load generator was the bottleneck: a level that was accepted so is measured again if the capacity
    rests on it."""
    taken_over: bool = False
    """Measured by an earlier run of the same search that was broken off."""


class Saturation(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server bends, over the levels that were measured; null where it cannot be told. Levels are as in the
    stages' names; rates are requests per second."""

    bend: float | None
    """The lowest level that reaches 95 % of the highest rate of answers, good or not, if more load brought no more."""
    best: float | None
    """The level with most good answers per second: the optimal one."""
    best_rate: float | None
    """Good answers per second there."""
    errors_begin: float | None
    """The lowest level with timeouts, 429 or 503."""


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """The highest load that met the objective, and how that is known."""

    kind: Kind
    share: float
    """Of good requests, that was asked for."""
    confidence: float
    precision: float
    capacity: float | None
    """The highest level that was accepted; null if none was."""
    low: float | None
    """The highest level that was accepted for sure: the capacity is hardly below it."""
    high: float | None
    """The lowest level that was rejected for sure: the capacity is hardly above it; null if none was."""
    request_rate: float | None
    """Answers per second at the capacity, of all targets together."""
    limit: tuple[float, float] | None
    """Where to operate: 70 to 80 % of the capacity; null without one."""
    ended: Why
    levels: list[SearchLevel]
    """In the order in which they were measured: several times where one measurement was not enough to rely on, under
    names of their own (`rate=50 again=2`). What two of three have shown holds."""
    saturation: Saturation
    lines: list[str]
    """The same in words."""
