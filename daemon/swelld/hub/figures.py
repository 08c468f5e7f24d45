"""A distribution in the figures of a result."""

from collections.abc import Sequence
from typing import TypedDict, cast

import msgspec

from swelld.distribution import Distribution
from swelld.result import QUANTILES, Statistics


def statistics(distribution: Distribution, percentiles: Sequence[float] = ()) -> Statistics:
    """Everything but the count is None where there is no value; `percentiles` are percents wanted besides the usual."""
    if not distribution.count:
        return Statistics(count=0)
    return Statistics(
        count=distribution.count,
        min=distribution.min,
        max=distribution.max,
        mean=distribution.mean,
        std=distribution.std,
        **_quantiles(distribution),
        quantiles=_more(distribution, percentiles),
    )


class _Quantiles(TypedDict, total=False):
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p999: float | None


def _quantiles(distribution: Distribution) -> _Quantiles:
    found = {name: distribution.quantile(q) for name, q in QUANTILES.items()}
    return cast("_Quantiles", found)


def _more(distribution: Distribution, percentiles: Sequence[float]) -> dict[str, float] | msgspec.UnsetType:
    found = {f"p{p:g}": distribution.quantile(p / 100) for p in percentiles if p / 100 not in QUANTILES.values()}
    return {name: value for name, value in found.items() if value is not None} or msgspec.UNSET
