"""What targets lose to each other: panels of the dashboard GPU and contention."""

from typing import Final

from swelld_exporters.names import LAST_RUN_CONTENTION_LOSS
from swelld_grafana.dashboards.model import Override, Panel, Query
from swelld_grafana.dashboards.panels import RATIO, bars, columns, table, values
from swelld_grafana.dashboards.promql import series, total
from swelld_grafana.dashboards.runs import cell, last
from swelld_grafana.dashboards.style import rising

NO_CONTENTION: Final = "without `contention: solo_first`, which measures every target alone first"
_FIGURES: Final = {
    "ttft_p50": "TTFT p50",
    "ttft_p95": "TTFT p95",
    "tpot_p50": "TPOT p50",
    "tpot_p95": "TPOT p95",
    "e2e_p50": "E2E p50",
    "e2e_p95": "E2E p95",
    "request_rate": "Rate",
    "output_token_rate": "Output",
    "goodput": "Goodput",
}
_WORST: Final = ("ttft_p95", "e2e_p95", "output_token_rate")
_LOST: Final = (0.05, 0.25)
"""Parts of a figure: up to the first nobody minds."""
_ROW: Final = ("run_id", "stage", "target")


def worst_losses() -> Panel:
    """The figures that users feel, by target."""
    return bars(
        "Lost to the other targets, worst",
        "How much worse each target was beside the others than alone, in the worst stage of the chosen runs "
        "(swelld_last_run_contention_loss_ratio).",
        *(
            Query(
                expr=total(series(LAST_RUN_CONTENTION_LOSS, f'figure="{figure}"'), ("target",), "max"),
                legend=f"{{{{target}}}} {_FIGURES[figure]}",
                instant=True,
            )
            for figure in _WORST
        ),
        unit=RATIO,
        thresholds=rising(*_LOST),
        width=6,
        empty=NO_CONTENTION,
    )


def losses() -> Panel:
    """Every figure of every stage."""
    names = {"run_id": "Run", "stage": "Stage", "target": "Target"}
    names |= values(*_FIGURES.values())
    return table(
        "Lost to the other targets",
        "Every stage and figure: 10 % is a tenth more time, or a tenth less throughput, than alone; of goodput, "
        "points. Below 0 it was better.",
        *(last(LAST_RUN_CONTENTION_LOSS, f'figure="{figure}"', by=_ROW) for figure in _FIGURES),
        transformations=columns(names),
        overrides=(
            Override(name="Run", properties={"custom.width": 190}),
            Override(name="Stage", properties={"custom.width": 120}),
            *(cell(name, RATIO, rising(*_LOST)) for name in _FIGURES.values()),
        ),
        decimals=1,
        width=18,
        empty=NO_CONTENTION,
    )
