"""A run over several levels of load: its stages in order of load, and what they say about where to operate."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from swelld.analysis import figures
from swelld.measurement import CONTENTION
from swelld.result import Result, StageResult

Kind = Literal["concurrency", "rate"]

SATURATED: Final = 0.95
"""Share of the best request rate from which on more load is taken to bring nothing more."""
ERRORS: Final = 0.01
"""Share of failed requests up to which a level counts as carried, where there is no objective."""
LIMIT: Final = (0.7, 0.8)
"""Shares of the most that was carried within which to operate: what is left takes up bursts and a lost replica."""
FEWEST: Final = 3
"""Levels without which nothing is said of where a server saturates."""

_LABEL: Final = re.compile(r"(concurrency|rate)=(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


@dataclass(frozen=True, slots=True)
class Sweep:
    """The stages of one target, by rising load."""

    target: str
    model: str
    kind: Kind | None
    """None where stages are no levels of one kind of load; they are in their own order then."""
    levels: tuple[float, ...]
    """Users or requests per second; the places 0, 1, 2, ... where there is no `kind`."""
    stages: tuple[StageResult, ...]

    @property
    def samples(self) -> int:
        """Requests scheduled in all stages."""
        return sum(stage.requests.scheduled for stage in self.stages)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sweep says, in words; figures are stages of the sweep, None where there is no such."""

    best: StageResult | None
    """The level of the highest request rate."""
    saturation: StageResult | None
    """The lowest level from which on more load brings next to nothing more; None if the last one still did."""
    errors_begin: StageResult | None
    """The lowest level with timeouts, 429 or 503."""
    carried: StageResult | None
    """The highest level that met its objective, as did all below it; without an objective, that answered nearly all."""
    limit: tuple[float, float] | None
    """Requests per second to operate at."""
    lines: tuple[str, ...]
    """A sentence each."""


def sweeps(result: Result) -> list[Sweep]:
    """One for each target, in the order of the result."""
    return [_sweep(result, target) for target in dict.fromkeys(stage.target for stage in result.stages)]


def _sweep(result: Result, target: str) -> Sweep:
    stages = [stage for stage in result.stages if stage.target == target]
    found = [None if stage.changes else _LABEL.fullmatch(stage.stage) for stage in stages]
    kinds = {match[1] if match else None for match in found}
    if len(kinds) > 1 or None in kinds:
        places = tuple(float(place) for place in range(len(stages)))
        return Sweep(target, stages[0].model, None, places, tuple(stages))
    levels = [float(match[2]) for match in found if match]
    order = sorted(range(len(stages)), key=levels.__getitem__)
    kind: Kind = "rate" if kinds == {"rate"} else "concurrency"
    return Sweep(target, stages[0].model, kind, tuple(levels[n] for n in order), tuple(stages[n] for n in order))


def error_share(stage: StageResult) -> float | None:
    """Failed requests of those that came to an end of their own; None without any."""
    answered = stage.requests.ok + stage.requests.failed
    return stage.requests.failed / answered if answered else None


def success_share(stage: StageResult) -> float | None:
    """Good answers of all scheduled requests: dropped ones count."""
    return stage.requests.ok / stage.requests.scheduled if stage.requests.scheduled else None


def read(sweep: Sweep) -> Reading:
    """Where the server saturates and how much of that to use; the sentences say why where it cannot be told."""
    stages = sweep.stages
    rated = [stage for stage in stages if stage.request_rate and stage.requests.ok]
    best = max(rated, key=_rate, default=None)
    saturation = _saturation(rated, best) if sweep.kind is not None else None
    carried = _carried(stages)
    errors = next((stage for stage in stages if _contended(stage)), None)
    limit = None
    if carried is not None and len(rated) >= FEWEST and sweep.kind is not None and _sound(sweep, carried):
        limit = (LIMIT[0] * _rate(carried), LIMIT[1] * _rate(carried))
    found = Reading(best, saturation, errors, carried, limit, ())
    return Reading(best, saturation, errors, carried, limit, tuple(_sentences(sweep, found)))


def conclusions(result: Result) -> list[tuple[str, tuple[str, ...]]]:
    """Sentences on the capacity with the target that they are about: those of the search, where the run was one."""
    if result.search is not None:
        return [(", ".join(dict.fromkeys(stage.target for stage in result.stages)), tuple(result.search.lines))]
    return [(sweep.target, read(sweep).lines) for sweep in sweeps(result)]


def _sound(sweep: Sweep, until: StageResult) -> bool:
    """Whether the load generator kept up at all levels up to one."""
    return all(stage.validity.valid for stage in sweep.stages[: sweep.stages.index(until) + 1])


def _rate(stage: StageResult) -> float:
    return stage.request_rate or 0.0


def _saturation(rated: Sequence[StageResult], best: StageResult | None) -> StageResult | None:
    if best is None or len(rated) < FEWEST:
        return None
    first = next(stage for stage in rated if _rate(stage) >= SATURATED * _rate(best))
    return None if first is rated[-1] else first


def _carried(stages: Sequence[StageResult]) -> StageResult | None:
    last = None
    for stage in stages:
        if stage.request_rate is None or not _good(stage):
            return last
        last = stage
    return last


def _good(stage: StageResult) -> bool:
    if stage.goodput is not None:
        return stage.goodput.ratio is not None and stage.goodput.ratio >= stage.goodput.target_ratio
    share = success_share(stage)
    return share is not None and share >= 1 - ERRORS


def _contended(stage: StageResult) -> int:
    return sum(error.count for kind, error in stage.errors.items() if kind in CONTENTION)


def _sentences(sweep: Sweep, found: Reading) -> Iterator[str]:
    if found.best is None:
        kinds = Counter[str]()
        for stage in sweep.stages:
            kinds.update({kind: error.count for kind, error in stage.errors.items()})
        said = ", ".join(f"{figures.count(count)} times {kind}" for kind, count in kinds.most_common(3))
        yield f"No request was answered{f' ({said})' if said else ''}: there is nothing to read from the figures."
        return
    if doubted := [stage.stage for stage in sweep.stages if not stage.validity.valid]:
        yield f"The load generator itself was the bottleneck at {', '.join(doubted)}: figures from there are in doubt."
    best = f"{figures.rate(_rate(found.best))} requests/s at {found.best.stage}"
    if len(sweep.stages) < FEWEST or sweep.kind is None:
        yield f"The highest request rate was {best}."
        yield f"To find where the server saturates, sweep at least {FEWEST} levels of rate or concurrency."
        return
    yield _bend(found, best)
    if found.errors_begin is not None:
        count = figures.count(_contended(found.errors_begin))
        yield f"Timeouts and answers 429 or 503 begin at {found.errors_begin.stage} ({count} of them)."
    yield from _recommended(sweep, found)


def _bend(found: Reading, best: str) -> str:
    if found.saturation is None:
        return (
            f"Not saturated: the request rate still grew at the last level ({best}); add higher ones to find the end."
        )
    rate = figures.rate(_rate(found.saturation))
    if found.saturation is found.best:
        return f"Saturated at {found.saturation.stage}: {rate} requests/s, and more load brings no more."
    return f"Saturated from {found.saturation.stage} ({rate} requests/s); the most was {best}."


def _recommended(sweep: Sweep, found: Reading) -> Iterator[str]:
    objective = any(stage.goodput is not None for stage in sweep.stages)
    met, not_met = (
        ("met the objective", "did not meet the objective")
        if objective
        else (f"answered {figures.percent(1 - ERRORS)} of the requests", "left too many requests without an answer")
    )
    if found.carried is None:
        yield f"Already {sweep.stages[0].stage} {not_met}: there is no load to recommend. Start lower."
        return
    rate = figures.rate(_rate(found.carried))
    yield f"The highest load that {met} was {found.carried.stage} ({rate} requests/s)."
    if found.limit is None:
        yield "The load generator did not keep up on the way there, so no load is recommended: use a larger machine."
    else:
        low, high = (figures.rate(value) for value in found.limit)
        until = " until higher levels are measured" if found.carried is sweep.stages[-1] else ""
        yield f"Operate at {low} to {high} requests/s ({LIMIT[0]:.0%} to {LIMIT[1]:.0%} of that){until}."
