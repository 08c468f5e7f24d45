"""A result in other shapes: JSON as it is stored, a table as CSV, the report as text."""

import csv
import io
from typing import Any, Final, Literal

import msgspec

from swelld.result import QUANTILES, Result, StageResult, Statistics

Form = Literal["json", "csv", "text"]

MEDIA_TYPES: Final[dict[Form, str]] = {"json": "application/json", "csv": "text/csv", "text": "text/plain"}
SUFFIXES: Final[dict[Form, str]] = {"json": "json", "csv": "csv", "text": "txt"}

_TIMES: Final = ("ttft", "ttfo", "ttfb", "itl", "tpot", "e2e", "connect", "failed", "lag")
_WIDTH: Final = 120


def export(result: Result, form: Form) -> bytes:
    """The document."""
    if form == "json":
        return msgspec.json.encode(result)
    return (_csv(result) if form == "csv" else _text(result)).encode()


def _csv(result: Result) -> str:
    """One row for each target and stage; seconds, empty where nothing was measured."""
    rows = [_row(result, stage) for stage in result.stages]
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def _row(result: Result, stage: StageResult) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run": result.run.id,
        "scenario": result.run.scenario,
        "started": result.run.started,
        "target": _cell(stage.target),
        "model": _cell(stage.model),
        "stage": _cell(stage.stage),
        "window_seconds": stage.window_seconds,
        **{f"requests_{name}": count for name, count in msgspec.structs.asdict(stage.requests).items()},
        "request_rate": stage.request_rate,
        "output_token_rate": stage.output_token_rate,
        "input_token_rate": stage.input_token_rate,
        "goodput": stage.goodput.ratio if stage.goodput else None,
        "valid": stage.validity.valid,
    }
    for name in _TIMES:
        statistics: Statistics = getattr(stage, name)
        row |= {f"{name}_{figure}": getattr(statistics, figure) for figure in ("count", "mean", *QUANTILES)}
    return row


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _text(result: Result) -> str:
    from rich.console import Console

    from swelld.report.tables import ResultReport

    console = Console(file=io.StringIO(), width=_WIDTH, force_terminal=False, color_system=None, record=True)
    console.print(ResultReport(result))
    return console.export_text()
