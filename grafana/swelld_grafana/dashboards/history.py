"""History: every run that was kept, from PostgreSQL, and the latest ones from Prometheus alone."""

from dataclasses import replace
from typing import Final

from swelld_grafana.dashboards.model import Dashboard, Override, Panel, Sql
from swelld_grafana.dashboards.page import STORE, STORED, USUAL, page, row
from swelld_grafana.dashboards.panels import RATIO, SECONDS, TOKENS_PER_SECOND, lines, number, table
from swelld_grafana.dashboards.runs import STATE, VALID, cell, last_runs, moment, run_link
from swelld_grafana.dashboards.style import BAD, GOOD, WARNING, falling, limit, rising

NO_STORE: Final = "without a run store in PostgreSQL"
_CHOSEN: Final = "$__timeFilter(time) AND scenario IN (${stored:sqlstring})"


def history() -> Dashboard:
    """The page for what was."""
    return page(
        "swelld-history",
        "Every run in the store, by when it began. Runs lead to their own dashboard, at their own time.",
        row("In the time shown", *_figures()),
        row("Runs in the store", _runs()),
        row("From run to run", *_trends()),
        row("Without a store", last_runs(height=8)),
        variables=(*USUAL, STORE, STORED),
        since="now-30d",
        refresh="1m",
    )


def _figures() -> tuple[Panel, ...]:
    return (
        _count("Runs", "Runs that began in the time shown.", "count(*)"),
        _count("Completed", "Runs that came to their end.", "count(*) FILTER (WHERE state = 'completed')"),
        _count(
            "Failed or interrupted",
            "Runs that did not.",
            "count(*) FILTER (WHERE state IN ('failed', 'interrupted'))",
            bad=1,
        ),
        _count(
            "Not valid",
            "Runs in which swelld itself was the bottleneck for a while.",
            "count(*) FILTER (WHERE NOT valid)",
            bad=1,
        ),
    )


def _count(title: str, about: str, what: str, bad: float | None = None) -> Panel:
    query = Sql(sql=f"SELECT {what} AS runs FROM run_history WHERE {_CHOSEN}")  # noqa: S608 - a part of this file
    if bad is None:
        return number(title, about, query, decimals=0, empty=NO_STORE, width=6)
    return number(title, about, query, decimals=0, empty=NO_STORE, width=6, thresholds=limit(bad))


_COLUMNS: Final = {
    "scenario": "Scenario",
    "run_id": "Run",
    "state": "State",
    "verdict": "Verdict",
    "1000 * started": "Began",
    "1000 * finished": "Ended",
    "duration": "Duration",
    "requests": "Requests",
    "CASE WHEN ok + failed > 0 THEN failed::float8 / (ok + failed) END": "Errors",
    "goodput_ratio": "Goodput",
    "ttft_p95": "TTFT p95",
    "e2e_p95": "E2E p95",
    "output_token_rate": "Output",
    "joules_per_output_token": "J/token",
    "valid::int": "Valid",
    "note": "Note",
}


_LEVELS: Final = {"PASS": GOOD, "WARNING": WARNING, "FAIL": BAD}
_VERDICT: Final = Override(
    name="Verdict",
    properties={
        "mappings": [
            {
                "type": "value",
                "options": {level: {"text": level, "color": color} for level, color in _LEVELS.items()},
            }
        ],
        "custom.cellOptions": {"type": "color-text"},
    },
)


def _runs() -> Panel:
    wanted = ", ".join(f'{column} AS "{name}"' for column, name in _COLUMNS.items())
    return table(
        "Every run",
        "One row for each run, with the figures of its worst stage.",
        Sql(sql=f"SELECT {wanted} FROM run_history WHERE {_CHOSEN} ORDER BY started DESC LIMIT 1000"),  # noqa: S608 - likewise
        overrides=(
            run_link(),
            STATE,
            VALID,
            _VERDICT,
            *moment("Began", "Ended"),
            *(cell(name, SECONDS) for name in ("Duration", "TTFT p95", "E2E p95")),
            cell("Errors", RATIO, rising(0.01, 0.05)),
            cell("Goodput", RATIO, falling(0.9, 0.99)),
            cell("Output", TOKENS_PER_SECOND),
            cell("J/token", "joule"),
        ),
        height=12,
        empty=NO_STORE,
    )


def _trends() -> tuple[Panel, ...]:
    return (
        _trend("Time to first token, p95", "Of every stage of every run, at the time it began.", "ttft_p95", SECONDS),
        _trend("Whole answer, p95", "Of every stage of every run, at the time it began.", "e2e_p95", SECONDS),
        _trend("Goodput", "Share of scheduled requests that met every threshold.", "goodput_ratio", RATIO),
        _trend("Output tokens", "Per second of the measured window.", "output_token_rate", TOKENS_PER_SECOND),
    )


def _trend(title: str, about: str, column: str, unit: str) -> Panel:
    name = "concat_ws(' ', scenario, target, stage)"
    sql = (
        f"SELECT time, {name} AS metric, {column} AS value FROM run_figures "  # noqa: S608 - likewise
        f"WHERE {_CHOSEN} AND {column} IS NOT NULL ORDER BY time"
    )
    panel = lines(title, about, Sql(sql=sql, format="time_series"), unit=unit, empty=NO_STORE)
    options = {**panel.options, "legend": {**panel.options["legend"], "calcs": []}}
    return replace(
        panel, options=options, custom={**panel.custom, "showPoints": "always", "pointSize": 7, "spanNulls": True}
    )
