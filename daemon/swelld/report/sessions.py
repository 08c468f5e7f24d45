"""Sessions of several turns in words and figures, for a terminal."""

from swelld.analysis import figures
from swelld.analysis.turns import cached_share, turn_name
from swelld.report.layout import Column, seconds_column
from swelld.result import Sessions


def sessions_line(found: Sessions) -> str:
    """`43 sessions begun, 39 completed, 4 cut by the end of the stage`."""
    parts = [
        f"{figures.count(found.begun)} {'session' if found.begun == 1 else 'sessions'} begun",
        f"{figures.count(found.completed)} completed",
    ]
    if found.failed:
        parts.append(f"{figures.count(found.failed)} failed")
    if found.cut:
        parts.append(f"{figures.count(found.cut)} cut by the end of the stage")
    earlier = " (some of these began in the warm-up)" if found.completed + found.failed > found.begun else ""
    return ", ".join(parts) + earlier


def session_columns(found: Sessions) -> list[Column]:
    """A row for each turn."""
    turns = found.turns
    return [
        Column("turn", [turn_name(turn) for turn in turns], left=True, style="bold"),
        Column("requests", [figures.count(turn.requests) for turn in turns]),
        Column("ok", [figures.count(turn.ok) for turn in turns], 60),
        seconds_column("TTFT p50", [turn.ttft.p50 for turn in turns], 95),
        seconds_column("TTFT p95", [turn.ttft.p95 for turn in turns], 94),
        seconds_column("E2E p50", [turn.e2e.p50 for turn in turns], 70),
        seconds_column("E2E p95", [turn.e2e.p95 for turn in turns], 65),
        Column("input tokens", [figures.count(turn.input_tokens.mean) for turn in turns], 90),
        Column("cached", [figures.percent(cached_share(turn)) for turn in turns], 85),
    ]
