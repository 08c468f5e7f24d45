"""Runs side by side for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from swelld.analysis import figures
from swelld.analysis.compare import WORST, Change, Comparison, Outcome, Row, changed, written
from swelld.report.layout import Column, fit

SHOWN: Final = (
    "ttft.p50", "ttft.p95", "ttft.p99", "tpot.p50", "tpot.p95", "e2e.p50", "e2e.p95", "e2e.p99", "request_rate",
    "output_token_rate", "goodput", "error_rate",
)  # fmt: skip
"""Of all figures, those that people are shown."""

NAMES: Final = {
    "request_rate": "req/s",
    "output_token_rate": "out tok/s",
    "goodput": "goodput",
    "error_rate": "errors",
}
STYLES: Final = {"better": "green", "worse": "bold red", "same": "dim", "unsure": "yellow", None: ""}
OUTCOMES: Final[dict[Outcome, tuple[str, str]]] = {
    "FAIL": ("regression", "bold red"),
    "UNCLEAR": ("unclear", "bold yellow"),
    "PASS": ("no regression", "bold green"),
}
INTERVAL: Final = "95% interval"


class ComparisonReport:
    """A rich renderable; a section for each stage of the base, then what the thresholds say."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        found = self.comparison
        for number, series in enumerate(found.series):
            name = "base" if number == 0 else "beside"
            more = f"   {series.scenario}, {series.started}, run {series.run}"
            yield Text.assemble((f"{name:<7}", "dim"), (series.name, "bold"), (more, "dim"))
        for rows in groups(found.rows):
            yield Text()
            yield Rule(Text(title(rows[0]), style="bold cyan"), align="left", style="dim", characters="─")
            yield fit(console, options, _columns(found, rows))
        yield Text()
        yield from _remarks(found)
        yield _checks(found)
        word, style = OUTCOMES[found.outcome]
        yield Text.assemble("Verdict: ", (word, style), f" ({counted(found)})")


def groups(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows that are beside the same stage of the base."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.base_stage, row.base_target), []).append(row)
    return list(found.values())


def title(row: Row) -> str:
    """The stage of the base, and its target."""
    return f"{row.base_stage}  {row.base_target}"


def shown_changes(row: Row) -> list[Change]:
    """Those that people are shown."""
    by_name = {one.figure: one for one in row.changes}
    return [by_name[name] for name in SHOWN if name in by_name]


def figure_name(figure: str) -> str:
    """`TTFT p95`, `out tok/s`."""
    metric, _, statistic = figure.partition(".")
    return f"{metric.upper()} {statistic}" if statistic else NAMES[figure]


def interval(one: Change) -> str:
    """In which the change lies; `-` where that is not known."""
    if one.low is None or one.high is None:
        return figures.MISSING
    return f"{changed(one.kind, one.low)} .. {changed(one.kind, one.high)}"


def counted(found: Comparison) -> str:
    """`2 of 8 thresholds exceeded, 1 unclear`."""
    outcomes = [check.outcome for check in found.checks]
    words = f"{outcomes.count('FAIL')} of {len(outcomes)} thresholds exceeded"
    return words + (f", {outcomes.count('UNCLEAR')} unclear" if "UNCLEAR" in outcomes else "")


def _columns(found: Comparison, rows: Sequence[Row]) -> list[Column]:
    first = shown_changes(rows[0])
    columns = [
        Column("", [figure_name(one.figure) for one in first], left=True, style="bold"),
        Column(found.series[0].name, [written(one.kind, one.base) for one in first]),
    ]
    for row in rows:
        by_name = {one.figure: one for one in row.changes}
        changes = [by_name.get(one.figure) or nothing(one) for one in first]
        styles = [STYLES[one.direction] for one in changes]
        name = found.series[row.series].name
        columns += [
            Column(headed(name, row), [written(one.kind, one.value) for one in changes]),
            Column("change", [changed(one.kind, one.change) for one in changes], cell_styles=styles),
            Column(INTERVAL, [interval(one) for one in changes], 50 - row.series, style="dim"),
            Column("", [one.direction or figures.MISSING for one in changes], 90, left=True, cell_styles=styles),
        ]
    return columns


def headed(name: str, row: Row) -> str:
    """The name of a series, with what is compared, where it is not of the same name."""
    other = [
        part
        for part, base in ((row.stage, row.base_stage), (row.target, row.base_target))
        if part != base and part != name
    ]
    return f"{name} ({', '.join(other)})" if other else name


def nothing(like: Change) -> Change:
    """In place of a figure that only the base has."""
    return Change(
        figure=like.figure,
        kind=like.kind,
        base=like.base,
        value=None,
        change=None,
        low=None,
        high=None,
        direction=None,
    )


def _remarks(found: Comparison) -> Iterator[Text]:
    several = len(found.series) > 2
    for remark in found.remarks:
        style = "yellow" if remark.level == "WARNING" else "dim"
        name = f"{remark.series}: " if several and remark.series else ""
        yield Text.assemble((f"{remark.level.capitalize():<9}", style), name, remark.text)
    if found.remarks:
        yield Text()


def _checks(found: Comparison) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for outcome in WORST:
        for check in found.checks:
            if check.outcome == outcome and outcome != "PASS":
                where = place(found, check.series, check.stage, check.target)
                grid.add_row(Text(outcome, OUTCOMES[outcome][1]), Text.assemble((where, "cyan"), check.text))
    return grid


def place(found: Comparison, series: int, stage: str, target: str) -> str:
    """Where something was found, as far as there are several places."""
    parts = [found.series[series].name] if len(found.series) > 2 else []
    parts += [stage] if len({row.stage for row in found.rows}) > 1 else []
    parts += [target] if len({row.target for row in found.rows}) > 1 else []
    return f"{' '.join(parts)}: " if parts else ""
