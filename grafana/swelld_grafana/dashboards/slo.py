"""SLO: what is left of the error budgets, how fast they burn, and who burns them."""

from typing import Final

from swelld_exporters.names import SLO_BAD_EVENTS, SLO_EVENTS, SLO_OBJECTIVE, SLO_THRESHOLD
from swelld_grafana.dashboards.model import Dashboard, Panel, Query
from swelld_grafana.dashboards.objectives import NO_OBJECTIVE, OBJECTIVE, bad_share, budget_left, burn, worst_budget
from swelld_grafana.dashboards.page import page, row
from swelld_grafana.dashboards.panels import (
    RATIO,
    REQUESTS_PER_SECOND,
    SECONDS,
    bars,
    columns,
    lines,
    over_range,
    table,
    values,
)
from swelld_grafana.dashboards.promql import increase, rate, series, total
from swelld_grafana.dashboards.runs import cell
from swelld_grafana.dashboards.style import falling, rising
from swelld_grafana.dashboards.trust import trust

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""Those of multi-window burn-rate alerts, short and long."""
BURN: Final = rising(1, 14.4)
_NAME: Final = "{{scenario}} {{target}} {{slo}}"


def slo() -> Dashboard:
    """The page for whoever promised something."""
    return page(
        "swelld-slo",
        "Objectives are judged request by request; warm-up and windows in which the client was the bottleneck are left "
        "out. The budget is that of the time shown: choose 30 days to see a month's.",
        row("Where it stands", *trust(), *_figures(), _objectives()),
        row("Burn", _burn_over_time(), _budget(), *_burn_now()),
        row("Worst offenders", _offenders(), _stages(), _reasons(), _thresholds()),
        since="now-6h",
        refresh="30s",
    )


def _figures() -> tuple[Panel, ...]:
    return (
        worst_budget("Budget left, worst", width=8),
        over_range(
            "Judged requests",
            "Requests that count for the objectives, in the time shown.",
            increase(SLO_EVENTS),
            unit="locale",
            decimals=0,
            empty=NO_OBJECTIVE,
            width=8,
        ),
    )


def _objectives() -> Panel:
    names = {label: label.capitalize() for label in OBJECTIVE} | {"slo": "Objective"}
    figures = {
        "Asked": total(series(SLO_OBJECTIVE), OBJECTIVE, "max"),
        "Good": f"1 - ({bad_share()})",
        "Budget left": budget_left(),
        "Burn 5m": burn("5m"),
        "Burn 1h": burn("1h"),
        "Burn 6h": burn("6h"),
        "Burn 3d": burn("3d"),
    }
    names |= values(*figures)
    burns = tuple(cell(name, "short", BURN) for name in figures if name.startswith("Burn"))
    return table(
        "Objectives",
        "Every objective: the share of good requests that is asked for and that was reached in the time shown, and how "
        "fast the budget burns over several windows (1: just as fast as allowed).",
        *(Query(expr=expr, format="table", instant=True) for expr in figures.values()),
        transformations=columns(names),
        overrides=(cell("Asked", RATIO), cell("Good", RATIO), cell("Budget left", RATIO, falling(0, 0.25)), *burns),
        decimals=2,
        empty=NO_OBJECTIVE,
    )


def _burn_over_time() -> Panel:
    return lines(
        "Burn rate over 1 h",
        "How many times faster than allowed each budget is being used.",
        Query(expr=burn("1h"), legend=_NAME),
        thresholds=BURN,
        decimals=1,
        empty=NO_OBJECTIVE,
    )


def _budget() -> Panel:
    return lines(
        "Budget left over time",
        "Of each objective, for a day that ends at each moment.",
        Query(expr=budget_left("1d"), legend=_NAME),
        unit=RATIO,
        minimum=None,
        maximum=1,
        thresholds=falling(0, 0.25),
        empty=NO_OBJECTIVE,
    )


def _burn_now() -> tuple[Panel, ...]:
    return (
        bars(
            "Burn over all windows, worst objective",
            "Alerts ask for a high burn over a long and a short window at once.",
            *(Query(expr=f"max ({burn(window)})", legend=f"last {window}", instant=True) for window in WINDOWS),
            thresholds=BURN,
            decimals=1,
            width=24,
            height=7,
            empty=NO_OBJECTIVE,
        ),
    )


def _offenders() -> Panel:
    bad = increase(SLO_BAD_EVENTS, by=("scenario", "target", "slo"))
    return bars(
        "Bad requests by target",
        "The ten with most in the time shown.",
        Query(expr=f"topk (10, {bad})", legend=_NAME, instant=True),
        decimals=0,
        empty=NO_OBJECTIVE,
    )


def _stages() -> Panel:
    bad = total(f"increase({series(SLO_BAD_EVENTS)}[$__range])", ("scenario", "stage"))
    judged = total(f"increase({series(SLO_EVENTS)}[$__range])", ("scenario", "stage"))
    return bars(
        "Bad share by stage",
        "The ten stages with the largest share of bad requests in the time shown.",
        Query(expr=f"topk (10, {bad} / ({judged} > 0))", legend="{{scenario}} {{stage}}", instant=True),
        unit=RATIO,
        maximum=1,
        thresholds=rising(0.01, 0.05),
        empty=NO_OBJECTIVE,
    )


def _reasons() -> Panel:
    return lines(
        "Why requests were bad",
        "By the first reason: a threshold that was missed, or how the request ended.",
        Query(expr=f"{rate(SLO_BAD_EVENTS, by=('reason',))} > 0", legend="{{reason}}"),
        stacked=True,
        unit=REQUESTS_PER_SECOND,
        empty=NO_OBJECTIVE,
    )


def _thresholds() -> Panel:
    expr = total(series(SLO_THRESHOLD), ("scenario", "target", "metric"), "max")
    names = {"scenario": "Scenario", "target": "Target", "metric": "Metric", "Value": "Threshold"}
    return table(
        "Thresholds",
        "What a request must keep to be good (swelld_slo_threshold_seconds).",
        Query(expr=expr, format="table", instant=True),
        transformations=columns(names),
        overrides=(cell("Threshold", SECONDS),),
        width=12,
        empty=NO_OBJECTIVE,
    )
