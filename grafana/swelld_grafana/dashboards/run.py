"""Run: one scenario while it runs, and one run after it."""

from typing import Any, Final

from swelld_exporters.names import (
    ACTIVE_USERS,
    ARRIVALS_DROPPED,
    E2E,
    E2E_CORRECTED,
    FAILED_DURATION,
    GOODPUT,
    INPUT_TOKENS,
    ITL,
    LAST_RUN_GOODPUT_RATIO,
    LAST_RUN_VALID,
    OUTPUT_TOKENS,
    REASONING_TOKENS,
    REQUEST_ERRORS,
    REQUEST_INPUT_TOKENS,
    REQUEST_OUTPUT_TOKENS,
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    REQUESTS_STARTED,
    REQUESTS_WITHHELD,
    RESPONSE_CHECK_FAILURES,
    RESPONSE_CHECKS,
    STREAM_STALLS,
    TOKENS_PER_CHUNK,
    TPOT,
    TRUNCATED,
    TTFO,
    TTFT,
    TTFT_CORRECTED,
)
from swelld_grafana.dashboards.control import API, NEW_RATE, buttons
from swelld_grafana.dashboards.model import Dashboard, Panel, Query
from swelld_grafana.dashboards.objectives import NO_OBJECTIVE
from swelld_grafana.dashboards.page import DATASOURCE, MODEL, ONE_RUN, ONE_SCENARIO, STAGE, TARGET, page, row
from swelld_grafana.dashboards.panels import (
    RATIO,
    REQUESTS_PER_SECOND,
    SECONDS,
    TOKENS,
    TOKENS_PER_SECOND,
    colored,
    heatmap,
    latency,
    lines,
    over_range,
    share,
    states,
    words,
)
from swelld_grafana.dashboards.promql import RANGE, increase, quantile, rate, ratio, series, total
from swelld_grafana.dashboards.runs import NOT_YET, stages_of_runs
from swelld_grafana.dashboards.style import BAD, BLUE, GREY, PINK, PURPLE, STATE_COLORS, WARNING, limit, rising
from swelld_grafana.dashboards.traffic import CLOSED_LOOP, answered_well, offered_and_achieved, outcomes, run_states
from swelld_grafana.dashboards.trust import trust

UNTROUBLED: Final = "while nothing goes wrong"


def run() -> Dashboard:
    """The page that a run's links lead to."""
    return page(
        "swelld-run",
        "One scenario while it runs, and one of its runs after it: choose the run, or follow its link, which also sets "
        "the time.",
        row("Now", *trust(), *_figures(), run_states(width=12), _stages(), buttons(height=8)),
        row("Throughput", offered_and_achieved(width=8), _tokens(), _in_flight()),
        row("Latency", *_latencies()),
        row("Latency, spread", *_heatmaps()),
        row("Trouble", outcomes(width=8), _errors(), _trouble(), _held(), _checks(), _failed()),
        row("Lengths", *_lengths()),
        row(
            "Verdict",
            *_verdict(),
            stages_of_runs("Stages", "Every stage and target of the run, by its own distributions.", width=24),
        ),
        variables=(DATASOURCE, ONE_SCENARIO, ONE_RUN, TARGET, MODEL, STAGE, API, NEW_RATE),
        since="now-15m",
        refresh="5s",
    )


def _figures() -> tuple[Panel, ...]:
    return (
        over_range(
            "Requests",
            "Requests begun in the time shown.",
            increase(REQUESTS_STARTED),
            unit="locale",
            decimals=0,
        ),
        answered_well(),
        over_range(
            "TTFT p95",
            "Of the time shown.",
            quantile(0.95, TTFT, over=RANGE),
            unit=SECONDS,
        ),
        over_range(
            "Gap p95",
            "Gap between tokens, of the time shown.",
            quantile(0.95, ITL, over=RANGE),
            unit=SECONDS,
        ),
    )


def _stages() -> Panel:
    return states(
        "Stages",
        "Which stage sent requests when.",
        Query(expr=f"{rate(REQUESTS_STARTED, by=('stage',))} > bool 0 > 0", legend="{{stage}}"),
        empty="while no run goes on",
        mappings=words({1: ("under way", STATE_COLORS["running"])}),
        width=12,
        height=6,
    )


def _tokens() -> Panel:
    return lines(
        "Tokens",
        "Tokens of good answers per second: prompts, answers, and the reasoning among the answers.",
        Query(expr=rate(INPUT_TOKENS), legend="input"),
        Query(expr=rate(OUTPUT_TOKENS), legend="output"),
        Query(expr=rate(REASONING_TOKENS), legend="reasoning"),
        unit=TOKENS_PER_SECOND,
        overrides=colored({"input": GREY, "output": BLUE, "reasoning": PURPLE}),
        empty="for reasoning where the server does not count it",
        width=8,
    )


def _in_flight() -> Panel:
    users = series(ACTIVE_USERS)
    return lines(
        "In flight and users",
        "Requests begun and not yet ended; in a closed loop, the users that make them.",
        Query(expr=total(series(REQUESTS_IN_FLIGHT), ("target",)), legend="in flight, {{target}}"),
        Query(expr=f"{total(users)} > 0", legend="users"),
        overrides=colored({"users": GREY}),
        empty="for users in an open loop",
        width=8,
    )


def _latencies() -> tuple[Panel, ...]:
    open_loop: dict[str, Any] = {"empty": CLOSED_LOOP, "width": 6}
    return (
        latency("Time to first token", TTFT.help, TTFT, objective="ttft", width=8),
        latency("Gap between tokens", ITL.help, ITL, objective="itl", width=8),
        latency("Whole answer", E2E.help, E2E, objective="e2e", width=8),
        latency("Time per output token", TPOT.help, TPOT, objective="tpot", width=6),
        latency("Time to first token, from when it was due", TTFT_CORRECTED.help, TTFT_CORRECTED, **open_loop),
        latency("Whole answer, from when it was due", E2E_CORRECTED.help, E2E_CORRECTED, **open_loop),
        latency("Time to first answer token", TTFO.help, TTFO, width=6),
    )


def _heatmaps() -> tuple[Panel, ...]:
    return (
        heatmap("Time to first token", TTFT.help, TTFT, width=8),
        heatmap("Gap between tokens", ITL.help, ITL, width=8),
        heatmap("Whole answer", E2E.help, E2E, width=8),
    )


def _errors() -> Panel:
    return lines(
        "Errors",
        "Requests that did not end well, by the reason why (swelld_request_errors_total).",
        Query(expr=f"{rate(REQUEST_ERRORS, by=('error_type',))} > 0", legend="{{error_type}}"),
        stacked=True,
        unit=REQUESTS_PER_SECOND,
        empty=UNTROUBLED,
        width=8,
    )


def _trouble() -> Panel:
    return lines(
        "Dropped, cut off, stalled",
        "Arrivals that were never sent, answers that broke off, and gaps inside answers that stand out.",
        Query(expr=rate(ARRIVALS_DROPPED, by=("reason",)), legend="dropped, {{reason}}"),
        Query(expr=rate(TRUNCATED), legend="cut off"),
        Query(expr=rate(STREAM_STALLS), legend="stalls"),
        unit="cps",
        overrides=colored({"/dropped/": BAD, "cut off": PINK, "stalls": WARNING}),
        width=8,
    )


def _failed() -> Panel:
    return latency("How long failed requests took", FAILED_DURATION.help, FAILED_DURATION, empty=UNTROUBLED, width=8)


def _held() -> Panel:
    return lines(
        "Withheld",
        "Requests that were not sent because a budget, the server's users, a pause or a ceiling held them back.",
        Query(expr=rate(REQUESTS_WITHHELD, by=("reason",)), legend="{{reason}}"),
        stacked=True,
        unit=REQUESTS_PER_SECOND,
        empty="in a closed loop",
        width=8,
    )


def _checks() -> Panel:
    failed, checked = rate(RESPONSE_CHECK_FAILURES, by=("check",)), rate(RESPONSE_CHECKS)
    return lines(
        "Answers that failed a check",
        "As a share of the good answers whose text was looked at, by the first check that they failed.",
        Query(expr=f"{failed} / on () group_left () ({checked} > 0)", legend="{{check}}"),
        unit=RATIO,
        thresholds=rising(0.01, 0.05),
        empty="for scenarios without checks",
        width=8,
    )


def _lengths() -> tuple[Panel, ...]:
    return (
        latency("Prompts", REQUEST_INPUT_TOKENS.help, REQUEST_INPUT_TOKENS, unit=TOKENS, width=8),
        latency("Answers", REQUEST_OUTPUT_TOKENS.help, REQUEST_OUTPUT_TOKENS, unit=TOKENS, width=8),
        latency("Tokens per chunk", TOKENS_PER_CHUNK.help, TOKENS_PER_CHUNK, unit=TOKENS, width=8),
    )


def _verdict() -> tuple[Panel, ...]:
    return (
        share(
            "Instrument kept up",
            "Share of the run's stages in which swelld itself kept up.",
            f"avg ({series(LAST_RUN_VALID)})",
            0.5,
            1,
            empty=NOT_YET,
            width=6,
        ),
        share(
            "Goodput of the worst stage",
            "Requests that met every threshold as a share of all that were scheduled.",
            f"min ({series(LAST_RUN_GOODPUT_RATIO)})",
            0.9,
            0.99,
            empty=f"{NOT_YET}, and {NO_OBJECTIVE}",
            width=6,
        ),
        over_range(
            "Dropped",
            "Arrivals in the time shown that were due and never sent.",
            increase(ARRIVALS_DROPPED),
            thresholds=limit(1),
            decimals=0,
            width=6,
        ),
        share(
            "Met the objective",
            "Requests of the time shown that met every threshold, as a share of all that ended.",
            ratio(increase(GOODPUT), increase(REQUESTS)),
            0.9,
            0.99,
            empty=NO_OBJECTIVE,
            width=6,
        ),
    )
