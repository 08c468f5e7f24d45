"""What every document shows of a run: columns for the stages, the verdict in short, definitions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from swelld.analysis import figures
from swelld.analysis.compare import changed
from swelld.analysis.sweep import error_share, sweeps
from swelld.analysis.verdict import IN_DOUBT
from swelld.result import Finding, Result, StageResult, Statistics

Kind = Literal["text", "count", "share", "rate", "seconds", "tokens", "yes", "change", "points", "money", "whole"]
"""How a value is written; a `change` is a part of what it was, `points` the difference of two shares, a `whole` number
has as many digits as it needs."""
Value = str | float | bool | None
LEVELS: Final = ("FAIL", "WARNING", "PASS")

METRICS: Final[Mapping[str, str]] = {
    "ttft": "TTFT",
    "ttfo": "TTFO",
    "ttfb": "TTFB",
    "itl": "ITL",
    "tpot": "TPOT",
    "e2e": "E2E",
    "connect": "Connect",
    "lag": "Lag",
    "failed": "Failed after",
}
"""Distributions of a stage in seconds, and what people call them."""

DEFINITIONS: Final[Mapping[str, str]] = {
    "TTFT": "time to first token: from sending the request to the first token of any kind; streamed answers only",
    "TTFO": "time to the first token that is not reasoning",
    "ITL": "inter-token latency: every gap between events that carry tokens",
    "TPOT": "time per output token: (last token - first token) / (output tokens - 1)",
    "E2E": "from sending the request to its last token, or to the end of the body without streaming",
    "Lag": "from the moment a request was due to its sending; open loop only",
    "from due": "TTFT and E2E counted from the moment a request was due: free of coordinated omission",
    "requests/s": "good answers per second of the measured window; warm-up and drain lie outside it",
    "tokens/s": "output tokens per second of the measured window, all answers together",
    "goodput": "requests that met every threshold, as a share of all scheduled ones: failed and dropped ones are bad",
    "errors": "failed requests as a share of those that were answered or failed; they are in no latency figure",
    "percentiles": "from exponential buckets, off by 0.3 % at most; mean, minimum and maximum are exact",
    "valid": "whether the load generator kept up; where it did not, figures tell of it as much as of the server",
    "-": "not measured, which is not 0",
}


class Column(NamedTuple):
    """One figure of a stage."""

    head: str
    kind: Kind
    value: Callable[[StageResult], Value]

    def text(self, stage: StageResult) -> str:
        """As people read it."""
        return written(self.kind, self.value(stage))


class Folded(NamedTuple):
    """What was found of one subject at one level."""

    level: str
    subject: str
    lines: tuple[str, ...]
    reasons: tuple[str, ...]


_WRITTEN: Final[Mapping[str, Callable[[Any], str]]] = {
    "count": figures.count,
    "share": figures.percent,
    "rate": figures.rate,
    "seconds": figures.seconds,
    "tokens": figures.rate,
    "change": lambda part: changed("rate", part),
    "points": lambda part: changed("share", part),
    "money": figures.money,
    "whole": lambda number: f"{number:,.6g}",
}


def written(kind: Kind, value: Any) -> str:
    """A value as people read it; `-` where there is none."""
    if value is None:
        return figures.MISSING
    if kind == "yes":
        return "yes" if value else "no"
    if kind == "text":
        return str(value)
    return _WRITTEN[kind](value)


def ordered(result: Result) -> list[StageResult]:
    """Stages target by target, each by rising load, then those that are no levels: probes, and a target alone."""
    levels = {sweep.target: sweep.stages for sweep in sweeps(result)}
    return [
        stage
        for target in dict.fromkeys(stage.target for stage in result.stages)
        for stage in (*levels.get(target, ()), *_beside(result, target, levels.get(target, ())))
    ]


def _beside(result: Result, target: str, levels: Sequence[StageResult]) -> list[StageResult]:
    known = set(map(id, levels))
    return [stage for stage in result.stages if stage.target == target and id(stage) not in known]


def columns(result: Result) -> list[Column]:
    """The figures that a table of stages has; those that no stage has are left out."""
    found = [
        Column("stage", "text", lambda s: s.stage),
        Column("target", "text", lambda s: s.target),
        Column("model", "text", lambda s: s.model),
        Column("scheduled", "count", lambda s: s.requests.scheduled),
        Column("ok", "count", lambda s: s.requests.ok),
        Column("failed", "count", lambda s: s.requests.failed),
        Column("dropped", "count", lambda s: s.requests.dropped),
        Column("errors", "share", error_share),
        Column("requests/s", "rate", lambda s: s.request_rate),
        Column("tokens/s", "rate", lambda s: s.output_token_rate),
        Column("in flight", "rate", lambda s: s.mean_in_flight),
        *(_percentile(metric, percent) for metric in ("ttft", "tpot", "e2e") for percent in (50.0, 95.0, 99.0)),
        Column("output tokens", "tokens", lambda s: s.output_tokens.mean),
        Column("goodput", "share", lambda s: s.goodput.ratio if s.goodput else None),
        Column("cost", "rate", lambda s: s.cost.amount if s.cost else None),
        Column("valid", "yes", lambda s: s.validity.valid),
    ]
    return [column for column in found if any(column.value(stage) is not None for stage in result.stages)]


def short_columns(result: Result) -> list[Column]:
    """The figures that fit on a page; the target only where there are several."""
    wanted = [
        "stage",
        "ok",
        "errors",
        "requests/s",
        "tokens/s",
        "TTFT p50",
        "TTFT p95",
        "TPOT p50",
        "E2E p50",
        "E2E p95",
    ]
    wanted += ["goodput"]
    if len({stage.target for stage in result.stages}) > 1:
        wanted.insert(1, "target")
    if not all(stage.validity.valid for stage in result.stages):
        wanted.append("valid")
    return [column for column in columns(result) if column.head in wanted]


def distributions(stage: StageResult) -> Iterator[tuple[str, Kind, Statistics]]:
    """Every distribution that has a value; TTFO only where it differs from TTFT."""
    for metric, name in METRICS.items():
        statistics: Statistics = getattr(stage, metric)
        if statistics.count and not (metric == "ttfo" and statistics == stage.ttft):
            yield name, "seconds", statistics
    for name, statistics in (("TTFT from due", stage.corrected.ttft), ("E2E from due", stage.corrected.e2e)):
        if statistics.count:
            yield name, "seconds", statistics
    for name, statistics in (("Input tokens", stage.input_tokens), ("Output tokens", stage.output_tokens)):
        if statistics.count:
            yield name, "tokens", statistics


def worst(verdict: Sequence[Finding]) -> str:
    """The gravest level of a verdict; PASS without any finding."""
    levels = {finding.level for finding in verdict}
    return next((level for level in LEVELS if level in levels), "PASS")


def tally(verdict: Sequence[Finding]) -> str:
    """`2 failed, 6 warned, 3 passed`."""
    levels = [finding.level for finding in verdict]
    words = zip(LEVELS, ("failed", "warned", "passed"), strict=True)
    return ", ".join(f"{levels.count(level)} {word}" for level, word in words if level in levels)


def folded(result: Result) -> list[Folded]:
    """The verdict by level, the gravest first; what passed, or is in doubt, in many places takes one line."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for level in LEVELS:
        for finding in result.verdict:
            if finding.level == level:
                found.setdefault((level, finding.subject), []).append(finding)
    several = len(result.stages) > 1
    many_targets = len({stage.target for stage in result.stages}) > 1
    return [
        Folded(level, subject, _lines(level, some, several, many_targets), _reasons(some))
        for (level, subject), some in found.items()
    ]


def passed_everywhere(found: Sequence[Folded]) -> list[str]:
    """Names of the subjects that nothing was found against."""
    against = {one.subject for one in found if one.level != "PASS"}
    return [subject_name(one.subject) for one in found if one.subject not in against]


def subject_name(subject: str) -> str:
    """`TTFT p95`, `Error rate`."""
    words = [word.upper() if word in METRICS and word not in ("failed", "lag") else word for word in subject.split()]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]]) if words else ""


def _lines(level: str, some: Sequence[Finding], several: bool, many_targets: bool) -> tuple[str, ...]:
    if level == "PASS" and len(some) > 1:
        return (f"in {len(some)} measurements",)
    places = [
        " ".join(part for part in (several and finding.stage, many_targets and finding.target) if part)
        for finding in some
    ]
    if len(some) > 1 and {finding.reason for finding in some} == {IN_DOUBT}:
        return (", ".join(places),)
    return tuple(f"{place}: {f.text}" if place else f.text for place, f in zip(places, some, strict=True))


def _reasons(some: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding.reason for finding in some if finding.reason))


def _percentile(metric: str, percent: float) -> Column:
    return Column(
        f"{METRICS[metric]} p{percent:g}", "seconds", lambda s: getattr(s, metric).percentile(percent)
    )  # fmt: skip


def setting(value: Value) -> str:
    """A leaf of a configuration as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return figures.MISSING if value is None else str(value)


def flat(tree: Any, path: str = "") -> Iterator[tuple[str, Value]]:
    """Every leaf of a configuration with the way to it: `targets.chat.url`."""
    if isinstance(tree, Mapping) and tree:
        for key, value in tree.items():
            yield from flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(tree, (list, tuple)) and tree:
        for number, value in enumerate(tree):
            yield from flat(value, f"{path}[{number}]")
    else:
        yield path, tree if isinstance(tree, (str, float, int, bool)) or tree is None else str(tree)
