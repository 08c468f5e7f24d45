"""The comparison set: any number of results or targets in common pictures, one picture for each question."""

from collections.abc import Sequence
from dataclasses import dataclass

from swelld.analysis.sweep import Sweep, success_share, sweeps
from swelld.plots.answers import Answer
from swelld.plots.chart import Chart, Series, Sheet, counted
from swelld.plots.curves import (
    Curve,
    Curves,
    Figure,
    answered_rate,
    good_share,
    in_percent,
    percentile,
    speed,
    threshold,
)
from swelld.plots.prompts import (
    NO_CATEGORY,
    NO_COMPLEXITY,
    NO_INPUT,
    NO_OUTPUT,
    Group,
    by_answer_length,
    by_part,
    by_prompt_length,
    common_stage,
    complexity,
    kind,
    of_stage,
)
from swelld.plots.saturation import NO_ANSWER, NO_TOKENS
from swelld.result import Result


@dataclass(frozen=True, slots=True)
class Source:
    """A result under its name in the pictures."""

    name: str
    result: Result
    answers: Sequence[Answer] | None = None
    """Its single requests, warm-up left out; None where they were not kept."""


def comparison_sheets(sources: Sequence[Source]) -> list[Sheet]:
    """Latency, by prompt length, TTFT, TPOT, throughput, tokens, success, by complexity and by category."""
    groups = _groups(sources)
    curves = Curves([group.curve for group in groups])
    at = of_stage(groups, common_stage(groups))
    alike = len({tuple(s.stage for s in group.curve.sweep.stages) for group in groups}) == 1
    parts = groups if alike else at  # over all stages only where all have the same ones
    return [
        Sheet(name, title, _subtitle(sources), charts)
        for name, title, charts in (
            ("latency", "Latency of whole answers (E2E)", _tails(curves, "e2e", "E2E", NO_ANSWER)),
            ("latency-by-prompt-length", "Latency by length of the prompt", by_prompt_length(at)),
            ("ttft", "Time to first token (TTFT)", _tails(curves, "ttft", "TTFT", NO_TOKENS)),
            ("tpot", "Time per output token (TPOT)", _tails(curves, "tpot", "TPOT", NO_TOKENS)),
            ("throughput", "Throughput", _throughput(curves)),
            ("tokens", "Tokens", _tokens(curves, at)),
            ("success", "Success", _success(curves)),
            ("complexity", "Performance by complexity of the prompt", by_part(parts, complexity, NO_COMPLEXITY)),
            ("category", "Performance by category of the prompt", by_part(parts, kind, NO_CATEGORY)),
        )
    ]


def _groups(sources: Sequence[Source]) -> list[Group]:
    found: list[Group] = []
    for source in sources:
        parts = sweeps(source.result)
        for sweep in parts:
            name = source.name if len(parts) == 1 else sweep.target
            if len(parts) > 1 and len(sources) > 1:
                name = f"{source.name}: {sweep.target}"
            found.append(Group(Curve(name, sweep, len(found)), _answers(source, sweep)))
    return found


def _answers(source: Source, sweep: Sweep) -> list[Answer] | None:
    """Those of the levels; what a target answered to a probe, or while it was alone, is nothing to compare."""
    if source.answers is None:
        return None
    levels = {stage.stage for stage in sweep.stages}
    return [a for a in source.answers if a.target == sweep.target and a.stage in levels]


def _subtitle(sources: Sequence[Source]) -> str:
    stages = [stage for source in sources for stage in source.result.stages if stage.solo_of is None]
    requests = sum(stage.requests.scheduled for stage in stages)
    runs = "1 run" if len(sources) == 1 else f"{len(sources)} runs"
    measured = "1 measurement" if len(stages) == 1 else f"{len(stages)} measurements"
    return f"{runs}, {measured}; {counted([requests], 'request')}"


def _tails(curves: Curves, metric: str, name: str, note: str) -> tuple[Chart, ...]:
    """The median and the tail, in two charts, so that each has a scale of its own."""
    levels = threshold(curves.stages(), metric)
    return tuple(
        curves.timed(title, _lines(curves, percentile(metric, percent)), metric, note, levels)
        for title, percent in ((f"{name}, median", 50.0), (f"{name}, p95", 95.0), (f"{name}, p99", 99.0))
    )


def _lines(curves: Curves, figure: Figure) -> list[Series]:
    return [curves.line(curve, curve.name, figure, curve.colour) for curve in curves.curves]


def _throughput(curves: Curves) -> tuple[Chart, ...]:
    answered = counted([s.requests.ok for s in curves.stages() if s.requests.ok], "answer")
    return (
        curves.chart("Requests answered", "requests/s", _lines(curves, answered_rate), answered, NO_ANSWER),
        curves.chart("Output tokens", "tokens/s", _lines(curves, lambda s: s.output_token_rate), answered, NO_OUTPUT),
        curves.chart("Tokens within one answer, median", "tokens/s", _lines(curves, speed(50.0)), answered, NO_TOKENS),
    )


def _tokens(curves: Curves, groups: Sequence[Group]) -> tuple[Chart, ...]:
    n_in = counted([s.input_tokens.count for s in curves.stages() if s.input_tokens.count], "prompt")
    n_out = counted([s.output_tokens.count for s in curves.stages() if s.output_tokens.count], "answer")
    return (
        curves.chart("Prompt, mean", "tokens", _lines(curves, lambda s: s.input_tokens.mean), n_in, NO_INPUT),
        curves.chart("Answer, mean", "tokens", _lines(curves, lambda s: s.output_tokens.mean), n_out, NO_OUTPUT),
        by_answer_length(groups),
    )


def _success(curves: Curves) -> tuple[Chart, ...]:
    samples = counted([s.requests.scheduled for s in curves.stages()], "request")
    unit = "% of scheduled requests"
    none = "no objective was set: `objectives` of the scenario, or --goodput"
    return (
        curves.chart(
            "Answered", unit, _lines(curves, in_percent(success_share)), samples, "no request was scheduled", top=100.0
        ),
        curves.chart("Within the objective", unit, _lines(curves, in_percent(good_share)), samples, none, top=100.0),
    )
