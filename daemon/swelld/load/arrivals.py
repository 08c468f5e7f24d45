"""When open-loop requests are due: pure functions of a stage and a seed, the same in every shard."""

import math
import random
from collections.abc import Iterator
from typing import NamedTuple

from swelld.load.stage import OpenStage


class Arrival(NamedTuple):
    """One due moment, in seconds after the stage's start; warm-up and window are numbered from 0 each."""

    number: int
    due: float
    warmup: bool


def arrivals(stage: OpenStage, seed: int) -> Iterator[Arrival]:
    """Every arrival of a stage on an absolute schedule, warm-up first.

    A unit-rate process is stretched by the inverse of the integrated rate, so a ramp changes the rate and nothing
    else. `duration` (its end is not part of it) and `requests` count from the end of the warm-up; whichever comes
    first ends the stage, which is endless if it has neither.
    """
    end = limit = math.inf
    warming, first = True, 0
    for index, progress in enumerate(_unit_process(stage, seed)):
        due = _moment(stage, progress)
        if warming and index >= stage.warmup_requests and due >= stage.warmup_seconds:
            warming, first = False, index
            start = due if stage.warmup_requests else stage.warmup_seconds
            end = start + stage.duration if stage.duration is not None else math.inf
            limit = stage.requests if stage.requests is not None else math.inf
        if index - first >= limit or due >= end:
            return
        yield Arrival(index - first, due, warming)


def _unit_process(stage: OpenStage, seed: int) -> Iterator[float]:
    """Arrival moments of a process with mean rate 1; the first one is at 0."""
    if stage.process == "constant":
        index = 0
        while True:
            yield float(index)
            index += 1
    draw = random.Random(f"{seed}/arrivals/{stage.label}")
    shape = 1.0 if stage.process == "poisson" else stage.burstiness
    moment = 0.0
    while True:
        yield moment
        moment += draw.gammavariate(shape, 1.0 / shape)


def _moment(stage: OpenStage, progress: float) -> float:
    """When the integral of the rate reaches `progress`; warm-up runs at the first rate, the ramp over the window."""
    warm = stage.rate * stage.warmup_seconds
    if stage.rate_end is None or stage.duration is None or progress <= warm:
        return progress / stage.rate
    slope = (stage.rate_end - stage.rate) / stage.duration
    beyond = progress - warm
    if slope == 0:
        return stage.warmup_seconds + beyond / stage.rate
    discriminant = stage.rate**2 + 2 * slope * beyond
    if discriminant < 0:  # a falling ramp that never gets this far
        return math.inf
    return stage.warmup_seconds + 2 * beyond / (stage.rate + math.sqrt(discriminant))


def share(limit: int, part: int, parts: int) -> int:
    """How many of `limit` things belong to part `part` of `parts`: they add up, and differ by one at most."""
    return limit // parts + (part < limit % parts)


def pick(weights: tuple[float, ...], index: int) -> int:
    """The target of request `index`: a low-discrepancy sequence, so that shares hold over any stretch of requests."""
    if len(weights) == 1:
        return 0
    place = ((index + 0.5) * 0.6180339887498949) % 1.0 * math.fsum(weights)
    for number, weight in enumerate(weights):
        place -= weight
        if place < 0:
            return number
    return len(weights) - 1
