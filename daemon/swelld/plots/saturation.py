"""The saturation sheet: how one target fares as load rises, and where to operate it."""

from collections.abc import Sequence

from swelld.analysis import figures
from swelld.analysis.sweep import Sweep, conclusions, error_share, success_share, sweeps
from swelld.plots.chart import Chart, Sheet, counted
from swelld.plots.curves import Curve, Curves, answered_rate, good_share, in_percent, percentile, speed, threshold
from swelld.plots.names import file_name
from swelld.result import Result, StageResult

PERCENTS = (50.0, 95.0, 99.0)
NO_ANSWER = "no request was answered"
NO_TOKENS = "no token times: answers were not streamed, or none came"


def saturation_sheets(result: Result, name: str) -> list[Sheet]:
    """One for each target; `name` tells this result from others."""
    found = sweeps(result)
    return [
        _sheet(result, sweep, file_name("saturation", name, sweep.target if len(found) > 1 else "")) for sweep in found
    ]


def saturation_charts(sweep: Sweep) -> tuple[Chart, ...]:
    """Rate, success, TTFT, E2E, and tokens per second of all and within one answer."""
    curves = Curves([Curve("", sweep, 0)])
    return (
        _rate(curves),
        _success(curves),
        _times(curves, "Time to first token (TTFT)", "ttft", NO_TOKENS),
        _times(curves, "Whole answer (E2E)", "e2e", NO_ANSWER),
        _tokens(curves),
        _speed(curves),
    )


def _sheet(result: Result, sweep: Sweep, name: str) -> Sheet:
    title = f"{sweep.model or sweep.target} under rising load" if len(sweep.stages) > 1 else sweep.model or sweep.target
    stages = "1 stage" if len(sweep.stages) == 1 else f"{len(sweep.stages)} stages"
    samples = f"{counted([sweep.samples], 'request')} in {stages}"
    subtitle = (
        f"{result.run.scenario}, target {sweep.target}, run {result.run.id} of {result.run.started[:10]}; {samples}"
    )
    return Sheet(name, title, subtitle, saturation_charts(sweep), _table(sweep.stages), _remarks(result, sweep))


def _remarks(result: Result, sweep: Sweep) -> tuple[str, ...]:
    """Of a search there is one conclusion for all targets together."""
    return next(lines for target, lines in conclusions(result) if result.search or target == sweep.target)


def _table(stages: Sequence[StageResult]) -> tuple[tuple[str, ...], ...]:
    head = ("stage", "ok", "errors", "requests/s", "tokens/s", "TTFT p50", "TTFT p95", "E2E p50", "E2E p95", "goodput")
    rows = [
        (
            stage.stage,
            f"{figures.count(stage.requests.ok)}/{figures.count(stage.requests.scheduled)}",
            figures.percent(error_share(stage)),
            figures.rate(stage.request_rate),
            figures.rate(stage.output_token_rate),
            figures.seconds(stage.ttft.p50),
            figures.seconds(stage.ttft.p95),
            figures.seconds(stage.e2e.p50),
            figures.seconds(stage.e2e.p95),
            figures.percent(stage.goodput.ratio if stage.goodput else None),
        )
        for stage in stages
    ]
    return (head, *rows)


def _rate(curves: Curves) -> Chart:
    (curve,) = curves.curves
    series = [curves.line(curve, "answered", answered_rate, 0)]
    if curve.sweep.kind == "rate":
        series.append(curves.line(curve, "offered", lambda s: s.validity.offered_rate, 6, dashed=True))
    samples = counted([stage.requests.scheduled for stage in curve.sweep.stages], "request")
    return curves.chart("Request rate", "requests/s", series, samples, NO_ANSWER)


def _success(curves: Curves) -> Chart:
    (curve,) = curves.curves
    series = [curves.line(curve, "answered", in_percent(success_share), 0)]
    if any(stage.goodput for stage in curve.sweep.stages):
        series.append(curves.line(curve, "within the objective", in_percent(good_share), 2))
    samples = counted([stage.requests.scheduled for stage in curve.sweep.stages], "request")
    return curves.chart("Success", "% of scheduled requests", series, samples, "no request was scheduled", top=100.0)


def _times(curves: Curves, title: str, metric: str, note: str) -> Chart:
    (curve,) = curves.curves
    series = [curves.line(curve, f"p{p:g}", percentile(metric, p), place) for place, p in enumerate(PERCENTS)]
    return curves.timed(title, series, metric, note, threshold(curve.sweep.stages, metric))


def _tokens(curves: Curves) -> Chart:
    (curve,) = curves.curves
    series = [curves.line(curve, "output", lambda s: s.output_token_rate, 0)]
    samples = counted([stage.requests.ok for stage in curve.sweep.stages if stage.requests.ok], "answer")
    return curves.chart("Output tokens, all answers together", "tokens/s", series, samples, "no token was counted")


def _speed(curves: Curves) -> Chart:
    (curve,) = curves.curves
    names = {50.0: "median", 95.0: "slowest 5 %", 99.0: "slowest 1 %"}
    series = [curves.line(curve, names[p], speed(p), place) for place, p in enumerate(PERCENTS)]
    counts = [stage.tpot.count for stage in curve.sweep.stages if stage.tpot.count]
    return curves.chart("Output tokens within one answer", "tokens/s", series, counted(counts, "answer"), NO_TOKENS)
