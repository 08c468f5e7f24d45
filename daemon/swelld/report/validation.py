"""Client against server for a terminal: both figures of a run, and whether they agree."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from swelld.analysis import figures
from swelld.analysis.crosscheck import tolerated
from swelld.report.findings import STYLES
from swelld.report.layout import Column, fit
from swelld.result import Finding, Result, ServerCheck, ServerResult

NOTHING: Final = (
    "no target has metrics that could be read: give a server whose /metrics is on (vLLM, SGLang, TGI, llama-server "
    "--metrics, ...), or its address as the target's `metrics: URL`"
)

_TIMES: Final = ("ttft", "e2e")


class ValidationReport:
    """A rich renderable of what client and server say of the same run."""

    def __init__(self, result: Result) -> None:
        self.result = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        servers = self.result.server or []
        rows = [(server, check) for server in servers for check in server.checks]
        if rows:
            yield fit(console, options, _columns(rows))
            yield Text()
        if not servers:
            yield Text(f"Not compared: {NOTHING}", "yellow")
        for server in servers:
            if server.note is not None or not server.checks:
                yield Text(f"{server.target}: not compared: {server.note or 'no request ended well'}", "yellow")
        yield from _reasons(self.result.verdict)
        level = "PASS" if agrees(self.result) else "WARNING"
        yield Text.assemble("Validation: ", (level, STYLES[level]))


def agrees(result: Result) -> bool:
    """Whether every target could be compared, and all figures are within the tolerance."""
    servers = result.server or []
    return bool(servers) and all(one.checks and all(check.agrees for check in one.checks) for one in servers)


def _columns(rows: Sequence[tuple[ServerResult, ServerCheck]]) -> list[Column]:
    levels = ["PASS" if check.agrees else "WARNING" for _, check in rows]
    return [
        Column("target", [server.target for server, _ in rows], left=True, style="bold"),
        Column("engine", [server.engine or "unknown" for server, _ in rows], 50, left=True),
        Column("figure", [_name(check) for _, check in rows], left=True),
        Column("swelld", [_written(check, check.client) for _, check in rows]),
        Column("server", [_written(check, check.server) for _, check in rows]),
        Column("difference", [_difference(check) for _, check in rows]),
        Column("within", [tolerated(check, server.tolerance) for server, check in rows], 60),
        Column("", levels, left=True, cell_styles=[STYLES[level] for level in levels]),
    ]


def _name(check: ServerCheck) -> str:
    return f"mean {check.figure.upper()}" if check.figure in _TIMES else check.figure


def _written(check: ServerCheck, value: float) -> str:
    return figures.seconds(value) if check.figure in _TIMES else figures.count(value)


def _difference(check: ServerCheck) -> str:
    return f"{100 * (check.client / check.server - 1):+.1f}%" if check.server else figures.MISSING


def _reasons(verdict: Sequence[Finding]) -> Iterator[Text]:
    found = [finding for finding in verdict if finding.subject.startswith("server ") and finding.reason]
    for finding in found:
        yield Text(f"{finding.target}: {finding.subject.removeprefix('server ')}: {finding.reason}", "dim")
