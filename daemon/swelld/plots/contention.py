"""The contention sheet: what each target does alone and beside the others, and what it loses by that."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from swelld.analysis.compare import changed
from swelld.analysis.measures import MEASURES, Kind
from swelld.analysis.sweep import sweeps
from swelld.plots.chart import Chart, Series, Sheet, counted
from swelld.plots.curves import Curve, Curves, Figure, in_fitting_unit
from swelld.plots.names import file_name
from swelld.result import Contention, ContentionFigure, Result, StageResult

SHOWN: Final = 3
"""Figures that have a chart; the table below has all of them."""
REMARKS: Final = 6
_STEP: Final = 0.015
"""How far lines stand beside each other, as a share of the axis, lest their intervals hide each other."""


class _Title(NamedTuple):
    short: str
    full: str
    unit: str
    loss: str


_TITLES: Final[Mapping[str, _Title]] = {
    "ttft.p50": _Title("TTFT p50", "Time to first token (TTFT), median", "s", "% longer"),
    "tpot.p50": _Title("TPOT p50", "Time per output token (TPOT), median", "s", "% longer"),
    "output_token_rate": _Title("tokens/s", "Output tokens", "tokens/s", "% fewer"),
    "e2e.p50": _Title("E2E p50", "Whole answer (E2E), median", "s", "% longer"),
    "goodput": _Title("goodput", "Within the objective", "% of scheduled requests", "points fewer"),
    "ttft.p95": _Title("TTFT p95", "Time to first token (TTFT), p95", "s", "% longer"),
    "tpot.p95": _Title("TPOT p95", "Time per output token (TPOT), p95", "s", "% longer"),
    "e2e.p95": _Title("E2E p95", "Whole answer (E2E), p95", "s", "% longer"),
    "request_rate": _Title("requests/s", "Requests answered", "requests/s", "% fewer"),
}
"""The first of them that were measured have charts."""


def contention_sheets(result: Result, name: str) -> list[Sheet]:
    """One, where targets were measured alone; `name` tells this result from others."""
    charts = contention_charts(result)
    if not charts:
        return []
    pairs = _pairs(result)
    requests = counted([sum(stage.requests.scheduled for pair in pairs for stage in pair)], "request")
    subtitle = f"{result.run.scenario}, run {result.run.id} of {result.run.started[:10]}; {requests}"
    title = "What the targets lose to each other"
    found = result.contention or []
    return [
        Sheet(
            file_name("contention", name),
            title,
            subtitle,
            charts[::2] + charts[1::2],
            _table(found),
            tuple(_remarks(result)),
        )
    ]


def contention_charts(result: Result) -> tuple[Chart, ...]:
    """A figure alone and together, then what is lost of it, and so on; nothing where no target was alone."""
    found = {(one.stage, one.target): one.figures for one in result.contention or ()}
    names = [name for name in _TITLES if any(_lost(figures.get(name)) for figures in found.values())][:SHOWN]
    if not names:
        return ()
    curves = Curves([Curve(sweep.target, sweep, place) for place, sweep in enumerate(sweeps(result))])
    counts = [stage.e2e.count for pair in _pairs(result) for stage in pair if stage.e2e.count]
    samples = counted(counts, "answer").replace("a point", "a value")
    make = (_both, _loss)
    return tuple(one(curves, found, name, samples) for name in names for one in make)


_Found = Mapping[tuple[str, str], Mapping[str, ContentionFigure]]


def _both(curves: Curves, found: _Found, name: str, samples: str) -> Chart:
    series = [
        curves.line(curve, f"{curve.name} {attribute}", _figure(found, name, attribute), curve.colour,
                    dashed=attribute == "alone")
        for curve in curves.curves
        for attribute in ("alone", "together")
    ]  # fmt: skip
    title = _TITLES[name]
    top = 100.0 if _kind(name) == "share" else None
    chart = curves.chart(title.full, title.unit, series, samples, "", top)
    return in_fitting_unit(chart) if title.unit == "s" else chart


def _loss(curves: Curves, found: _Found, name: str, samples: str) -> Chart:
    series = []
    places = curves.axis.places
    width = max(places) - min(places)
    for curve in curves.curves:
        line = curves.line(curve, curve.name, _figure(found, name, "loss", 100.0), curve.colour)
        spans = tuple(_span(found.get((s.stage, s.target), {}).get(name)) for s in curve.sweep.stages)
        beside = _STEP * (line.colour - (len(curves.curves) - 1) / 2) * width
        series.append(Series(line.name, tuple(x + beside for x in line.x), line.y, line.colour, spans=spans))
    title = _TITLES[name]
    return curves.chart(f"{title.short}: the loss", f"{title.loss}, with 95% interval", series, samples, "")


def _figure(found: _Found, name: str, attribute: str, factor: float | None = None) -> Figure:
    times = factor or (100.0 if _kind(name) == "share" else 1.0)

    def figure(stage: StageResult) -> float | None:
        value = getattr(found.get((stage.stage, stage.target), {}).get(name), attribute, None)
        return None if value is None else times * value

    return figure


def _kind(name: str) -> Kind:
    return MEASURES[name].kind


def _lost(one: ContentionFigure | None) -> bool:
    return one is not None and one.loss is not None


def _span(one: ContentionFigure | None) -> tuple[float, float] | None:
    return None if one is None or one.low is None or one.high is None else (100 * one.low, 100 * one.high)


def _pairs(result: Result) -> list[tuple[StageResult, StageResult]]:
    """The stages that were compared, alone and together."""
    stages = {(stage.stage, stage.target): stage for stage in result.stages}
    return [(stages[one.solo_stage, one.target], stages[one.stage, one.target]) for one in result.contention or ()]


def _table(found: Sequence[Contention]) -> tuple[tuple[str, ...], ...]:
    """Every loss, a row for each target and level."""
    names = [name for name in _TITLES if any(_lost(one.figures.get(name)) for one in found)]
    head = ("lost", "target", *(_TITLES[name].short for name in names))
    rows = [(one.stage, one.target, *(_change(one.figures.get(name), _kind(name)) for name in names)) for one in found]
    return (head, *rows)


def _change(one: ContentionFigure | None, kind: Kind) -> str:
    return changed(kind, one.loss if one is not None else None)


def _remarks(result: Result) -> Iterator[str]:
    """What the verdict says of it; then what a loss is."""
    found = [finding for finding in result.verdict if finding.subject == "contention loss"]
    told = [finding for finding in found if finding.level != "PASS"]
    for finding in told[:REMARKS]:
        yield f"{finding.stage} {finding.target}: {finding.text}"
    if len(told) > REMARKS:
        yield f"{len(told) - REMARKS} more such findings are in the verdict."
    if not told:
        yield "No target lost anything that matters for sure."
    yield "A loss is how much worse a target was beside the others than alone; below 0 it was better."
