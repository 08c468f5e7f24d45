"""The result of a run for a terminal: a section per stage and target, an overview, and the verdict last."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.rule import Rule
from rich.text import Text

from swelld.analysis import figures
from swelld.config import format_duration
from swelld.report.contention import contention_columns
from swelld.report.course import course
from swelld.report.findings import Findings
from swelld.report.gpu import gpu_lines
from swelld.report.layout import Column, fit, scale, seconds_column
from swelld.report.search import SearchReport
from swelld.report.server import server_columns, server_notes
from swelld.report.sessions import session_columns, sessions_line
from swelld.result import ChecksFound, Cost, Goodput, Requests, Result, StageResult, Statistics

PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0)

_STATES: Final = {"completed": "green", "failed": "bold red", "cancelled": "yellow", "interrupted": "yellow"}

_LATENCIES: Final = (
    ("TTFT", "ttft"),
    ("TTFO", "ttfo"),
    ("ITL", "itl"),
    ("TPOT", "tpot"),
    ("E2E", "e2e"),
    ("Lag", "lag"),
    ("Failed after", "failed"),
)


_OVERVIEW: Final = (("TTFT", "ttft", 75, 80), ("ITL", "itl", 40, 35), ("TPOT", "tpot", 60, 50), ("E2E", "e2e", 55, 78))
"""With how much the middle and the tail of each are worth a column."""


class ResultReport:
    """A rich renderable; it drops columns to fit the console. `percentiles` are percents: 50, 99.9."""

    def __init__(self, result: Result, percentiles: Sequence[float] = PERCENTILES) -> None:
        self.result = result
        self.percentiles = sorted(set(percentiles))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        stages = self.result.stages
        yield _headline(self.result)
        for stage in stages if self.result.search is None else ():  # the levels of a search are many, and a means
            yield Text()
            yield from self._section(stage, console, options)
        if len(stages) > 1:
            yield Text()
            yield _title("Overview")
            yield fit(console, options, self._overview())
        if self.result.search is not None:
            yield Text()
            yield _title("Capacity")
            yield SearchReport(self.result.search)
        if self.result.contention:
            yield Text()
            yield _title("Contention")
            yield fit(console, options, contention_columns(self.result.contention))
        if self.result.gpu is not None:
            yield Text()
            yield _title("GPU")
            yield from gpu_lines(self.result.gpu)
        if self.result.server:
            yield Text()
            yield _title("Server")
            yield fit(console, options, server_columns(self.result.server))
            yield from server_notes(self.result.server)
        yield Text()
        yield _title("Analysis")
        yield Findings(self.result.verdict, stages)

    def _section(self, stage: StageResult, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield _title(*dict.fromkeys((stage.stage, stage.target, stage.model)))
        if not stage.validity.valid:
            yield Text(f"Not valid: {'; '.join(stage.validity.reasons)}", style="bold red")
        yield from _packed(_summary(stage), options.max_width)
        rows = _rows(stage)
        if rows:
            yield fit(console, options, self._distributions(rows))
        for line in course(stage):
            yield Text(line)
        if stage.sessions is not None:
            yield Text(sessions_line(stage.sessions))
            if stage.sessions.turns:
                yield fit(console, options, session_columns(stage.sessions))
        if stage.goodput is not None:
            yield from _goodput(stage.goodput)
        if stage.checks is not None:
            yield _checks(stage.checks)
        if stage.cost is not None:
            yield _cost(stage.cost)
        if stage.errors:
            yield Text()
            yield fit(console, options, _errors(stage))

    def _distributions(self, rows: Sequence[tuple[str, bool, Statistics]]) -> list[Column]:
        written = [_row(timed, statistics, self.percentiles) for _, timed, statistics in rows]
        heads = ["count", "mean", "std", "min", *(f"p{percent:g}" for percent in self.percentiles), "max"]
        keeps = [10, 40, 20, 30, *(90 - place for place in range(len(self.percentiles))), 50]
        columns = [
            Column("", [name for name, _, _ in rows], left=True, style="bold"),
            Column("", [cells[0] for cells in written], style="dim"),
        ]
        for place, (head, keep) in enumerate(zip(heads, keeps, strict=True), start=1):
            columns.append(Column(head, [cells[place] for cells in written], keep))
        return columns

    def _overview(self) -> list[Column]:
        stages = self.result.stages
        middle, tail = self.percentiles[0], self.percentiles[-2:][0]
        columns = [Column("\nstage", [s.stage for s in stages], left=True, style="bold")]
        if len({s.target for s in stages}) > 1:
            columns.append(Column("\ntarget", [s.target for s in stages], left=True))
        columns += [
            Column("\nok", [_ok(s.requests) for s in stages], 10),
            Column("\nerrors", [figures.percent(_error_share(s)) for s in stages], 91),
            Column("\nreq/s", [figures.rate(s.request_rate) for s in stages], 95),
            Column("out\ntok/s", [figures.rate(s.output_token_rate) for s in stages], 94),
        ]
        for name, metric, *keeps in _OVERVIEW:
            for percent, keep in zip(dict.fromkeys((middle, tail)), keeps, strict=False):
                values = [getattr(s, metric).percentile(percent) for s in stages]
                columns.append(seconds_column(f"{name}\np{percent:g}", values, int(keep)))
        shares = [s.goodput.ratio if s.goodput else None for s in stages]
        styles = ["" if s.goodput is None else _met_style(s.goodput) for s in stages]
        columns.append(Column("\ngood", [figures.percent(share) for share in shares], 92, cell_styles=styles))
        if not all(s.validity.valid for s in stages):
            doubts = ["" if s.validity.valid else "bold red" for s in stages]
            columns.append(Column("\nvalid", ["yes" if s.validity.valid else "no" for s in stages], cell_styles=doubts))
        return columns


def _headline(result: Result) -> Text:
    run = result.run
    line = Text.assemble((run.scenario, "bold"), "  ", (run.state, _STATES[run.state]), " in ")
    line.append(figures.clock(run.duration_seconds))
    return line.append(f"   run {run.id}   seed {run.seed}   swelld {run.swelld_version}", style="dim")


def _title(name: str, *more: str) -> Rule:
    title = Text(name, style="bold cyan")
    for word in more:
        if word:
            title.append(f"  {word}", style="cyan")
    return Rule(title, align="left", style="dim", characters="─")


def _summary(stage: StageResult) -> list[str]:
    requests = stage.requests
    parts = [f"{_ok(requests)} ok in {_window(stage)}"]
    for number, what in (
        (requests.failed, "failed"),
        (requests.dropped, "dropped"),
        (requests.cancelled, "cancelled"),
    ):
        if number:
            parts.append(f"{figures.count(number)} {what}")
    rates = (
        (stage.request_rate, "req/s"),
        (stage.output_token_rate, "tok/s out"),
        (stage.input_token_rate, "tok/s in"),
    )
    for value, what in (*rates, (stage.mean_in_flight, "in flight")):
        if value is not None:
            parts.append(f"{figures.rate(value)} {what}")
    return parts


def _packed(parts: Sequence[str], width: int) -> Iterator[Text]:
    """As few lines as hold the parts, none of which is broken."""
    line = ""
    for part in parts:
        if line and len(line) + len(" · ") + len(part) > width:
            yield Text(line)
            line = ""
        line += f" · {part}" if line else part
    yield Text(line)


def _window(stage: StageResult) -> str:
    phases = stage.phases
    seconds = figures.seconds(stage.window_seconds)
    if phases.used == "all" or phases.ramp_seconds is None or phases.drain_seconds is None:
        return seconds
    whole = phases.ramp_seconds + stage.window_seconds + phases.drain_seconds
    return f"steady {seconds} of {figures.seconds(whole)}"


def _rows(stage: StageResult) -> list[tuple[str, bool, Statistics]]:
    """(name, whether in seconds, figures) of every distribution that has a value."""
    rows = [(name, True, getattr(stage, metric)) for name, metric in _LATENCIES]
    if stage.ttfo == stage.ttft:
        rows = [row for row in rows if row[0] != "TTFO"]  # no reasoning: the first token is the first answer token
    corrected = [("TTFT from due", True, stage.corrected.ttft), ("E2E from due", True, stage.corrected.e2e)]
    tokens = [("Input", False, stage.input_tokens), ("Output", False, stage.output_tokens)]
    return [row for row in rows[:-1] + corrected + rows[-1:] + tokens if row[2].count]


def _row(timed: bool, statistics: Statistics, percentiles: Sequence[float]) -> list[str]:
    """The unit, count, mean, std, min, percentiles and max under one scale."""
    values = [statistics.mean, statistics.std, statistics.min]
    values += [*(statistics.percentile(percent) for percent in percentiles), statistics.max]
    if timed:
        written = scale(values)
        return [written.unit, figures.count(statistics.count), *(written(value) for value in values)]
    return ["tok", figures.count(statistics.count), *(_tokens(value) for value in values)]


def _tokens(value: float | None) -> str:
    return figures.MISSING if value is None else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def _goodput(goodput: Goodput) -> Iterator[Text]:
    share = f"{goodput.ratio:.1%}" if goodput.ratio is not None else figures.MISSING
    yield Text(f"Goodput: {share} ({goodput.good}/{goodput.total})", style=_met_style(goodput))
    for name, objective in goodput.per_objective.items():
        threshold = format_duration(objective.threshold)
        yield Text(f"  {name.upper()} <= {threshold}: {objective.good}/{objective.total}")
    asked = f"  asked for: {figures.percent(goodput.target_ratio)}"
    yield Text(asked + (f", good requests: {figures.rate(goodput.rate)}/s" if goodput.rate is not None else ""), "dim")


def _checks(found: ChecksFound) -> Text:
    failed = {name: count for name, count in found.failures.items() if count}
    share = f"{figures.count(sum(failed.values()))} of {figures.count(found.checked)} answers failed"
    kinds = ", ".join(f"{name} {figures.count(count)}" for name, count in failed.items())
    return Text(f"Checks: {share}" + (f": {kinds}" if kinds else ""), style="bold red" if failed else "")


def _cost(cost: Cost) -> Text:
    parts = [f"Cost: {figures.money(cost.amount)} {cost.currency}"]
    for amount, of in (
        (cost.per_1000_requests, "1,000 requests"),
        (cost.per_million_output_tokens, "1M output tokens"),
    ):
        if amount is not None:
            parts.append(f"{figures.money(amount)} per {of}")
    return Text(" · ".join(parts))


def _met_style(goodput: Goodput) -> str:
    if goodput.ratio is None:
        return ""
    return "bold green" if goodput.ratio >= goodput.target_ratio else "bold red"


def _errors(stage: StageResult) -> list[Column]:
    errors = sorted(stage.errors.items(), key=lambda item: -item[1].count)
    started = stage.requests.started
    return [
        Column("error", [kind for kind, _ in errors], left=True, style="red"),
        Column("outcome", [error.outcome for _, error in errors], left=True, keep=50),
        Column("count", [figures.count(error.count) for _, error in errors]),
        Column("share", [figures.percent(error.count / started if started else None) for _, error in errors], 60),
        Column("sample", [_plain(error.sample) for _, error in errors], left=True, style="dim", wraps=True),
    ]


def _plain(sample: str | None) -> str:
    """What a server said, on one line and without control characters that a terminal would obey."""
    if sample is None:
        return figures.MISSING
    return " ".join("".join(char if char.isprintable() else " " for char in sample).split())


def _ok(requests: Requests) -> str:
    return f"{figures.count(requests.ok)}/{figures.count(requests.scheduled)}"


def _error_share(stage: StageResult) -> float | None:
    answered = stage.requests.ok + stage.requests.failed
    return stage.requests.failed / answered if answered else None
