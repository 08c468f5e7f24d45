"""Overview: can the figures be trusted, are the objectives met, and what is running."""

from swelld_exporters.names import (
    BUDGET_USED,
    E2E,
    GOODPUT,
    ITL,
    OUTPUT_TOKENS,
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    SCENARIO_NEXT_FIRE,
    SCENARIO_PAUSED,
    TARGET_UP,
    TTFT,
)
from swelld_grafana.dashboards.model import Dashboard, Override, Panel, Query
from swelld_grafana.dashboards.objectives import NO_OBJECTIVE, burn, worst_budget
from swelld_grafana.dashboards.page import page, row, to_page
from swelld_grafana.dashboards.panels import (
    RATIO,
    REQUESTS_PER_SECOND,
    SECONDS,
    TOKENS_PER_SECOND,
    bars,
    colored,
    columns,
    dashed,
    latency,
    lines,
    over_range,
    share,
    table,
    words,
)
from swelld_grafana.dashboards.promql import quantile, rate, series, total
from swelld_grafana.dashboards.runs import last_runs, moment
from swelld_grafana.dashboards.style import GOOD, GREY, WARNING, rising
from swelld_grafana.dashboards.traffic import answered_well, in_state, offered_and_achieved, outcomes, run_states
from swelld_grafana.dashboards.trust import trust


def overview() -> Dashboard:
    """The page that is always open."""
    return page(
        "swelld-overview",
        "Is the instrument valid, are the objectives met, what do users feel, and what is running.",
        row("Can the figures be trusted, and are the objectives met?", *trust(), *_objectives(), *_figures()),
        row("Load", offered_and_achieved(), outcomes(width=6), _in_flight()),
        row(
            "What users feel",
            latency("Time to first token", TTFT.help, TTFT, objective="ttft", width=8),
            latency("Gap between tokens", ITL.help, ITL, objective="itl", width=8),
            latency("Whole answer", E2E.help, E2E, objective="e2e", width=8),
        ),
        row("Work done", _good_requests(), _tokens()),
        row("Runs", run_states(), last_runs(), _schedules(), _budgets()),
    )


def _objectives() -> tuple[Panel, ...]:
    return (
        share(
            "Targets that answer",
            "Share of the targets that answered any of their latest requests (swelld_target_up).",
            f"avg ({series(TARGET_UP)})",
            0.5,
            1,
        ),
        answered_well(),
        worst_budget(
            "Error budget left",
            links=(to_page("swelld-slo", "Objectives", "${datasource:queryparam}&${__url_time_range}"),),
        ),
        over_range(
            "Burn rate, 1 h",
            "How many times faster than allowed the error budget is being used, of the worst objective, in the last "
            "hour. 14.4 uses up a month's budget in two days.",
            f"max ({burn('1h')})",
            thresholds=rising(1, 14.4),
            decimals=1,
            empty=NO_OBJECTIVE,
        ),
    )


def _figures() -> tuple[Panel, ...]:
    of_all = "Of all good answers in the time shown."
    return (
        over_range(
            "Runs under way",
            "Scenarios with a run that is sending or waiting for the last answers.",
            f"sum ({in_state('=~', 'pending|warmup|running|draining')})",
            decimals=0,
            width=6,
        ),
        *(
            over_range(title, of_all, quantile(0.95, metric, over="$__range"), unit=SECONDS, width=6)
            for title, metric in (("Time to first token, p95", TTFT), ("Whole answer, p95", E2E))
        ),
        over_range(
            "Goodput",
            "Requests that met every threshold, per second, over the time shown.",
            rate(GOODPUT, over="$__range"),
            unit=REQUESTS_PER_SECOND,
            empty=NO_OBJECTIVE,
            width=6,
        ),
    )


def _in_flight() -> Panel:
    return lines(
        "In flight",
        "Requests begun and not yet ended, by target.",
        Query(expr=total(series(REQUESTS_IN_FLIGHT), ("target",)), legend="{{target}}"),
        stacked=True,
        width=6,
    )


def _schedules() -> Panel:
    return table(
        "Schedules",
        "When each scenario runs next by itself, and whether it is paused.",
        Query(expr=f"1000 * max by (scenario) ({series(SCENARIO_NEXT_FIRE)})", format="table", instant=True),
        Query(expr=total(series(SCENARIO_PAUSED), ("scenario",), "max"), format="table", instant=True),
        transformations=columns({"scenario": "Scenario", "Value #A": "Next run", "Value #B": "Paused"}),
        overrides=(
            *moment("Next run"),
            Override(name="Paused", properties={"mappings": list(words({0: ("no", GOOD), 1: ("yes", WARNING)}))}),
        ),
        width=12,
        empty="in the column of the next run for scenarios that have none",
    )


def _budgets() -> Panel:
    return bars(
        "Budgets",
        "How much of each budget is used up in the present hour or day. What is used up sends nothing more.",
        Query(
            expr=f"max by (scenario, target, what, window) ({series(BUDGET_USED)})",
            legend="{{scenario}} {{target}} {{what}} per {{window}}",
            instant=True,
        ),
        unit=RATIO,
        maximum=1,
        thresholds=rising(0.8, 1),
        empty="without budgets",
    )


def _good_requests() -> Panel:
    return lines(
        "Goodput",
        "Requests that met every threshold of their objective, beside all good answers.",
        Query(expr=rate(REQUESTS, 'outcome="ok"'), legend="answered well"),
        Query(expr=rate(GOODPUT), legend="met the objective"),
        unit=REQUESTS_PER_SECOND,
        overrides=(dashed("answered well", GREY), *colored({"met the objective": GOOD})),
    )


def _tokens() -> Panel:
    return lines(
        "Output tokens",
        "Output tokens of good answers per second, by target (swelld_output_tokens_total).",
        Query(expr=rate(OUTPUT_TOKENS, by=("target",)), legend="{{target}}"),
        unit=TOKENS_PER_SECOND,
    )
