"""The Prometheus text format 0.0.4."""

import math
from typing import Final

from swelld.distribution import Distribution
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import AnyFamily, Counter, Gauge, Registry, Series

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_FORMAT: Final = "text"


def render(registry: Registry) -> bytes:
    """The whole registry; families without series are left out."""
    parts: list[str] = []
    for family in registry.families():
        parts.append(_head(family.metric))
        parts += _series(family)
    return "".join(parts).encode()


def format_value(value: float) -> str:
    """A float as Prometheus reads it back exactly; whole numbers without a point."""
    if value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"


def escape_label(value: str) -> str:
    """A label value between its quotes."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _head(metric: Metric) -> str:
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {metric.name} {text}\n# TYPE {metric.name} {metric.type}\n"


def _series(family: AnyFamily) -> list[str]:
    return [_one(family.metric, series) for series in family.series.values()]


def _one(metric: Metric, series: Series[Counter] | Series[Gauge] | Series[Distribution]) -> str:
    """One % operation over a template that holds everything but the numbers: 30 lines cost about as much as one."""
    value = series.value
    template = series.rendered.get(_FORMAT)
    if isinstance(value, Distribution):
        if template is None:
            template = series.rendered[_FORMAT] = _histogram_template(metric, series.labels, value)
        buckets = value.fixed.cumsum().tolist()
        return template % (*buckets, format_value(value.sum), buckets[-1])
    if template is None:
        template = series.rendered[_FORMAT] = f"{_verbatim(metric.name + _braces(metric, series.labels))} %s\n"
    return template % format_value(value.value)


def _histogram_template(metric: Metric, labels: tuple[str, ...], distribution: Distribution) -> str:
    # 1.0, not 1: so write OpenMetrics and Prometheus 3, and a series keeps its name whichever is scraped
    bounds = [*(repr(bound) for bound in distribution.bounds.tolist()), "+Inf"]
    lines = [f"{_verbatim(metric.name + '_bucket' + _braces(metric, labels, bound))} %d\n" for bound in bounds]
    plain = _braces(metric, labels)
    lines += [f"{_verbatim(metric.name + '_sum' + plain)} %s\n", f"{_verbatim(metric.name + '_count' + plain)} %d\n"]
    return "".join(lines)


def _braces(metric: Metric, values: tuple[str, ...], bound: str | None = None) -> str:
    pairs = [f'{name}="{escape_label(value)}"' for name, value in zip(metric.labels, values, strict=True)]
    if bound is not None:
        pairs.append(f'le="{bound}"')
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _verbatim(text: str) -> str:
    return text.replace("%", "%%")
