"""Overview: can the figures be trusted, are the objectives met, and what is running."""

from typing import Any, Final

from swelld_exporters.names import (
    ARRIVALS_DROPPED,
    BUDGET_USED,
    CLIENT_SATURATED,
    E2E,
    GOODPUT,
    ITL,
    OFFERED_RATE,
    OUTPUT_TOKENS,
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    REQUESTS_STARTED,
    RUN_STATE,
    SCENARIO_NEXT_FIRE,
    SCENARIO_PAUSED,
    TARGET_UP,
    TTFT,
)
from swelld_grafana.dashboards.model import Dashboard, Override, Panel, Query
from swelld_grafana.dashboards.objectives import budget_left, burn
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
    states,
    table,
    words,
)
from swelld_grafana.dashboards.promql import increase, quantile, rate, ratio, series, total
from swelld_grafana.dashboards.runs import last_runs, moment
from swelld_grafana.dashboards.style import (
    BAD,
    GOOD,
    GREY,
    OUTCOME_COLORS,
    STATE_COLORS,
    WARNING,
    Step,
    falling,
    limit,
    rising,
)

NO_OBJECTIVE: Final = "for scenarios without objectives"
CLOSED_LOOP: Final = "in a closed loop, where users set the pace"
STATE_VALUES: Final = {state: index for index, state in enumerate(STATE_COLORS, 1)}
"""States of a run as numbers: a state timeline colours values."""


def trust() -> tuple[Panel, ...]:
    """Shown first on every dashboard that shows latencies."""
    valid = {0: ("valid", GOOD), 1: ("client too slow", BAD)}
    return (
        over_range(
            "Instrument",
            "Whether swelld itself keeps up (swelld_client_saturated). If not, the latencies below are partly its own.",
            total(series(CLIENT_SATURATED), how="max"),
            thresholds=limit(1),
            mappings=words(valid),
            links=(to_page("swelld-instrument", "Instrument", "${datasource:queryparam}&${__url_time_range}"),),
        ),
        over_range(
            "Client bottleneck",
            "Share of the time shown in which swelld itself was the bottleneck of a scenario.",
            f"max (avg_over_time({series(CLIENT_SATURATED)}[$__range]))",
            unit=RATIO,
            thresholds=rising(0.01, 0.05),
        ),
    )


def _in_state(how: str, state: str) -> str:
    return series(RUN_STATE, f'state{how}"{state}"')


def run_states(width: int = 24, height: int = 6) -> Panel:
    """What each scenario's latest run was doing when."""
    parts = [f"{value} * (max by (scenario) ({_in_state('=', state)}) == 1)" for state, value in STATE_VALUES.items()]
    return states(
        "Runs",
        "The state of each scenario's latest run over time (swelld_run_state).",
        Query(expr=" or ".join(parts), legend="{{scenario}}"),
        mappings=words({value: (state, STATE_COLORS[state]) for state, value in STATE_VALUES.items()}),
        thresholds=(Step(GREY),),
        empty="until a scenario is run",
        width=width,
        height=height,
    )


def offered_and_achieved(**more: Any) -> Panel:
    """The one picture of an open loop."""
    return lines(
        "Offered and achieved rate",
        "What the schedule asked for, what was sent and what was answered well. Where the lines part, the server or "
        "the client does not keep up.",
        Query(expr=f"{total(series(OFFERED_RATE))} > 0", legend="offered"),
        Query(expr=rate(REQUESTS_STARTED), legend="started"),
        Query(expr=rate(REQUESTS, 'outcome="ok"'), legend="answered well"),
        Query(expr=rate(ARRIVALS_DROPPED), legend="dropped"),
        unit=REQUESTS_PER_SECOND,
        overrides=(
            dashed("offered", GREY),
            *colored({"started": STATE_COLORS["running"], "answered well": GOOD, "dropped": BAD}),
        ),
        **more,
    )


def outcomes(**more: Any) -> Panel:
    """How requests ended."""
    return lines(
        "Outcomes",
        "Requests that ended, by outcome (swelld_requests_total).",
        Query(expr=f"{rate(REQUESTS, by=('outcome',))} > 0", legend="{{outcome}}"),
        stacked=True,
        unit=REQUESTS_PER_SECOND,
        overrides=colored(OUTCOME_COLORS),
        **more,
    )


def overview() -> Dashboard:
    """The page that is always open."""
    return page(
        "swelld-overview",
        "Is the instrument valid, are the objectives met, what do users feel, and what is running.",
        row("Can the figures be trusted, and are the objectives met?", *trust(), *_objectives()),
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
    ok = increase(REQUESTS, 'outcome="ok"')
    budget = f"min ({budget_left()})"
    return (
        over_range(
            "Targets that answer",
            "Share of the targets that answered any of their latest requests (swelld_target_up).",
            f"avg ({series(TARGET_UP)})",
            unit=RATIO,
            thresholds=falling(0.5, 1),
        ),
        over_range(
            "Answered well",
            "Good answers as a share of all requests that ended in the time shown, dropped ones among them.",
            ratio(ok, increase(REQUESTS)),
            unit=RATIO,
            thresholds=falling(0.95, 0.99),
        ),
        over_range(
            "Error budget left",
            "Of the objective that is worst off, for the time shown. Below 0 the objective is missed.",
            budget,
            unit=RATIO,
            thresholds=falling(0, 0.25),
            empty=NO_OBJECTIVE,
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
        over_range(
            "Runs under way",
            "Scenarios with a run that is sending or waiting for the last answers.",
            f"sum ({_in_state('=~', 'pending|warmup|running|draining')})",
            decimals=0,
            width=6,
        ),
        over_range(
            "Time to first token, p95",
            "Of all good answers in the time shown.",
            quantile(0.95, TTFT, over="$__range"),
            unit=SECONDS,
            width=6,
        ),
        over_range(
            "Whole answer, p95",
            "Of all good answers in the time shown.",
            quantile(0.95, E2E, over="$__range"),
            unit=SECONDS,
            width=6,
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
