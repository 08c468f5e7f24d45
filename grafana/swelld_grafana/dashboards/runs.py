"""Runs that are over, as rows: from the last-run gauges, without any other store."""

from typing import Any, Final

from swelld_exporters.names import (
    LAST_RUN_DURATION,
    LAST_RUN_E2E,
    LAST_RUN_ERROR_RATIO,
    LAST_RUN_GOODPUT_RATIO,
    LAST_RUN_ITL,
    LAST_RUN_REQUEST_RATE,
    LAST_RUN_REQUESTS,
    LAST_RUN_START,
    LAST_RUN_TOKEN_RATE,
    LAST_RUN_TTFT,
    LAST_RUN_VALID,
    RUN_INFO,
    Metric,
)
from swelld_grafana.dashboards.model import Override, Panel, Query
from swelld_grafana.dashboards.page import RUN_LINK
from swelld_grafana.dashboards.panels import (
    RATIO,
    REQUESTS_PER_SECOND,
    SECONDS,
    TIMESTAMP,
    TOKENS_PER_SECOND,
    columns,
    table,
    values,
    words,
)
from swelld_grafana.dashboards.promql import series, total
from swelld_grafana.dashboards.style import BAD, GOOD, STATE_COLORS, Step, falling, rising

RUN: Final = ("scenario", "run_id")
STAGE: Final = (*RUN, "stage", "target", "model")
P95: Final = 'stat="p95"'
NOT_YET: Final = "until a run has ended while swelld was up"


def last(metric: Metric, *matchers: str, by: tuple[str, ...] = STAGE, how: str = "max") -> Query:
    """A figure of the runs, as a column."""
    return Query(expr=total(series(metric, *matchers), by, how), format="table", instant=True, legend=metric.name)


def _moments() -> tuple[Query, Query]:
    start, duration = series(LAST_RUN_START), series(LAST_RUN_DURATION)
    info = f"on (scenario, run_id) group_left (state) {series(RUN_INFO)}"
    return (
        Query(expr=f"1000 * sum by (scenario, run_id, state) ({start} * {info})", format="table", instant=True),
        Query(expr=f"1000 * sum by (scenario, run_id) ({start} + {duration})", format="table", instant=True),
    )


def run_link() -> Override:
    return Override(name="Run", properties={"links": [RUN_LINK], "custom.width": 190})


def moment(*names: str) -> tuple[Override, ...]:
    """Columns that are times."""
    return tuple(Override(name=name, properties={"unit": TIMESTAMP, "custom.width": 150}) for name in names)


def cell(name: str, unit: str, thresholds: tuple[Step, ...] = ()) -> Override:
    """A column with a unit, coloured by its own limits."""
    properties: dict[str, Any] = {"unit": unit}
    if thresholds:
        steps = [{"color": step.color, "value": step.value} for step in thresholds]
        properties |= {
            "thresholds": {"mode": "absolute", "steps": steps},
            "custom.cellOptions": {"type": "color-text"},
        }
    return Override(name=name, properties=properties)


VALID: Final = Override(
    name="Valid",
    properties={
        "custom.width": 60,
        "mappings": list(words({1: ("yes", GOOD), 0: ("no", BAD)})),
        "custom.cellOptions": {"type": "color-text"},
    },
)
STATE: Final = Override(
    name="State",
    properties={
        "mappings": [
            {
                "type": "value",
                "options": {
                    state: {"text": state, "color": color, "index": index}
                    for index, (state, color) in enumerate(STATE_COLORS.items())
                },
            }
        ],
        "custom.cellOptions": {"type": "color-text"},
    },
)


def last_runs(**more: Any) -> Panel:
    """One row for each run that is over."""
    names = {
        "scenario": "Scenario",
        "run_id": "Run",
        "state": "State",
    }
    began, ended = _moments()
    figures = {
        "Began": began,
        "Ended": ended,
        "Duration": last(LAST_RUN_DURATION, by=RUN),
        "Requests": last(LAST_RUN_REQUESTS, by=RUN, how="sum"),
        "Errors": last(LAST_RUN_ERROR_RATIO, by=RUN),
        "Goodput": last(LAST_RUN_GOODPUT_RATIO, by=RUN, how="min"),
        "TTFT p95": last(LAST_RUN_TTFT, P95, by=RUN),
        "E2E p95": last(LAST_RUN_E2E, P95, by=RUN),
        "Valid": last(LAST_RUN_VALID, by=RUN, how="min"),
    }
    return table(
        "Last runs",
        "The latest runs, 50 at most, each with the figures of its worst stage. The name of a run leads to it.",
        *figures.values(),
        sort="Began",
        transformations=columns(names | values(*figures)),
        overrides=(
            run_link(),
            STATE,
            VALID,
            *moment("Began", "Ended"),
            *(cell(name, SECONDS) for name in ("Duration", "TTFT p95", "E2E p95")),
            cell("Requests", "short"),
            cell("Errors", RATIO, rising(0.01, 0.05)),
            cell("Goodput", RATIO, falling(0.9, 0.99)),
        ),
        empty=NOT_YET,
        **more,
    )


def stages_of_runs(title: str, about: str, **more: Any) -> Panel:
    """One row for each stage and target of the chosen runs."""
    names = {
        "scenario": "Scenario",
        "run_id": "Run",
        "stage": "Stage",
        "target": "Target",
        "model": "Model",
    }
    figures = {
        "Requests": last(LAST_RUN_REQUESTS),
        "Rate": last(LAST_RUN_REQUEST_RATE),
        "Output": last(LAST_RUN_TOKEN_RATE),
        "TTFT p50": last(LAST_RUN_TTFT, 'stat="p50"'),
        "TTFT p95": last(LAST_RUN_TTFT, P95),
        "Gap p95": last(LAST_RUN_ITL, P95),
        "E2E p95": last(LAST_RUN_E2E, P95),
        "Errors": last(LAST_RUN_ERROR_RATIO),
        "Goodput": last(LAST_RUN_GOODPUT_RATIO),
        "Valid": last(LAST_RUN_VALID),
    }
    return table(
        title,
        about,
        *figures.values(),
        transformations=columns(names | values(*figures)),
        overrides=(
            Override(name="Run", properties={"custom.width": 190}),
            Override(name="Stage", properties={"custom.width": 185}),
            VALID,
            cell("Requests", "short"),
            cell("Rate", REQUESTS_PER_SECOND),
            cell("Output", TOKENS_PER_SECOND),
            *(cell(name, SECONDS) for name in ("TTFT p50", "TTFT p95", "Gap p95", "E2E p95")),
            cell("Errors", RATIO, rising(0.01, 0.05)),
            cell("Goodput", RATIO, falling(0.9, 0.99)),
        ),
        empty=NOT_YET,
        **more,
    )
