"""Tables for other programs: one row for each stage and target, or for each request. Seconds and ratios."""

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from swelld.export.rows import NAMES, Row
from swelld.report.safety import cell
from swelld.result import QUANTILES, Result, StageResult, Statistics

_DISTRIBUTIONS: Final = ("ttft", "ttfo", "ttfb", "itl", "tpot", "e2e", "connect", "failed", "lag")
_TOKENS: Final = ("input_tokens", "output_tokens")
_FIGURES: Final = ("count", "mean", *QUANTILES, "min", "max", "std")
_DECIDED: Final = (
    "level", "accepted", "sure", "good", "total", "low", "high", "seconds", "cut_short", "doubted", "taken_over",
    "reason",
)  # fmt: skip


def render(result: Result, requests: Iterable[Row] | None = None) -> bytes:
    """The stages, or the requests if there are any given; what is missing is empty, never 0."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if requests is None:
        rows = [_row(result, stage) for stage in result.stages]
        names: Iterable[str] = dict.fromkeys(name for row in rows for name in row) or ("run", "scenario", "started")
        _write(writer, names, rows)
    else:
        _write(writer, NAMES, requests)
    return out.getvalue().encode()


def _write(writer: Any, names: Iterable[str], rows: Iterable[Row]) -> None:
    heads = list(names)
    writer.writerow(heads)
    writer.writerows([cell(row.get(name)) for name in heads] for row in rows)


def _row(result: Result, stage: StageResult) -> dict[str, Any]:
    goodput, tokens, cost = stage.goodput, stage.tokens, stage.cost
    row: dict[str, Any] = {
        "run": result.run.id,
        "scenario": result.run.scenario,
        "started": result.run.started,
        "target": stage.target,
        "model": stage.model,
        "stage": stage.stage,
        "solo_of": stage.solo_of,
        "users": stage.users,
        "window_seconds": stage.window_seconds,
        **{f"requests_{name}": count for name, count in msgspec.structs.asdict(stage.requests).items()},
        "request_rate": stage.request_rate,
        "output_token_rate": stage.output_token_rate,
        "input_token_rate": stage.input_token_rate,
        "mean_in_flight": stage.mean_in_flight,
        "offered_rate": stage.validity.offered_rate,
        "goodput": goodput.ratio if goodput else None,
        "goodput_rate": goodput.rate if goodput else None,
        "goodput_asked": goodput.target_ratio if goodput else None,
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "token_source": tokens.source,
        "cost": cost.amount if cost else None,
        "currency": cost.currency if cost else None,
        "valid": stage.validity.valid,
    }
    for name in _DISTRIBUTIONS:
        row |= _figures(name, getattr(stage, name))
    row |= _figures("corrected_ttft", stage.corrected.ttft) | _figures("corrected_e2e", stage.corrected.e2e)
    for name in _TOKENS:
        row |= _figures(f"request_{name}", getattr(stage, name))
    return row | _searched(result, stage) | _lost(result, stage) | _sessions(stage)


def _searched(result: Result, stage: StageResult) -> dict[str, Any]:
    """What a search decided about the level, and in every row what it came to."""
    search = result.search
    if search is None:
        return {}
    level = next((one for one in search.levels if one.stage == stage.stage), None)
    low, high = search.limit or (None, None)
    return {
        **{f"search_{name}": getattr(level, name, None) for name in _DECIDED},
        "search_capacity": search.capacity,
        "search_limit_low": low,
        "search_limit_high": high,
    }


def _lost(result: Result, stage: StageResult) -> dict[str, float | None]:
    """What the target lost to the others; its figures alone are in the row of its solo stage."""
    if not result.contention:
        return {}
    found = next((c.figures for c in result.contention if (c.stage, c.target) == (stage.stage, stage.target)), {})
    names = dict.fromkeys(name for one in result.contention for name in one.figures)
    return {
        f"loss_{name.replace('.', '_')}{end}": getattr(found.get(name), attribute, None)
        for name in names
        for end, attribute in (("", "loss"), ("_low", "low"), ("_high", "high"))
    }


def _sessions(stage: StageResult) -> dict[str, float | None]:
    sessions = stage.sessions
    if sessions is None:
        return {}
    row: dict[str, float | None] = {
        f"sessions_{name}": getattr(sessions, name) for name in ("begun", "completed", "failed", "cut")
    }
    for turn in sessions.turns:
        row |= {
            f"turn_{turn.turn}_requests": turn.requests,
            f"turn_{turn.turn}_ok": turn.ok,
            f"turn_{turn.turn}_ttft_p50": turn.ttft.p50,
            f"turn_{turn.turn}_ttft_p95": turn.ttft.p95,
            f"turn_{turn.turn}_e2e_p50": turn.e2e.p50,
            f"turn_{turn.turn}_e2e_p95": turn.e2e.p95,
            f"turn_{turn.turn}_input_tokens_mean": turn.input_tokens.mean,
            f"turn_{turn.turn}_cached_tokens": turn.cached_tokens,
        }
    return row


def _figures(name: str, statistics: Statistics) -> dict[str, float | None]:
    return {f"{name}_{figure}": getattr(statistics, figure) for figure in _FIGURES}
