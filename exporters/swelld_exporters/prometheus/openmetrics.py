"""The OpenMetrics text format 1.0, with exemplars."""

from dataclasses import dataclass
from typing import Final

from swelld_exporters.names import Metric, MetricType
from swelld_exporters.prometheus.registry import AnySeries, Exemplar, Histogram, Registry, every_family
from swelld_exporters.prometheus.text import escape_label, format_value, lines

CONTENT_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_FORMAT: Final = "openmetrics"


@dataclass(slots=True)
class _Rendered:
    """The lines of a histogram with its exemplars, and its count when they were made."""

    count: int
    lines: str


def render(*registries: Registry) -> bytes:
    """All of these registries. No `_created` samples: the values of a process begin with its start, which is there."""
    parts: list[str] = []
    for family in every_family(registries):
        parts.append(_head(family.metric))
        parts += [_lines(family.metric, series) for series in family.series.values()]
    parts.append("# EOF\n")
    return "".join(parts).encode()


def unit_of(metric: Metric) -> str:
    """The unit as the formats know it: the family's name has to end in it; empty if it does not."""
    unit = metric.unit.removeprefix("Unix ")
    return unit if unit and " " not in unit and _family_name(metric).endswith(f"_{unit}") else ""


def _head(metric: Metric) -> str:
    name, unit = _family_name(metric), unit_of(metric)
    return (
        f"# TYPE {name} {metric.type}\n"
        + (f"# UNIT {name} {unit}\n" if unit else "")
        + f"# HELP {name} {escape_label(metric.help)}\n"
    )


def _family_name(metric: Metric) -> str:
    """A counter's family goes without the `_total` of its samples."""
    return metric.name.removesuffix("_total") if metric.type is MetricType.COUNTER else metric.name


def _lines(metric: Metric, series: AnySeries) -> str:
    """As in the text format; exemplars are appended to the lines of their buckets, which come first."""
    histogram = series.value
    if not isinstance(histogram, Histogram) or not histogram.exemplars:
        return lines(metric, series)
    rendered = series.rendered.get(_FORMAT)
    if not isinstance(rendered, _Rendered) or rendered.count != histogram.count:
        samples = lines(metric, series).split("\n")
        for place, exemplar in histogram.exemplars.items():
            samples[place] += _exemplar(exemplar)
        rendered = series.rendered[_FORMAT] = _Rendered(histogram.count, "\n".join(samples))
    return rendered.lines


def _exemplar(exemplar: Exemplar) -> str:
    labels = f'trace_id="{escape_label(exemplar.trace_id)}",span_id="{escape_label(exemplar.span_id)}"'
    return f" # {{{labels}}} {format_value(exemplar.value)} {exemplar.unix:.3f}"
