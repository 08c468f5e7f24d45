"""What `swelld calibrate` found, for a terminal: a table for each ladder, then the sum of it."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from swelld.analysis import figures
from swelld.analysis.capacity import Capacity, Limit, Rung, summary
from swelld.report.layout import Column, fit

_HEADS = {"streams": "streams", "rate": "requests/s"}


class CapacityReport:
    """A rich renderable; it drops columns to fit the console."""

    def __init__(self, found: Capacity) -> None:
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        found = self._found
        yield Text(f"{found.machine}; load processes: {found.shards}", style="dim")
        pairs = list(zip(found.rungs, found.limits, strict=True))
        for ladder, head in _HEADS.items():
            rows = [pair for pair in pairs if pair[0].ladder == ladder]
            if rows:
                yield Text()
                yield fit(console, options, _columns(head, rows))
        yield Text()
        first, *rest = summary(found)
        yield Text(first, style="bold")
        for line in rest:
            yield Text(line)


def _columns(head: str, rows: Sequence[tuple[Rung, Limit | None]]) -> list[Column]:
    rungs = [rung for rung, _ in rows]
    rates = [figures.count(rung.token_rate) for rung in rungs]
    if head == "requests/s":
        rates = [figures.rate(rung.request_rate) for rung in rungs]
    return [
        Column(head, [figures.count(rung.level) for rung in rungs], style="bold"),
        Column("tokens/s" if head == "streams" else "answered/s", rates),
        _ms("TTFT p50", [rung.ttft.p50 for rung in rungs], 80),
        _ms("true", [rung.simulator.ttft.p50 for rung in rungs], 70),
        _ms("error ms", [rung.error for rung in rungs], 100),
        _ms("p99", [rung.ttft.p99 for rung in rungs], 60),
        _ms("true", [rung.simulator.ttft.p99 for rung in rungs], 50),
        _ms("lag p99", [rung.lag.p99 for rung in rungs], 75),
        _cpu(head, rungs),
        _ms("sim late p99", [rung.simulator.lateness.p99 for rung in rungs], 65),
        Column("", [_verdict(limit) for _, limit in rows], left=True, cell_styles=[_style(limit) for _, limit in rows]),
    ]


def _cpu(head: str, rungs: Sequence[Rung]) -> Column:
    per_token = head == "streams"
    values = [rung.cpu_per_token if per_token else rung.cpu_per_request for rung in rungs]
    cells = [figures.MISSING if value is None else f"{value * 1e6:.1f}" for value in values]
    return Column("CPU us/token" if per_token else "CPU us/request", cells, 55)


def _ms(head: str, values: Sequence[float | None], keep: int) -> Column:
    cells = [figures.MISSING if value is None else f"{value * 1e3:.2f}" for value in values]
    return Column(head, cells, keep)


def _verdict(limit: Limit | None) -> str:
    return "ok" if limit is None else f"{limit.who}: {limit.why}"


def _style(limit: Limit | None) -> str:
    return "green" if limit is None else "yellow" if limit.who == "simulator" else "red"
