"""What is sent and what becomes of it: panels that several dashboards have."""

from typing import Any, Final

from swelld_exporters.names import ARRIVALS_DROPPED, OFFERED_RATE, REQUESTS, REQUESTS_STARTED, RUN_STATE
from swelld_grafana.dashboards.model import Panel, Query
from swelld_grafana.dashboards.panels import REQUESTS_PER_SECOND, colored, dashed, lines, share, states, words
from swelld_grafana.dashboards.promql import increase, rate, ratio, series, total
from swelld_grafana.dashboards.style import BAD, GOOD, GREY, OUTCOME_COLORS, STATE_COLORS, Step

CLOSED_LOOP: Final = "in a closed loop, where users set the pace"
STATE_VALUES: Final = {state: index for index, state in enumerate(STATE_COLORS, 1)}
"""States of a run as numbers: a state timeline colours values."""


def in_state(how: str, state: str) -> str:
    """Runs in some states: `how` is a matcher's operator."""
    return series(RUN_STATE, f'state{how}"{state}"')


def answered_well(**more: Any) -> Panel:
    """Good answers by all."""
    return share(
        "Answered well",
        "Good answers as a share of all requests that ended in the time shown, dropped ones among them.",
        ratio(increase(REQUESTS, 'outcome="ok"'), increase(REQUESTS)),
        0.95,
        0.99,
        **more,
    )


def run_states(width: int = 24, height: int = 6) -> Panel:
    """What each scenario's latest run was doing when."""
    parts = [f"{value} * (max by (scenario) ({in_state('=', state)}) == 1)" for state, value in STATE_VALUES.items()]
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
        empty=f"for the offered rate {CLOSED_LOOP}",
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
