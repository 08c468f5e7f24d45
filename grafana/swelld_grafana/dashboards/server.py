"""Client and server: what users feel beside what the server says of itself."""

from typing import Final

from swelld_exporters.names import (
    CACHED_INPUT_TOKENS,
    INPUT_TOKENS,
    REQUESTS_IN_FLIGHT,
    SERVER_KV_CACHE,
    SERVER_PREEMPTIONS,
    SERVER_PREFIX_HITS,
    SERVER_PREFIX_QUERIES,
    SERVER_RUNNING,
    SERVER_SCRAPE_DURATION,
    SERVER_SCRAPE_UP,
    SERVER_WAITING,
    TTFT,
)
from swelld_grafana.dashboards.model import Dashboard, Panel, Query
from swelld_grafana.dashboards.page import page, row
from swelld_grafana.dashboards.panels import RATIO, SECONDS, bars, colored, lines, over_range, share
from swelld_grafana.dashboards.promql import RATE, mean, quantile, rate, ratio, series, total
from swelld_grafana.dashboards.style import BLUE, RED, SKY, WARNING, limit, rising
from swelld_grafana.dashboards.traffic import offered_and_achieved
from swelld_grafana.dashboards.trust import trust

NO_SERVER_METRICS: Final = "while no run goes on, and for servers without metrics of their own"
_SERVERS_TTFT: Final = ("vllm:time_to_first_token_seconds", "sglang:time_to_first_token_seconds")
"""Histograms of servers that Prometheus scrapes itself."""
_ITS_MODEL: Final = 'model_name=~"$model"'


def server() -> Dashboard:
    """The page for whoever runs the server."""
    return page(
        "swelld-server",
        "The server's own queue, batch and cache, read while runs go on, beside the load and what it felt like.",
        row("Do both agree?", *trust(), *_reading(), _first_token(), _difference()),
        row("Load and queue", offered_and_achieved(), _queue(), _kv_cache(), _preemptions()),
        row("Prefix cache", _hits(), _cached()),
    )


def _reading() -> tuple[Panel, ...]:
    return (
        share(
            "Server metrics",
            "Share of the targets whose own metrics could be read the last time (swelld_server_scrape_up).",
            f"avg (last_over_time({series(SERVER_SCRAPE_UP)}[$__range]))",
            0.5,
            1,
            empty=NO_SERVER_METRICS,
        ),
        over_range(
            "Time to read them",
            "The longest of the targets' latest (swelld_server_scrape_duration_seconds).",
            f"max (last_over_time({series(SERVER_SCRAPE_DURATION)}[$__range]))",
            unit=SECONDS,
            thresholds=rising(0.5, 1),
            empty=NO_SERVER_METRICS,
        ),
        bars(
            "KV cache, fullest in the time shown",
            "By target (swelld_server_kv_cache_usage_ratio).",
            Query(
                expr=f"max by (target) (max_over_time({series(SERVER_KV_CACHE)}[$__range]))",
                legend="{{target}}",
                instant=True,
            ),
            unit=RATIO,
            maximum=1,
            width=8,
            height=4,
            thresholds=rising(0.8, 0.95),
            empty=NO_SERVER_METRICS,
        ),
    )


def _of_servers(part: str) -> str:
    """The same of every engine, of the series that only one of them has."""
    parts = (f"sum by (le) (rate({name}_bucket{{{_ITS_MODEL}}}[{RATE}]))" for name in _SERVERS_TTFT)
    return f"histogram_quantile({part}, {' or '.join(parts)})"


def _server_mean() -> str:
    parts = (
        f"sum (rate({name}_sum{{{_ITS_MODEL}}}[{RATE}])) / (sum (rate({name}_count{{{_ITS_MODEL}}}[{RATE}])) > 0)"
        for name in _SERVERS_TTFT
    )
    return " or ".join(parts)


def _first_token() -> Panel:
    return lines(
        "Time to first token, both sides",
        "What swelld measured, and what the server's own histogram says of all its requests. For the latter Prometheus "
        "must scrape the server as well (vLLM or SGLang).",
        Query(expr=quantile(0.5, TTFT), legend="client p50"),
        Query(expr=quantile(0.95, TTFT), legend="client p95", exemplars=True),
        Query(expr=_of_servers("0.5"), legend="server p50"),
        Query(expr=_of_servers("0.95"), legend="server p95"),
        unit=SECONDS,
        overrides=colored({"client p50": SKY, "client p95": BLUE, "server p50": WARNING, "server p95": RED}),
        empty="for the server if Prometheus does not scrape it",
    )


def _difference() -> Panel:
    return lines(
        "What lies between them",
        "Mean time to first token of the client less the server's: network, proxies, and sockets that nobody reads.",
        Query(expr=f"({mean(TTFT)}) - ({_server_mean()})", legend="client - server"),
        unit=SECONDS,
        minimum=None,
        thresholds=limit(0.05),
        empty="if Prometheus does not scrape the server",
    )


def _queue() -> Panel:
    return lines(
        "In the server",
        "Requests that wait and that are worked on, as the server counts them, beside those that swelld has open.",
        Query(expr=total(series(SERVER_WAITING), ("target",)), legend="waiting, {{target}}"),
        Query(expr=total(series(SERVER_RUNNING), ("target",)), legend="running, {{target}}"),
        Query(expr=total(series(REQUESTS_IN_FLIGHT), ("target",)), legend="in flight, {{target}}"),
        empty=NO_SERVER_METRICS,
    )


def _kv_cache() -> Panel:
    return lines(
        "KV cache",
        "Share of the server's KV cache in use.",
        Query(expr=total(series(SERVER_KV_CACHE), ("target",), "max"), legend="{{target}}"),
        unit=RATIO,
        maximum=1,
        thresholds=rising(0.8, 0.95),
        empty=NO_SERVER_METRICS,
    )


def _preemptions() -> Panel:
    return lines(
        "Preemptions",
        "Requests that lost their place in the batch to others: the cache is too small for the load.",
        Query(expr=rate(SERVER_PREEMPTIONS, by=("target",)), legend="{{target}}"),
        unit="cps",
        thresholds=limit(0.1),
        empty=NO_SERVER_METRICS,
    )


def _hits() -> Panel:
    hits = ratio(rate(SERVER_PREFIX_HITS, by=("target",)), rate(SERVER_PREFIX_QUERIES, by=("target",)))
    return lines(
        "Prefix cache hits",
        "Prompt tokens that the server found in its prefix cache, as a share of those it looked up.",
        Query(expr=hits, legend="{{target}}"),
        unit=RATIO,
        maximum=1,
        empty="for servers that do not count them",
    )


def _cached() -> Panel:
    share = ratio(rate(CACHED_INPUT_TOKENS, by=("target",)), rate(INPUT_TOKENS, by=("target",)))
    return lines(
        "Cached prompt tokens, by the answers",
        "Prompt tokens that the server says it took from its cache, as a share of all prompt tokens of good answers.",
        Query(expr=share, legend="{{target}}"),
        unit=RATIO,
        maximum=1,
        empty="for servers whose usage does not say it",
    )
