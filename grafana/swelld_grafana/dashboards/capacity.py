"""Capacity: how latency, goodput and errors grow with the load."""

from typing import Final

from swelld_exporters.names import (
    E2E,
    ITL,
    LAST_RUN_ACTIVE_USERS,
    LAST_RUN_CONTENTION_RATIO,
    LAST_RUN_E2E,
    LAST_RUN_ERROR_RATIO,
    LAST_RUN_GOODPUT_RATIO,
    LAST_RUN_ITL,
    LAST_RUN_REQUEST_RATE,
    LAST_RUN_TOKEN_RATE,
    LAST_RUN_TTFT,
    REQUESTS,
    SERVER_RUNNING,
    SERVER_WAITING,
    TTFT,
    Metric,
)
from swelld_grafana.dashboards.model import Dashboard, Override, Panel, Query
from swelld_grafana.dashboards.page import DATASOURCE, MODEL, ONE_RUN, ONE_SCENARIO, STAGE, TARGET, page, row
from swelld_grafana.dashboards.panels import (
    RATIO,
    REQUESTS_PER_SECOND,
    SECONDS,
    TOKENS_PER_SECOND,
    colored,
    curve,
    lines,
    over_range,
    values,
)
from swelld_grafana.dashboards.promql import quantile, rate, series, total
from swelld_grafana.dashboards.runs import NOT_YET, last, stages_of_runs
from swelld_grafana.dashboards.search import HEADROOM, PEAK, found, replicas
from swelld_grafana.dashboards.server import NO_SERVER_METRICS
from swelld_grafana.dashboards.style import BLUE, GOOD, PINK, QUANTILE_COLORS, SKY, WARNING, falling
from swelld_grafana.dashboards.traffic import offered_and_achieved
from swelld_grafana.dashboards.trust import trust

RATE: Final = "Rate"
X_AXIS: Final = Override(name=RATE, properties={"unit": "none", "custom.axisLabel": "good answers per second"})


def capacity() -> Dashboard:
    """The page for sweeps and searches."""
    return page(
        "swelld-capacity",
        "How a server bears more and more load: each point is a stage of the chosen run, at the rate of good answers "
        "that it reached.",
        row("One run, stage by stage", *trust(), *_most(), *_curves(), _stages()),
        row("What a search found", *found()),
        row("How many replicas for the peak?", *replicas()),
        row("Over time", offered_and_achieved(), *_by_stage(), _saturation()),
        variables=(DATASOURCE, ONE_SCENARIO, ONE_RUN, TARGET, MODEL, STAGE, PEAK, HEADROOM),
    )


def _against_rate(title: str, about: str, unit: str, *figures: tuple[str, Query], **more: object) -> Panel:
    """Figures of the run's stages against the rate; all targets of a stage together count once."""
    names = values(RATE, *(name for name, _ in figures))
    options: dict[str, object] = {"width": 8, "empty": NOT_YET, "overrides": (X_AXIS,), **more}
    queries = (last(LAST_RUN_REQUEST_RATE, by=("stage",), how="sum"), *(query for _, query in figures))
    return curve(title, about, RATE, *queries, names=names, unit=unit, **options)


def _quantiles(title: str, metric: Metric) -> Panel:
    stats = ("p50", "p95", "p99")
    figures = [(stat, last(metric, f'stat="{stat}"', by=("stage",))) for stat in stats]
    overrides = (X_AXIS, *colored({stat: QUANTILE_COLORS[stat] for stat in stats}))
    return _against_rate(
        title, f"{metric.help} Against the rate of good answers.", SECONDS, *figures, overrides=overrides
    )


def _curves() -> tuple[Panel, ...]:
    ratios = (
        ("Goodput", last(LAST_RUN_GOODPUT_RATIO, by=("stage",), how="min")),
        ("Errors", last(LAST_RUN_ERROR_RATIO, by=("stage",))),
        ("Contention errors", last(LAST_RUN_CONTENTION_RATIO, by=("stage",))),
    )
    colors = colored({"Goodput": GOOD, "Errors": WARNING, "Contention errors": PINK})
    return (
        _quantiles("Time to first token against rate", LAST_RUN_TTFT),
        _quantiles("Gap between tokens against rate", LAST_RUN_ITL),
        _quantiles("Whole answer against rate", LAST_RUN_E2E),
        _against_rate(
            "Goodput and errors against rate",
            "Shares of the stage's requests. Goodput that falls while the rate still grows is the server's limit.",
            RATIO,
            *ratios,
            overrides=(X_AXIS, *colors),
            thresholds=falling(0.9, 0.99),
        ),
        _against_rate(
            "Output tokens against rate",
            "Where the line bends, the server is full.",
            TOKENS_PER_SECOND,
            ("Output", last(LAST_RUN_TOKEN_RATE, by=("stage",), how="sum")),
        ),
        _against_rate(
            "Users against rate",
            "In a closed loop: the users that it took to reach the rate. A line that bends upwards is a full server.",
            "short",
            ("Users", last(LAST_RUN_ACTIVE_USERS, by=("stage",))),
            empty="in an open loop, where a rate is set and no users",
        ),
    )


def _most() -> tuple[Panel, ...]:
    good = f"{series(LAST_RUN_GOODPUT_RATIO)} >= 0.99"
    labels = "on (scenario, target, model, stage, run_id)"
    within = f"max ({series(LAST_RUN_REQUEST_RATE)} and {labels} {good})"
    return (
        over_range(
            "Rate within the objective",
            "The highest rate of good answers of a stage in which 99 % of all scheduled requests met the objective.",
            within,
            unit=REQUESTS_PER_SECOND,
            empty="for runs without an objective, or whose every stage missed it",
            width=8,
        ),
        over_range(
            "Most output tokens",
            "Of the stage that produced most.",
            f"max ({series(LAST_RUN_TOKEN_RATE)})",
            unit=TOKENS_PER_SECOND,
            empty=NOT_YET,
            width=8,
        ),
    )


def _stages() -> Panel:
    return stages_of_runs("Stages", "The same as figures: every stage and target of the run.")


def _by_stage() -> tuple[Panel, ...]:
    return tuple(
        lines(
            f"{title}, p95 by stage",
            metric.help,
            Query(expr=quantile(0.95, metric, by=("stage",)), legend="{{stage}}", exemplars=True),
            unit=SECONDS,
        )
        for title, metric in (("Time to first token", TTFT), ("Gap between tokens", ITL), ("Whole answer", E2E))
    )


def _saturation() -> Panel:
    return lines(
        "Saturation",
        "Requests that the server works on and that wait in its queue, beside the rate of good answers.",
        Query(expr=total(series(SERVER_RUNNING)), legend="running"),
        Query(expr=total(series(SERVER_WAITING)), legend="waiting"),
        Query(expr=rate(REQUESTS, 'outcome="ok"'), legend="answered well per second"),
        overrides=colored({"running": BLUE, "waiting": WARNING, "answered well per second": SKY}),
        empty=f"for running and waiting {NO_SERVER_METRICS}",
        width=24,
    )
