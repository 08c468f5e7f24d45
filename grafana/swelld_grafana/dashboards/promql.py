"""PromQL made from the catalogue: an expression cannot name a metric that there is not."""

from collections.abc import Sequence
from typing import Final

from swelld_exporters.names import Metric

VARIABLES: Final = {
    "scenario": "scenario",
    "target": "target",
    "model": "model",
    "stage": "stage",
    "run_id": "run",
    "gpu": "gpu",
}
"""Label -> the dashboard's variable that chooses its values."""
RATE: Final = "$__rate_interval"
RANGE: Final = "$__range"
QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def series(metric: Metric, *matchers: str, part: str = "", free: Sequence[str] = ()) -> str:
    """The metric's series that the variables choose; `free` labels are not chosen by theirs. Warm-up is left out."""
    chosen = [f'{label}=~"${VARIABLES[label]}"' for label in metric.labels if label in VARIABLES and label not in free]
    if "stage" in metric.labels:
        chosen.append('stage!="warmup"')
    return f"{metric.name}{part}{{{','.join([*chosen, *matchers])}}}"


def total(expr: str, by: Sequence[str] = (), how: str = "sum") -> str:
    """Series added up, or put together in another way."""
    grouping = f" by ({', '.join(by)})" if by else ""
    return f"{how}{grouping} ({expr})"


def rate(metric: Metric, *matchers: str, by: Sequence[str] = (), over: str = RATE) -> str:
    """Growth of a counter per second."""
    return total(f"rate({series(metric, *matchers)}[{over}])", by)


def increase(metric: Metric, *matchers: str, by: Sequence[str] = (), over: str = RANGE) -> str:
    """Growth of a counter."""
    return total(f"increase({series(metric, *matchers)}[{over}])", by)


def ratio(part: str, whole: str) -> str:
    """A share; absent, not 0, where there is no whole."""
    return f"({part}) / (({whole}) > 0)"


def quantile(
    q: float,
    metric: Metric,
    *matchers: str,
    by: Sequence[str] = (),
    over: str = RATE,
    ago: str = "",
    free: Sequence[str] = (),
) -> str:
    """From native histograms where Prometheus scrapes them, otherwise from classic buckets."""
    offset = f" offset {ago}" if ago else ""
    native = total(f"rate({series(metric, *matchers, free=free)}[{over}]{offset})", by)
    buckets = series(metric, *matchers, part="_bucket", free=free)
    classic = total(f"rate({buckets}[{over}]{offset})", ("le", *by))
    return f"histogram_quantile({q}, {native}) or histogram_quantile({q}, {classic})"


def mean(metric: Metric, *matchers: str, by: Sequence[str] = (), over: str = RATE) -> str:
    """Sum by count, of native histograms or of classic ones."""
    native = total(f"rate({series(metric, *matchers)}[{over}])", by)
    sums, counts = (total(f"rate({series(metric, *matchers, part=p)}[{over}])", by) for p in ("_sum", "_count"))
    return f"histogram_sum({native}) / histogram_count({native}) or {ratio(sums, counts)}"


def observed(metric: Metric, *matchers: str, by: Sequence[str] = (), over: str = RATE) -> str:
    """Values observed per second."""
    native = total(f"rate({series(metric, *matchers)}[{over}])", by)
    counts = total(f"rate({series(metric, *matchers, part='_count')}[{over}])", by)
    return f"histogram_count({native}) or {counts}"


def heat(metric: Metric) -> str:
    """All buckets over time: the classic ones, or the native histogram where there are none."""
    classic = f"rate({series(metric, part='_bucket')}[{RATE}])"
    native = f"sum (rate({series(metric)}[{RATE}]))"
    return f"sum by (le) ({classic}) or ({native} unless on () sum ({classic}))"
