"""Runs side by side: what differs, whether chance explains it, and whether it is a regression. Pure."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from swelld.analysis import figures
from swelld.analysis.likeness import Remark, of_stages, unlike
from swelld.analysis.measures import CONFIDENCE, MEASURES, Difference, Kind, difference, estimate
from swelld.analysis.thresholds import Threshold, defaults, limit
from swelld.result import Result, StageResult

By = Literal["stage", "target", "model"]
Outcome = Literal["PASS", "UNCLEAR", "FAIL"]
Direction = Literal["better", "worse", "same", "unsure"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One figure beside that of the base; null where it was not measured."""

    figure: str
    """`ttft.p95`, `request_rate`, `goodput`, ..."""
    kind: Kind
    base: float | None
    value: float | None
    change: float | None
    """value / base - 1; of shares value - base."""
    low: float | None
    """With 95 % confidence the change is at least so much; null where too few requests tell."""
    high: float | None
    direction: Direction | None
    """`same` where chance may explain the change and none that matters hides behind it; `unsure` where one may: the
    interval goes beyond the threshold. Null where that is not known."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of a series beside the one of the base that it belongs to."""

    series: int
    """Its place in `series`."""
    stage: str
    target: str
    model: str
    base_stage: str
    base_target: str
    valid: bool
    """Whether the load generator kept up in both."""
    changes: list[Change]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared as one: a run, or one target or model of it. The first series is the base."""

    name: str
    run: str
    scenario: str
    started: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold held against one change."""

    threshold: str
    series: int
    stage: str
    target: str
    outcome: Outcome
    """`FAIL`: exceeded, and chance does not explain it. `UNCLEAR`: exceeded, but it may be chance or swelld's doing."""
    text: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Any number of series beside the first of them."""

    by: By
    series: list[Series]
    rows: list[Row]
    checks: list[Check]
    outcome: Outcome
    """The worst of the checks."""
    remarks: list[Remark]
    """In what the runs are not alike, and what is doubtful about them."""


@dataclass(frozen=True, slots=True)
class _Entries:
    """A series, and the stages that it has."""

    series: Series
    result: Result
    stages: Sequence[StageResult]


_Pair = tuple[int, StageResult, StageResult]
"""Place of a series, a stage of the base and the one of the series that belongs to it."""

WORST: Final[Sequence[Outcome]] = ("FAIL", "UNCLEAR", "PASS")


def compare(
    results: Sequence[Result],
    thresholds: Sequence[Threshold] | None = None,
    by: By = "stage",
    names: Sequence[str] | None = None,
) -> Comparison:
    """All beside the first; `names` are those of the runs, else their ids. ValueError if there is nothing to compare.

    All verdicts together are wrong with 5 % probability at most: the more there are, the more confidence each needs.
    """
    entries = _series(results, by, names or [result.run.id for result in results])
    if len(entries) < 2:
        raise ValueError(_TOO_FEW[by])
    pairs = [(n, *pair) for n, one in enumerate(entries[1:], 1) for pair in paired(entries[0].stages, one.stages)]
    judged = defaults() if thresholds is None else thresholds
    checks = list(_checks(pairs, judged))
    remarks = [*_remarks(entries, pairs, by)]
    if thresholds is not None:
        remarks += _idle(pairs, thresholds)
    return Comparison(
        by=by,
        series=[one.series for one in entries],
        rows=[_row(*pair, judged) for pair in pairs],
        checks=checks,
        outcome=next((outcome for outcome in WORST if any(check.outcome == outcome for check in checks)), "PASS"),
        remarks=remarks,
    )


_TOO_FEW: Final = {
    "stage": "one run is nothing to compare: give another, or compare its parts with --by target or --by model",
    "target": "there is only one target: give another run, or compare by stage",
    "model": "there is only one model: give another run, or compare by stage",
}


def paired(base: Sequence[StageResult], other: Sequence[StageResult]) -> list[tuple[StageResult, StageResult]]:
    """Stages of both that belong together: of the same name and target, else of the same name; where no names agree,
    the only ones of a target, or the only ones at all."""
    found = _matched(base, other, (lambda s: (_level(s), s.target), _level))
    return found or _matched(base, other, (lambda s: s.target, lambda _: None))


def change(base: StageResult, other: StageResult, figure: str, thresholds: Sequence[Threshold] = ()) -> Change:
    """One figure of two stages; the thresholds say how large a change matters, where they are on this figure."""
    measure = MEASURES[figure]
    one, two = estimate(base, measure), estimate(other, measure)
    found = difference(one, two, measure.kind) if one and two else None
    return Change(
        figure=figure,
        kind=measure.kind,
        base=one.value if one else None,
        value=two.value if two else None,
        change=found.change if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        direction=_direction(found, limit(measure, thresholds), one.value) if one and found else None,
    )


def _direction(found: Difference, limit: Threshold, base: float) -> Direction | None:
    if found.low is None or found.high is None:
        return None
    if not found.sure:
        return "unsure" if limit.within_reach(found.low, found.high, base) else "same"
    return "better" if (found.change < 0) == (limit.measure.better == "lower") else "worse"


def _series(results: Sequence[Result], by: By, names: Sequence[str]) -> list[_Entries]:
    found = []
    for name, result in zip(names, results, strict=True):
        run = result.run
        parts = [None] if by == "stage" else list(dict.fromkeys(getattr(stage, by) for stage in result.stages))
        for part in parts:
            called = name if part is None else part if len(results) == 1 else f"{name} {part}"
            stages = [stage for stage in result.stages if part is None or getattr(stage, by) == part]
            series = Series(name=called, run=run.id, scenario=run.scenario, started=run.started)
            found.append(_Entries(series, result, stages))
    return found


def _level(stage: StageResult) -> Hashable:
    """A target alone is compared with a target alone, whatever their names."""
    return (stage.stage, None) if stage.solo_of is None else (stage.solo_of, "solo")


def _matched(
    base: Sequence[StageResult], other: Sequence[StageResult], keys: Sequence[Callable[[StageResult], Hashable]]
) -> list[tuple[StageResult, StageResult]]:
    """By the first key that only one of each has."""
    partners: dict[int, StageResult] = {}
    rest, left = list(range(len(base))), list(other)
    for key in keys:
        for stage in list(left):
            mine = [n for n in rest if key(base[n]) == key(stage)]
            if len(mine) == 1 and sum(key(one) == key(stage) for one in left) == 1:
                partners[mine[0]] = stage
                rest.remove(mine[0])
                left.remove(stage)
    return [(base[n], partners[n]) for n in sorted(partners)]


def _row(series: int, base: StageResult, other: StageResult, thresholds: Sequence[Threshold]) -> Row:
    changes = [change(base, other, figure, thresholds) for figure in MEASURES]
    return Row(
        series=series,
        stage=other.stage,
        target=other.target,
        model=other.model,
        base_stage=base.stage,
        base_target=base.target,
        valid=base.validity.valid and other.validity.valid,
        changes=[one for one in changes if one.base is not None or one.value is not None],
    )


def _checks(pairs: Sequence[_Pair], thresholds: Sequence[Threshold]) -> Iterator[Check]:
    wanted = [(pair, one) for one in thresholds for pair in pairs if one.measure.value(pair[1]) is not None]
    confidence = 1 - 2 * (1 - CONFIDENCE) / max(2, len(wanted))  # only a change for the worse can be a false alarm
    for (series, base, other), one in wanted:
        outcome, text = _judged(base, other, one, confidence)
        yield Check(
            threshold=str(one), series=series, stage=other.stage, target=other.target, outcome=outcome, text=text
        )


def _judged(base: StageResult, other: StageResult, threshold: Threshold, confidence: float) -> tuple[Outcome, str]:
    measure = threshold.measure
    before, after = estimate(base, measure), estimate(other, measure)
    assert before is not None
    if after is None:
        return "UNCLEAR", f"{measure.name} was not measured any more"
    found = difference(before, after, measure.kind, confidence)
    text = f"{measure.name} {written(measure.kind, before.value)} -> {written(measure.kind, after.value)}"
    if found is None or not threshold.exceeded(found.change, before.value):
        return "PASS", text if found is None else f"{text} ({changed(measure.kind, found.change)})"
    text += f" ({changed(measure.kind, found.change)}, limit {threshold})"
    if not (base.validity.valid and other.validity.valid):
        return "UNCLEAR", f"{text}; the load generator was the bottleneck, so this may be its doing"
    if found.low is None:
        return "UNCLEAR", f"{text}; too few requests tell how far chance moves it"
    if not found.sure:
        return "UNCLEAR", f"{text}; chance may explain it: measure for longer"
    return "FAIL", text


def _remarks(entries: Sequence[_Entries], pairs: Sequence[_Pair], by: By) -> Iterator[Remark]:
    base = entries[0]
    for one in entries[1:]:
        if one.result is not base.result:
            yield from unlike(base.result, one.result, one.series.name, models=by == "stage")
    for number, one in enumerate(entries):
        mine = {id(pair[2]) for pair in pairs if pair[0] == number}
        if number == 0:
            mine = {id(pair[1]) for pair in pairs}
        yield from of_stages(one.series.name, [stage for stage in one.stages if id(stage) in mine])
        alone = [f"{stage.stage} of {stage.target}" for stage in one.stages if id(stage) not in mine]
        if alone:
            yield Remark("NOTE", one.series.name, f"not compared, for nothing belongs to it: {', '.join(alone)}")
    for number, first, second in pairs:
        lengths = first.input_tokens.mean, second.input_tokens.mean
        if lengths[0] and lengths[1] and abs(lengths[1] / lengths[0] - 1) > 0.05:
            words = f"{second.stage}: prompts of {lengths[1]:.0f} tokens beside {lengths[0]:.0f}"
            yield Remark("WARNING", entries[number].series.name, words)


def _idle(pairs: Sequence[_Pair], thresholds: Sequence[Threshold]) -> Iterator[Remark]:
    """A threshold that nothing can exceed is a mistake."""
    for one in thresholds:
        if not any(one.measure.value(base) is not None for _, base, _ in pairs):
            yield Remark("WARNING", "", f"{one}: {one.measure.name} was not measured, so nothing was held against it")


def written(kind: Kind, value: float | None) -> str:
    """A figure as people read it."""
    return {"seconds": figures.seconds, "rate": figures.rate, "share": figures.percent}[kind](value)


def changed(kind: Kind, value: float | None) -> str:
    """A change as people read it."""
    if value is None:
        return figures.MISSING
    return f"{100 * value:+.1f}{' pp' if kind == 'share' else '%'}"
