"""Tables of a sweep in Markdown, as reports show them and models read them."""

from collections.abc import Iterable, Sequence
from typing import Final

from swelld.analysis import figures
from swelld.analysis.sweep import Sweep, error_share
from swelld.analysis.turns import cached_share, turn_name
from swelld.insight.fact import growth
from swelld.result import SearchResult, Sessions, StageResult

MOST_ROWS: Final = 24
"""Of one table; of more stages the first, the last and an even choice are shown."""


def levels_table(sweep: Sweep) -> str:
    """A row for each level."""
    heads = ("load", "requests/s", "tokens/s", "TTFT p50", "TTFT p95", "TPOT p50", "TPOT p95", "E2E p95", "errors")
    objective = any(stage.goodput for stage in sweep.stages)
    rows = [_row(stage, objective=objective) for stage in thinned(sweep.stages)]
    return _table((*heads, "goodput") if objective else heads, rows)


def growth_table(sweep: Sweep) -> str:
    """How many times as much as at the first level; empty for a single one."""
    stages = thinned(sweep.stages)
    if len(stages) < 2:
        return ""
    first, rows = stages[0], []
    for stage in stages[1:]:
        pairs = (
            (first.request_rate, stage.request_rate),
            (first.output_token_rate, stage.output_token_rate),
            (first.ttft.p95, stage.ttft.p95),
            (first.tpot.p95, stage.tpot.p95),
            (first.e2e.p95, stage.e2e.p95),
        )
        rows.append((stage.stage, *(times(growth(*pair)) for pair in pairs)))
    return _table((f"over {first.stage}", "requests/s", "tokens/s", "TTFT p95", "TPOT p95", "E2E p95"), rows)


def search_table(found: SearchResult) -> str:
    """A row for each level of a search, as far as there is room: those next to the capacity decide."""
    levels = sorted(found.levels, key=lambda one: abs(one.level - (found.capacity or 0.0)))[:MOST_ROWS]
    heads = ("users" if found.kind == "concurrency" else "requests/s", "objective", "good", "of", "at least", "at most")
    rows = [
        (
            f"{one.level:.6g}",
            {True: "met", False: "missed", None: "in doubt"}[one.accepted],
            figures.count(one.good),
            figures.count(one.total),
            figures.percent(one.low),
            figures.percent(one.high),
        )
        for one in sorted(levels, key=lambda one: one.level)
    ]
    return _table(heads, rows)


def turns_table(found: Sessions) -> str:
    """A row for each turn."""
    heads = ("turn", "requests", "ok", "TTFT p50", "TTFT p95", "E2E p95", "input tokens", "cached")
    rows = [
        (
            turn_name(turn),
            figures.count(turn.requests),
            figures.count(turn.ok),
            *(figures.seconds(one) for one in (turn.ttft.p50, turn.ttft.p95, turn.e2e.p95)),
            figures.count(turn.input_tokens.mean),
            figures.percent(cached_share(turn)),
        )
        for turn in found.turns
    ]
    return _table(heads, rows)


def times(factor: float | None) -> str:
    """`2.31x`."""
    return figures.MISSING if factor is None else f"{figures.rate(factor)}x"


def thinned(stages: Sequence[StageResult]) -> list[StageResult]:
    """All of them, or an even choice with the first and the last."""
    if len(stages) <= MOST_ROWS:
        return list(stages)
    step = (len(stages) - 1) / (MOST_ROWS - 1)
    return [stages[round(place * step)] for place in range(MOST_ROWS)]


def _row(stage: StageResult, *, objective: bool) -> tuple[str, ...]:
    cells = (
        stage.stage,
        figures.rate(stage.request_rate),
        figures.rate(stage.output_token_rate),
        *(figures.seconds(one) for one in (stage.ttft.p50, stage.ttft.p95, stage.tpot.p50, stage.tpot.p95)),
        figures.seconds(stage.e2e.p95),
        figures.percent(error_share(stage)),
    )
    return (*cells, figures.percent(stage.goodput.ratio if stage.goodput else None)) if objective else cells


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
