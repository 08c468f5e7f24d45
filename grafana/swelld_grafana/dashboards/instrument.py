"""Instrument: what swelld itself adds to the figures, and whether they all get out."""

from typing import Final

from swelld_exporters.names import (
    ARRIVALS_DROPPED,
    CLIENT_SATURATED,
    CONNECT_DURATION,
    CONNECTIONS_LIMIT,
    CONNECTIONS_OPEN,
    EVENT_LOOP_LAG,
    LABEL_OVERFLOW,
    MEASUREMENT_ERROR,
    OTLP_METRICS_FAILURES,
    OUTLET_DROPPED,
    OUTLET_EXPORTED,
    OUTLET_FAILURES,
    OUTLET_QUEUE_LENGTH,
    PUSH_FAILURES,
    PUSH_LAST_SUCCESS,
    PUSHES,
    RESENDS,
    SCHEDULE_LAG,
    SHARD_CPU,
    SPANS_DROPPED,
    SPANS_EXPORTED,
    SPANS_FAILED,
    STORE_LOST,
    STORE_PENDING,
    STORE_WRITE_FAILURES,
    STORE_WRITES,
    TOKEN_MISMATCHES,
)
from swelld_grafana.dashboards.daemon import builds, configuration, exposition, memory, process
from swelld_grafana.dashboards.model import Dashboard, Panel, Query
from swelld_grafana.dashboards.page import page, row
from swelld_grafana.dashboards.panels import (
    RATIO,
    REQUESTS_PER_SECOND,
    SECONDS,
    dashed,
    latency,
    lines,
    over_range,
    states,
    words,
)
from swelld_grafana.dashboards.promql import increase, quantile, rate, series, total
from swelld_grafana.dashboards.style import BAD, GOOD, limit, rising
from swelld_grafana.dashboards.traffic import CLOSED_LOOP
from swelld_grafana.dashboards.trust import trust

NOT_CALIBRATED: Final = "without a calibration"
NO_OTLP: Final = "without the OTLP exporter"
NO_PUSHES: Final = "without a Pushgateway"
_SMALL: Final = rising(0.005, 0.02)
"""Seconds that swelld may add before figures suffer."""


def instrument() -> Dashboard:
    """The page for whoever doubts the figures."""
    return page(
        "swelld-instrument",
        "What swelld itself adds to the times it measures, whether it was the bottleneck, and whether everything that "
        "it measured got out.",
        row("Now", *trust(), *_figures()),
        row("Does it keep up?", _saturated(), _lag(), _loop_lag(), _cpu(), _dropped(), _calibration()),
        row("Connections and counting", _connections(), _connect(), _surprises()),
        row("Exporters", *_outlets(), _spans(), _pushes(), _store()),
        row("The daemon's own cost", exposition(), memory(), process(), configuration(), builds()),
    )


def _figures() -> tuple[Panel, ...]:
    lost = f"{increase(OUTLET_DROPPED)} + ({increase(SPANS_DROPPED)} + {increase(SPANS_FAILED)} or vector(0))"
    return (
        over_range(
            "Lag, p99",
            "How much later than due requests were sent in the time shown.",
            quantile(0.99, SCHEDULE_LAG, over="$__range"),
            unit=SECONDS,
            thresholds=_SMALL,
            empty=CLOSED_LOOP,
        ),
        over_range(
            "Dropped arrivals",
            "In the time shown: due and never sent.",
            increase(ARRIVALS_DROPPED),
            thresholds=limit(1),
            decimals=0,
        ),
        over_range(
            "Lost on the way out",
            "Measurements and spans that exporters could not deliver in the time shown.",
            lost,
            thresholds=limit(1),
            decimals=0,
            empty="without exporters",
        ),
        over_range(
            "Series refused",
            "In the time shown: a metric had as many series as it may have (swelld_label_overflow_total).",
            f"sum (increase({series(LABEL_OVERFLOW)}[$__range])) or vector(0)",
            thresholds=limit(1),
            decimals=0,
        ),
    )


def _saturated() -> Panel:
    return states(
        "The client as the bottleneck",
        "When swelld itself was too slow for a scenario. What was measured then is kept out of the objectives.",
        Query(expr=total(series(CLIENT_SATURATED), ("scenario",), "max"), legend="{{scenario}}"),
        mappings=words({0: ("no", GOOD), 1: ("yes", BAD)}),
        thresholds=limit(1),
        height=6,
        width=24,
    )


def _lag() -> Panel:
    return latency("Lag of requests", SCHEDULE_LAG.help, SCHEDULE_LAG, thresholds=_SMALL, empty=CLOSED_LOOP, width=8)


def _loop_lag() -> Panel:
    return lines(
        "Lag of event loops, p99",
        EVENT_LOOP_LAG.help,
        Query(expr=quantile(0.99, EVENT_LOOP_LAG, by=("shard",)), legend="shard {{shard}}"),
        unit=SECONDS,
        thresholds=_SMALL,
        width=8,
    )


def _cpu() -> Panel:
    return lines(
        "CPU of load processes",
        "Share of one core that each uses. Above 80 % requests and answers begin to wait for it.",
        Query(expr=rate(SHARD_CPU, by=("instance", "shard")), legend="shard {{shard}}"),
        unit=RATIO,
        thresholds=rising(0.6, 0.8),
        width=8,
    )


def _dropped() -> Panel:
    return lines(
        "Dropped arrivals",
        "Arrivals that were due and never sent, by the reason why.",
        Query(expr=rate(ARRIVALS_DROPPED, by=("scenario", "reason")), legend="{{scenario}} {{reason}}"),
        unit=REQUESTS_PER_SECOND,
        thresholds=limit(0.1),
        empty=CLOSED_LOOP,
    )


def _calibration() -> Panel:
    return latency(
        "Error of measurement",
        MEASUREMENT_ERROR.help,
        MEASUREMENT_ERROR,
        thresholds=_SMALL,
        empty=NOT_CALIBRATED,
    )


def _connections() -> Panel:
    return lines(
        "Connections",
        "Open ones by target, and how many there may be.",
        Query(expr=total(series(CONNECTIONS_OPEN), ("target",)), legend="{{target}}"),
        Query(expr=total(series(CONNECTIONS_LIMIT), how="max"), legend="limit"),
        overrides=(dashed("limit", BAD),),
        log=True,
        minimum=1,
        width=8,
    )


def _connect() -> Panel:
    return latency("New connections", CONNECT_DURATION.help, CONNECT_DURATION, width=8)


def _surprises() -> Panel:
    return lines(
        "Sent again, counted differently",
        "Requests sent again because the server had closed the connection, and answers whose tokens server and "
        "tokenizer count differently.",
        Query(expr=rate(RESENDS), legend="sent again"),
        Query(expr=rate(TOKEN_MISMATCHES), legend="counted differently"),
        unit=REQUESTS_PER_SECOND,
        width=8,
    )


def _outlets() -> tuple[Panel, ...]:
    by = ("exporter",)
    return (
        lines(
            "Exported exchanges",
            "What each exporter's receiver has taken.",
            Query(expr=rate(OUTLET_EXPORTED, by=by), legend="{{exporter}}"),
            unit=REQUESTS_PER_SECOND,
            width=8,
            empty="without exporters",
        ),
        lines(
            "Waiting to be exported",
            "Exchanges that each exporter's outlet holds.",
            Query(expr=total(series(OUTLET_QUEUE_LENGTH), by), legend="{{exporter}}"),
            width=8,
            empty="without exporters",
        ),
        lines(
            "Exports that failed",
            "Exchanges that were lost, and exports of a batch that failed, those tried again among them.",
            Query(expr=rate(OUTLET_DROPPED, by=by), legend="{{exporter}} lost"),
            Query(expr=rate(OUTLET_FAILURES, by=by), legend="{{exporter}} failed exports"),
            unit="cps",
            thresholds=limit(0.1),
            width=8,
            empty="without exporters",
        ),
    )


def _store() -> Panel:
    return lines(
        "Run store",
        "Writes of the state of runs, those that failed, and runs whose newest state waits to be written or was lost.",
        Query(expr=rate(STORE_WRITES), legend="writes per second"),
        Query(expr=rate(STORE_WRITE_FAILURES, by=("reason",)), legend="failed per second, {{reason}}"),
        Query(expr=total(series(STORE_PENDING)), legend="waiting"),
        Query(expr=increase(STORE_LOST), legend="lost in the time shown"),
        thresholds=limit(100),
        width=8,
        empty="without a run store",
    )


def _spans() -> Panel:
    return lines(
        "Spans",
        "Spans that the OTLP receiver took, that were never tried, and that failed; exports of metrics that failed.",
        Query(expr=rate(SPANS_EXPORTED), legend="exported"),
        Query(expr=rate(SPANS_DROPPED), legend="dropped"),
        Query(expr=rate(SPANS_FAILED), legend="failed"),
        Query(expr=rate(OTLP_METRICS_FAILURES), legend="failed exports of metrics"),
        unit="cps",
        width=8,
        empty=NO_OTLP,
    )


def _pushes() -> Panel:
    return lines(
        "Pushes",
        "Pushes to the Pushgateway, those that failed, and the time since the last one that did not.",
        Query(expr=rate(PUSHES), legend="pushes"),
        Query(expr=rate(PUSH_FAILURES), legend="failed"),
        Query(expr=f"time() - max ({series(PUSH_LAST_SUCCESS)})", legend="seconds since the last"),
        unit="cps",
        width=8,
        empty=NO_PUSHES,
    )
