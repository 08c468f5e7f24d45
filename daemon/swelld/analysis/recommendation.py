"""How many replicas a peak needs, from the capacity of one: a pure function over a search, with its reasons."""

import math
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from swelld.analysis import figures
from swelld.analysis.shares import fewest
from swelld.result import Result, SearchLevel, SearchResult, StageResult

HOURS: Final = 730.0
"""Of a month."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served, and what with."""

    peak: int
    """Users at a time."""
    headroom: float = 0.2
    """Spare capacity, as a share of the peak."""
    gpus_per_replica: int | None = None
    """Null if it is not known: nothing is said of GPUs then."""
    gpu_name: str | None = None
    gpu_price: float | None = None
    """For each GPU and hour."""
    currency: str = "USD"


class Spread(msgspec.Struct, frozen=True):
    """A figure and between what it lies, as far as that is known."""

    value: float
    low: float | None
    high: float | None


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a replica did at the load that it is to get, or at the next higher one that was measured."""

    users: int
    """Of one replica, at the peak."""
    measured_at: float
    """Users, of the level that the figures are from."""
    good_share: float | None
    ttft_p50: float | None
    ttft_p95: float | None
    tpot_p50: float | None
    tpot_p95: float | None
    e2e_p95: float | None
    request_rate: float | None
    """Of all replicas together, like the next one."""
    output_token_rate: float | None


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, as `swelld recommend --output` writes it."""

    schema: Literal["swelld.recommendation/1"] = "swelld.recommendation/1"
    answered: bool
    """Whether the measurement supports an answer; if not, `reasoning` says why, and the rest is null."""
    wish: Wish
    needed: int
    """Users that all replicas together have to carry: the peak and the headroom."""
    capacity: Spread | None = None
    """Users that one replica carries."""
    replicas: Spread | None = None
    gpus: int | None = None
    monthly_cost: float | None = None
    """Of the GPUs, in the currency of the wish."""
    expected: Expected | None = None
    formula: str
    reasoning: list[str]
    run: str | None = None
    """The run that it rests on."""
    levels: list[SearchLevel] = []


FORMULA: Final = "replicas = ceil(peak * (1 + headroom) / users that one replica carries)"


def recommend(result: Result, wish: Wish) -> Recommendation:
    """From a run that searched for the concurrency of one replica; ValueError if it is no such run."""
    found = result.search
    if found is None or found.kind != "concurrency":
        raise ValueError(
            f"run {result.run.id} is no search for a concurrency: give its scenario the load "
            "{search: {kind: concurrency}}"
        )
    needed = needed_users(wish)
    refusal = list(_refusal(found, needed))
    if refusal:
        return Recommendation(
            answered=False, wish=wish, needed=needed, formula=FORMULA, reasoning=refusal, run=result.run.id,
            levels=found.levels,
        )  # fmt: skip
    capacity = Spread(float(found.capacity or 0), found.low, _below(found.high))
    replicas = Spread(
        float(_replicas(needed, capacity.value)),
        float(_replicas(needed, capacity.high)) if capacity.high is not None else None,
        float(_replicas(needed, capacity.low)) if capacity.low is not None else None,
    )
    gpus = int(replicas.value) * wish.gpus_per_replica if wish.gpus_per_replica is not None else None
    cost = gpus * wish.gpu_price * HOURS if gpus is not None and wish.gpu_price is not None else None
    expected = _expected(found, result.stages, wish.peak, int(replicas.value))
    plain = Recommendation(
        answered=True, wish=wish, needed=needed, capacity=capacity, replicas=replicas, gpus=gpus, monthly_cost=cost,
        expected=expected, formula=FORMULA, reasoning=[], run=result.run.id, levels=found.levels,
    )  # fmt: skip
    return msgspec.structs.replace(plain, reasoning=[*_reasons(plain, found)])


def needed_users(wish: Wish) -> int:
    """The peak and the headroom."""
    return math.ceil(wish.peak * (1 + wish.headroom) - 1e-9)


def _replicas(needed: int, capacity: float) -> int:
    return math.ceil(needed / capacity - 1e-9)


def _below(rejected: float | None) -> float | None:
    """The most that may be carried if so many users are too many."""
    return None if rejected is None else max(1.0, rejected - 1)


def _refusal(found: SearchResult, needed: int) -> Iterator[str]:
    doubt = next((level for level in reversed(found.levels) if level.accepted is None), None)
    if found.ended == "stopped":
        yield "The measurement was stopped before it was over: run it again, it goes on where it was."
    elif found.ended == "doubt" and doubt is not None:
        yield f"The measurement is not valid at {doubt.level:.0f} users: {doubt.reason}. Measure from a larger machine."
    elif found.capacity is None:
        yield _nothing(found)
    elif found.low is None:
        yield _too_few(found)
    elif found.ended == "max" and found.capacity < needed:
        yield (
            f"Every level met the target, up to {found.capacity:.0f} users: the capacity of a replica is not known. "
            f"Measure higher levels; with the {found.capacity:.0f} users that are known to be carried, "
            f"{_replicas(needed, found.capacity)} replicas are enough, and fewer may be."
        )
    elif found.ended in ("time", "requests"):
        yield (
            f"The {found.ended} of the measurement was used up before the capacity was found; it is at least "
            f"{found.capacity:.0f} users. Allow more."
        )


def _nothing(found: SearchResult) -> str:
    if not found.levels:
        return "Nothing was measured."
    lowest = min(found.levels, key=lambda level: level.level)
    who = "a single user" if lowest.level == 1 else f"{lowest.level:.0f} users"
    return (
        f"No level meets the target, not even {who} ({lowest.reason}): more replicas do not help. "
        "A faster server or a looser target would."
    )


def _too_few(found: SearchResult) -> str:
    most = max(level.total for level in found.levels)
    least = fewest(found.share, found.confidence)
    need = f"at least {least}" if least is not None else "no number"
    return (
        f"Too few requests: {figures.count(most)} at most were asked at a level, and {need} can show a share of "
        f"{figures.percent(found.share)} with {found.confidence:.0%} confidence. Raise --num-requests."
    )


def _expected(found: SearchResult, stages: Sequence[StageResult], peak: int, replicas: int) -> Expected | None:
    users = math.ceil(peak / replicas)
    fitting = [level for level in found.levels if level.accepted and level.level >= users]
    level = min(fitting, key=lambda level: level.level, default=None)
    stage = next((one for one in stages if level is not None and one.stage == level.stage), None)
    if level is None or stage is None:
        return None
    return Expected(
        users=users,
        measured_at=level.level,
        good_share=stage.goodput.ratio if stage.goodput else None,
        ttft_p50=stage.ttft.p50,
        ttft_p95=stage.ttft.p95,
        tpot_p50=stage.tpot.p50,
        tpot_p95=stage.tpot.p95,
        e2e_p95=stage.e2e.p95,
        request_rate=_of_all(stage.request_rate, peak / level.level),
        output_token_rate=_of_all(stage.output_token_rate, peak / level.level),
    )


def _of_all(rate: float | None, times: float) -> float | None:
    """Users at a lighter load ask at least as often: the sum is rather more than this."""
    return None if rate is None else rate * times


def _reasons(made: Recommendation, found: SearchResult) -> Iterator[str]:
    wish, capacity, replicas = made.wish, made.capacity, made.replicas
    assert capacity is not None
    assert replicas is not None
    met = next(level for level in found.levels if level.accepted and level.level == capacity.value)
    yield f"One replica carries {capacity.value:.0f} users at a time: {met.reason}."
    yield (
        f"A peak of {wish.peak} users and {wish.headroom:.0%} of headroom are {made.needed} users: "
        f"{made.needed} / {capacity.value:.0f} = {made.needed / capacity.value:.2f}, so {_count(replicas.value)}."
    )
    if made.needed > capacity.value:
        yield from _uncertainty(capacity, replicas, found)
    elif found.ended == "max":
        yield "More was not measured: one replica is enough."
    if made.expected is not None:
        use = wish.peak / (replicas.value * capacity.value)
        yield f"At the peak each has {made.expected.users} users, {use:.0%} of what it carries."
    if made.gpus is not None:
        name = f" ({wish.gpu_name})" if wish.gpu_name else ""
        yield f"With {wish.gpus_per_replica} per replica that is {made.gpus} GPU{'' if made.gpus == 1 else 's'}{name}."
    if made.monthly_cost is not None:
        price = f"{wish.gpu_price:g} {wish.currency}"
        cost = f"{made.monthly_cost:,.0f} {wish.currency}"
        yield f"At {price} for each GPU and hour they cost {cost} a month of {HOURS:g} hours."
    yield "It holds for prompts and answers like those that were measured, shared out evenly over the replicas."


def _uncertainty(capacity: Spread, replicas: Spread, found: SearchResult) -> Iterator[str]:
    low, high = replicas.low, replicas.high
    if high is None:
        return
    known = f"With {found.confidence:.0%} confidence a replica carries at least {capacity.low:.0f}"
    if capacity.high is not None and low is not None:
        between = f"{low:.0f} to {_count(high)}" if low != high else _count(high)
        yield f"{known} and at most {capacity.high:.0f} users: {between}."
    else:
        yield f"{known} users: at most {_count(high)}."


def _count(replicas: float) -> str:
    return f"{replicas:.0f} replica{'' if replicas == 1 else 's'}"
