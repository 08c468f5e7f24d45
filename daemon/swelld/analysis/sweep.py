"""A run over several levels of load: its stages in order of load, and what they say about where to operate."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from swelld.analysis import figures
from swelld.analysis.levels import level_of, levels_of, probes
from swelld.analysis.saturation import FEWEST, bend, contended, telling
from swelld.result import Kind, Result, SearchResult, StageResult

ERRORS: Final = 0.01
"""Share of failed requests up to which a level counts as carried, where there is no objective."""
ANSWERED: Final = 0.9
"""Share of the offered rate below which a server has not kept up with it."""
LIMIT: Final = (0.7, 0.8)
"""Shares of the most that was carried within which to operate: what is left takes up bursts and a lost replica."""


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
    """One for each level."""
    search: SearchResult | None = None
    """What was decided about these levels on the way, where the run was a search."""
    only: bool = True
    """Whether the run had no other target."""

    @property
    def samples(self) -> int:
        """Requests scheduled in these stages."""
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
    """One for each target, in the order of the result. Stages in which a target was alone are no levels, neither are
    the probes that a sweep of rates begins with, nor what had to be measured again."""
    levels = [stage for stage in result.stages if stage.solo_of is None]
    targets = dict.fromkeys(stage.target for stage in levels)
    return [
        _sweep(target, [stage for stage in levels if stage.target == target], result.search, only=len(targets) == 1)
        for target in targets
    ]


def _sweep(target: str, stages: Sequence[StageResult], search: SearchResult | None, *, only: bool) -> Sweep:
    probed = {id(stage) for stage in probes(stages)}
    rest = [stage for stage in stages if id(stage) not in probed]
    kinds = {None if level is None else level.kind for level in map(level_of, rest)}
    kind = search.kind if search is not None else kinds.pop() if len(kinds) == 1 else None
    if kind is None:
        places = tuple(float(place) for place in range(len(rest)))
        return Sweep(target, rest[0].model, None, places, tuple(rest), only=only)
    levels = levels_of(rest, kind)
    return Sweep(target, rest[0].model, kind, tuple(levels), tuple(levels.values()), search, only)


def error_share(stage: StageResult) -> float | None:
    """Failed requests of those that came to an end of their own; None without any."""
    answered = stage.requests.ok + stage.requests.failed
    return stage.requests.failed / answered if answered else None


def success_share(stage: StageResult) -> float | None:
    """Good answers of all scheduled requests: dropped ones count."""
    return stage.requests.ok / stage.requests.scheduled if stage.requests.scheduled else None


def read(sweep: Sweep) -> Reading:
    """Where the server saturates and how much of that to use; the sentences say why where it cannot be told. Of a
    search it is what that has found."""
    if sweep.search is not None:
        return _of_search(sweep, sweep.search)
    stages = sweep.stages
    rated = _rated(sweep)
    best = _best(rated)
    saturated = bend([*rated], [_rate(stage) for stage in rated.values()]) if sweep.kind is not None else None
    saturation = None if saturated is None else rated[saturated]
    carried = _carried(stages)
    errors = next((stage for stage in stages if contended(stage)), None)
    limit = None
    if carried is not None and len(rated) >= FEWEST and sweep.kind is not None and _sound(sweep, carried):
        limit = (LIMIT[0] * _rate(carried), LIMIT[1] * _rate(carried))
    found = Reading(best, saturation, errors, carried, limit, ())
    return replace(found, lines=tuple(_sentences(sweep, found)))


def _of_search(sweep: Sweep, search: SearchResult) -> Reading:
    """The same levels; only how much of the load each of several targets had at them is its own."""
    at = dict(zip(sweep.levels, sweep.stages, strict=True))
    carried = None if search.capacity is None else at.get(float(f"{search.capacity:.6g}"))  # as it is in its name
    limit = None
    if search.limit is not None and carried is not None:
        alike = search.kind == "rate" and sweep.only
        limit = search.limit if alike else (LIMIT[0] * _rate(carried), LIMIT[1] * _rate(carried))
    return Reading(
        best=_best(_rated(sweep)),
        saturation=None if search.saturation.bend is None else at.get(search.saturation.bend),
        errors_begin=next((stage for stage in sweep.stages if contended(stage)), None),
        carried=carried,
        limit=limit,
        lines=tuple(search.lines),
    )


def _rated(sweep: Sweep) -> dict[float, StageResult]:
    """The levels that say something of the server."""
    told = set(map(id, telling(sweep.stages)))
    return {level: stage for level, stage in zip(sweep.levels, sweep.stages, strict=True) if id(stage) in told}


def _best(rated: Mapping[float, StageResult]) -> StageResult | None:
    best = max(rated.values(), key=_rate, default=None)
    return best if best is not None and best.request_rate else None


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


def _carried(stages: Sequence[StageResult]) -> StageResult | None:
    last = None
    for stage in stages:
        if stage.request_rate is None or not _good(stage):
            return last
        if stage.request_rate:  # with no answer in its window it carried nothing, though all may have come later
            last = stage
    return last


def _good(stage: StageResult) -> bool:
    if stage.goodput is not None:
        return stage.goodput.ratio is not None and stage.goodput.ratio >= stage.goodput.target_ratio
    share = success_share(stage)
    return share is not None and share >= 1 - ERRORS


def _sentences(sweep: Sweep, found: Reading) -> Iterator[str]:
    if found.best is None:
        kinds = Counter[str]()
        for stage in sweep.stages:
            kinds.update({kind: error.count for kind, error in stage.errors.items()})
        said = ", ".join(f"{figures.count(count)} times {kind}" for kind, count in kinds.most_common(3))
        if any(stage.requests.ok for stage in sweep.stages):
            yield "No answer came while its level was measured: measure for longer than one answer takes."
        else:
            yield f"No request was answered{f' ({said})' if said else ''}: there is nothing to read from the figures."
        return
    if doubted := [stage.stage for stage in sweep.stages if not stage.validity.valid]:
        yield f"The load generator itself was the bottleneck at {', '.join(doubted)}: figures from there are in doubt."
    best = f"{figures.rate(_rate(found.best))} requests/s at {found.best.stage}"
    if len(sweep.stages) < FEWEST or sweep.kind is None:
        yield f"The highest request rate was {best}."
        yield f"To find where the server saturates, sweep at least {FEWEST} levels of rate or concurrency."
        return
    yield _bend(sweep, found, best)
    if found.errors_begin is not None:
        count = figures.count(contended(found.errors_begin))
        yield f"Timeouts and answers 429 or 503 begin at {found.errors_begin.stage} ({count} of them)."
    yield from _recommended(sweep, found)


def _bend(sweep: Sweep, found: Reading, best: str) -> str:
    if found.saturation is None and _overrun(sweep):
        last, before = sweep.stages[-1], sweep.stages[-2]
        return (
            f"Saturated below {last.stage}: only {figures.rate(_rate(last))} of the {figures.rate(sweep.levels[-1])} "
            f"requests/s there were answered; add levels between {before.stage} and {last.stage} to find where."
        )
    if found.saturation is None:
        return (
            f"Not saturated: the request rate still grew at the last level ({best}); add higher ones to find the end."
        )
    rate = figures.rate(_rate(found.saturation))
    if found.saturation is found.best:
        return f"Saturated at {found.saturation.stage}: {rate} requests/s, and more load brings no more."
    return f"Saturated from {found.saturation.stage} ({rate} requests/s); the most was {best}."


def _overrun(sweep: Sweep) -> bool:
    """Whether the last of rising rates was clearly more than was answered, by more than the answers that the window
    could not see the end of."""
    last = sweep.stages[-1]
    least = min((stage.e2e.p50 for stage in sweep.stages if stage.e2e.p50 is not None), default=None)
    if sweep.kind != "rate" or not sweep.only or not last.validity.valid or least is None:
        return False
    seen = max(0.0, 1 - least / last.window_seconds)
    return _rate(last) < ANSWERED * seen * sweep.levels[-1]


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
