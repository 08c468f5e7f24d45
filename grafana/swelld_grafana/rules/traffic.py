"""Recorded rates and quantiles that dashboards and alerts share, in all but the warm-up."""

from typing import Final

from swelld_grafana.rules.model import LEVELS, Group, Record
from swelld_grafana.rules.options import Options
from swelld_grafana.rules.promql import WITHOUT_WARMUP, by, quantile, rate

_STAGE: Final = LEVELS["stage"]
_TARGET: Final = LEVELS["target"]
ASKED: Final = f'{WITHOUT_WARMUP},outcome!~"cancelled|dropped"'
"""Selects the requests of which an answer was to be had."""

TIMES: Final = {
    "ttft": "swelld_time_to_first_token_seconds",
    "itl": "swelld_inter_token_latency_seconds",
    "tpot": "swelld_time_per_output_token_seconds",
    "e2e": "swelld_request_duration_seconds",
}
"""Name of a threshold -> histogram."""

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def traffic_groups(options: Options) -> tuple[Group, ...]:
    """Rates by stage, errors and quantiles by target, over 5 minutes."""
    quantiles = (
        Record(f"target:{metric}:{name}_rate5m", quantile(q, metric, _TARGET, "5m", WITHOUT_WARMUP))
        for metric in TIMES.values()
        for name, q in QUANTILES.items()
    )
    return (Group("swelld-traffic", options.interval, (*_rates(), *_errors(), *quantiles)),)


def _rates() -> list[Record]:
    started, offered = "stage:swelld_requests_started:rate5m", "stage:swelld_offered_requests_per_second:avg5m"
    return [
        Record(started, rate("swelld_requests_started_total", _STAGE, "5m", WITHOUT_WARMUP)),
        Record(offered, f"sum {by(_STAGE)} (avg_over_time(swelld_offered_requests_per_second[5m]))"),
        Record("stage:swelld_requests_started:ratio_offered5m", f"{started} / ({offered} > 0)"),
        Record("stage:swelld_output_tokens:rate5m", rate("swelld_output_tokens_total", _STAGE, "5m", WITHOUT_WARMUP)),
    ]


def _errors() -> list[Record]:
    asked = "target:swelld_requests:rate5m"
    wrong = f'{WITHOUT_WARMUP},outcome!~"ok|cancelled|dropped"'
    failed = rate("swelld_requests_total", _TARGET, "5m", wrong)
    return [
        Record(asked, rate("swelld_requests_total", _TARGET, "5m", ASKED)),
        Record("target:swelld_requests:error_ratio_rate5m", f"{failed}\n/ ({asked} > 0)"),
    ]
