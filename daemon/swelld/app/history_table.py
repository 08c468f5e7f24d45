"""A list of runs for a terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult

from swelld.analysis import figures
from swelld.report.layout import Column, fit, seconds_column
from swelld.store.base import RunSummary

_STATES: Final = {"completed": "green", "failed": "bold red", "cancelled": "yellow", "interrupted": "yellow"}
_VERDICTS: Final = {"PASS": "green", "WARNING": "yellow", "FAIL": "bold red"}


class RunsTable:
    """One line for each run; columns that do not fit are left out, the least important first."""

    def __init__(self, runs: Sequence[RunSummary]) -> None:
        self._runs = runs

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield fit(console, options, self._columns())

    def _columns(self) -> list[Column]:
        runs = self._runs
        verdicts = [run.verdict or figures.MISSING for run in runs]
        return [
            Column("Run", [run.id for run in runs], left=True),
            Column("Scenario", [run.scenario for run in runs], left=True),
            Column(
                "State", [run.state for run in runs], 95, True, cell_styles=[_STATES.get(r.state, "") for r in runs]
            ),
            Column("Verdict", verdicts, 90, left=True, cell_styles=[_VERDICTS.get(text, "") for text in verdicts]),
            Column("Begun", [_local(run.started) for run in runs], 80, left=True),
            Column("Took", [figures.MISSING if r.duration is None else figures.clock(r.duration) for r in runs], 50),
            Column("Requests", [figures.count(run.requests) for run in runs], 70),
            Column("Failed", [figures.count(run.failed) for run in runs], 75),
            Column("req/s", [figures.rate(run.request_rate) for run in runs], 40),
            Column("tokens/s", [figures.rate(run.output_token_rate) for run in runs], 60),
            seconds_column("TTFT p95", [run.ttft_p95 for run in runs], 65),
            seconds_column("E2E p95", [run.e2e_p95 for run in runs], 45),
            Column("Goodput", [figures.percent(run.goodput_ratio) for run in runs], 55),
            Column("Labels", [_labels(run) for run in runs], 35, left=True),
            Column("Note", [run.note or figures.MISSING for run in runs], 30, left=True),
        ]


def _local(unix: float) -> str:
    return datetime.fromtimestamp(unix).astimezone().strftime("%Y-%m-%d %H:%M")


def _labels(run: RunSummary) -> str:
    return " ".join(f"{name}={value}" for name, value in run.labels.items()) or figures.MISSING
