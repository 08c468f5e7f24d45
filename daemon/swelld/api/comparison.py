"""Two runs side by side: what changed in every stage that both have."""

from collections.abc import Iterator
from typing import Final

import msgspec

from swelld.result import Result, StageResult, Statistics

_TIMES: Final = ("ttft", "tpot", "itl", "e2e")
_PERCENTS: Final = (50.0, 95.0, 99.0)


class Figure(msgspec.Struct, frozen=True):
    """One figure of both runs, in seconds, per second or as a share; null where it was not measured."""

    base: float | None
    run: float | None
    change: float | None
    """run / base - 1; null where either is missing or the base is 0."""


class StageComparison(msgspec.Struct, frozen=True):
    """A stage of a target under both runs."""

    stage: str
    target: str
    figures: dict[str, Figure]
    """`request_rate`, `output_token_rate`, `goodput`, `error_ratio`, and `ttft_p50`, `e2e_p99` and their like."""


class Comparison(msgspec.Struct, frozen=True):
    """What two runs have in common, and what only one of them has."""

    base: str
    run: str
    stages: list[StageComparison]
    only_base: list[str]
    """Stages as `target: stage`."""
    only_run: list[str]


def compare(base: Result, run: Result) -> Comparison:
    """Stages belong together by their target and name."""
    before = {(stage.target, stage.stage): stage for stage in base.stages}
    after = {(stage.target, stage.stage): stage for stage in run.stages}
    return Comparison(
        base=base.run.id,
        run=run.run.id,
        stages=[
            StageComparison(name, target, dict(_figures(before[target, name], after[target, name])))
            for target, name in before
            if (target, name) in after
        ],
        only_base=[f"{target}: {name}" for target, name in before if (target, name) not in after],
        only_run=[f"{target}: {name}" for target, name in after if (target, name) not in before],
    )


def _figures(base: StageResult, run: StageResult) -> Iterator[tuple[str, Figure]]:
    for name, (before, after) in {
        "request_rate": (base.request_rate, run.request_rate),
        "output_token_rate": (base.output_token_rate, run.output_token_rate),
        "goodput": (_goodput(base), _goodput(run)),
        "error_ratio": (_errors(base), _errors(run)),
    }.items():
        yield name, _figure(before, after)
    for name in _TIMES:
        first: Statistics = getattr(base, name)
        second: Statistics = getattr(run, name)
        for percent in _PERCENTS:
            yield f"{name}_p{percent:g}", _figure(first.percentile(percent), second.percentile(percent))


def _figure(base: float | None, run: float | None) -> Figure:
    return Figure(base, run, None if run is None or not base else run / base - 1)


def _goodput(stage: StageResult) -> float | None:
    return None if stage.goodput is None else stage.goodput.ratio


def _errors(stage: StageResult) -> float | None:
    counts = stage.requests
    ended = counts.ok + counts.failed
    return counts.failed / ended if ended else None
