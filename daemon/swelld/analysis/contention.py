"""What each target loses to the others: its figures alone beside those of the same load with all of them."""

from collections.abc import Iterator
from typing import Final

import msgspec

from swelld.analysis.compare import Change, change, changed, written
from swelld.analysis.measures import MEASURES
from swelld.result import Contention, ContentionFigure, Finding, Result, StageResult

FIGURES: Final = (
    "ttft.p50", "ttft.p95", "tpot.p50", "tpot.p95", "e2e.p50", "e2e.p95", "request_rate", "output_token_rate",
    "goodput",
)  # fmt: skip

MATTERS: Final = 0.05
"""A loss up to which two measurements of the same thing may differ, however sure it is."""

TOLD: Final = {
    "ttft.p50": "TTFT p50",
    "tpot.p50": "TPOT p50",
    "e2e.p50": "E2E p50",
    "output_token_rate": "output tokens/s",
    "goodput": "goodput",
}
"""Those that the verdict goes by."""

REASON: Final = "they share something that is scarce: a GPU, memory bandwidth, CPU, a network"


def contended(result: Result) -> Result:
    """The result with its `contention`, and what the verdict has to say of it; as it is where no target was alone."""
    pairs = list(_pairs(result.stages))
    if not pairs:
        return result
    losses = [_contention(alone, together) for alone, together in pairs]
    return msgspec.structs.replace(
        result, contention=losses, verdict=[*result.verdict, *(_finding(one) for one in losses)]
    )


def _pairs(stages: list[StageResult]) -> Iterator[tuple[StageResult, StageResult]]:
    alone = {(stage.solo_of, stage.target): stage for stage in stages if stage.solo_of is not None}
    for stage in stages:
        if stage.solo_of is None and (stage.stage, stage.target) in alone:
            yield alone[stage.stage, stage.target], stage


def _contention(alone: StageResult, together: StageResult) -> Contention:
    changes = [change(alone, together, figure) for figure in FIGURES]
    return Contention(
        stage=together.stage,
        solo_stage=alone.stage,
        target=together.target,
        model=together.model,
        valid=alone.validity.valid and together.validity.valid,
        figures={one.figure: _figure(one) for one in changes if one.base is not None or one.value is not None},
    )


def _figure(one: Change) -> ContentionFigure:
    worse = 1.0 if MEASURES[one.figure].better == "lower" else -1.0
    ends = [worse * end for end in (one.low, one.high) if end is not None]
    return ContentionFigure(
        alone=one.base,
        together=one.value,
        loss=None if one.change is None else worse * one.change + 0.0,
        low=min(ends) if ends else None,
        high=max(ends) if ends else None,
    )


def _finding(found: Contention) -> Finding:
    lost = {name: one for name in TOLD if (one := found.figures.get(name)) is not None and matters(one)}
    text = "; ".join(_words(name, one) for name, one in lost.items())
    if not lost:
        text = f"no more than {MATTERS:.0%} of it is lost to the other targets for sure"
        return Finding("PASS", "contention loss", text, found.stage, found.target)
    if not found.valid:
        text += "; in doubt: the load generator was the bottleneck"
    return Finding("WARNING", "contention loss", f"beside the others {text}", found.stage, found.target, REASON)


def matters(one: ContentionFigure) -> bool:
    """Whether something is lost for sure, and more than two measurements of the same thing may differ."""
    return one.loss is not None and one.loss > MATTERS and one.low is not None and one.low > 0


def _words(name: str, one: ContentionFigure) -> str:
    measure = MEASURES[name]
    assert one.loss is not None
    change = changed(measure.kind, one.loss if measure.better == "lower" else -one.loss)
    return f"{TOLD[name]} {written(measure.kind, one.alone)} -> {written(measure.kind, one.together)} ({change})"
