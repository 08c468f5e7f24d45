"""OpenMetrics, read back by another parser."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser

from swelld_exporters import names
from swelld_exporters.names import CATALOGUE, Metric, MetricType
from swelld_exporters.prometheus.openmetrics import CONTENT_TYPE, render, unit_of
from swelld_exporters.prometheus.registry import Histogram, Registry

LABELS = ("canary", "a", "tiny", "rate=10")
ALONE = Metric("swelld_alone", MetricType.GAUGE, "", (), 'A back\\slash, a "quote"\nand a line.')


def parsed(registry: Registry) -> list[Any]:
    read: Callable[[str], Iterable[Any]] = parser.text_string_to_metric_families
    return list(read(render(registry).decode()))


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def lag(registry: Registry) -> Histogram:
    return registry.histogram(names.EXPOSITION_DURATION).labels("text")


def test_an_empty_registry_is_an_empty_page(registry: Registry) -> None:
    assert render(registry) == b"# EOF\n"
    assert CONTENT_TYPE == "application/openmetrics-text; version=1.0.0; charset=utf-8"


def test_the_page_to_the_letter(registry: Registry, lag: Histogram) -> None:
    registry.gauge(ALONE).labels().set(0.5)
    registry.counter(names.LABEL_OVERFLOW).labels('a "b"').inc(3)
    lag.update(np.array([0.0001, 0.003, 0.004, 2.0]))
    lag.exemplify(np.array([0.003]), "ab" * 16, "cd" * 8, 1700000000.25)
    lag.exemplify(np.array([2.0]), "ef" * 16, "01" * 8, 1700000001.0)
    assert render(registry).decode() == (
        "# TYPE swelld_alone gauge\n"
        '# HELP swelld_alone A back\\\\slash, a \\"quote\\"\\nand a line.\n'
        "swelld_alone 0.5\n"
        "# TYPE swelld_exposition_duration_seconds histogram\n"
        "# UNIT swelld_exposition_duration_seconds seconds\n"
        f"# HELP swelld_exposition_duration_seconds {names.EXPOSITION_DURATION.help}\n"
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.0001"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.00025"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.0005"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.001"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.0025"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.005"} 3'
        f' # {{trace_id="{"ab" * 16}",span_id="{"cd" * 8}"}} 0.003 1700000000.250\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.01"} 3\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.025"} 3\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.05"} 3\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.1"} 3\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.25"} 3\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.5"} 3\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="1.0"} 3\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="+Inf"} 4'
        f' # {{trace_id="{"ef" * 16}",span_id="{"01" * 8}"}} 2 1700000001.000\n'
        'swelld_exposition_duration_seconds_sum{format="text"} 2.0071\n'
        'swelld_exposition_duration_seconds_count{format="text"} 4\n'
        "# TYPE swelld_label_overflow counter\n"
        f"# HELP swelld_label_overflow {names.LABEL_OVERFLOW.help}\n"
        'swelld_label_overflow_total{metric="a \\"b\\""} 3\n'
        "# EOF\n"
    )


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        (names.TTFT, "seconds"),
        (names.REQUESTS, "requests"),
        (names.TARGET_LAST_SUCCESS, "seconds"),
        (names.OFFERED_RATE, ""),
        (names.CONTENTION_ERRORS, ""),
        (names.RUN_STATE, ""),
        (names.REQUEST_INPUT_TOKENS, "tokens"),
    ],
    ids=lambda value: value.name if isinstance(value, Metric) else value,
)
def test_a_unit_is_named_only_if_the_name_ends_in_it(metric: Metric, unit: str) -> None:
    assert unit_of(metric) == unit


def test_a_strict_parser_reads_the_whole_catalogue(registry: Registry) -> None:
    for metric in CATALOGUE:
        if metric.type is MetricType.COUNTER:
            registry.counter(metric).labels(*metric.labels).inc(3)
        elif metric.type is MetricType.GAUGE:
            registry.gauge(metric).labels(*metric.labels).set(0.25)
        else:
            histogram = registry.histogram(metric).labels(*metric.labels)
            histogram.update(np.array([0.01, 3.0]))
            histogram.exemplify(np.array([3.0]), "ab" * 16, "cd" * 8, 17.0)
    families = {family.name: family for family in parsed(registry)}
    assert len(families) == len(CATALOGUE)
    for metric in CATALOGUE:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation, family.unit) == (metric.type, metric.help, unit_of(metric))
        exemplars = [sample.exemplar for sample in family.samples if sample.exemplar]
        assert [(e.labels["trace_id"], e.value) for e in exemplars] == (
            [("ab" * 16, 3.0)] if metric.type is MetricType.HISTOGRAM else []
        )


def test_the_latest_exchange_of_a_bucket_is_shown_and_moves(registry: Registry, lag: Histogram) -> None:
    def shown() -> dict[str, tuple[str, float]]:
        return {
            sample.labels["le"]: (sample.exemplar.labels["span_id"], sample.exemplar.value)
            for family in parsed(registry)
            for sample in family.samples
            if sample.exemplar
        }

    def observe(values: list[float], span: str, unix: float) -> None:
        lag.update(np.array(values))
        lag.exemplify(np.array(values), "ab" * 16, span, unix)

    observe([0.003, 0.0049, 0.02], "first", 100.0)
    assert shown() == {"0.005": ("first", 0.0049), "0.025": ("first", 0.02)}
    observe([0.004], "second", 101.0)
    assert shown() == {"0.005": ("second", 0.004), "0.025": ("first", 0.02)}
    observe([0.0041, 0.021], "earlier", 99.0)
    assert shown() == {"0.005": ("second", 0.004), "0.025": ("first", 0.02)}


@given(
    labels=st.tuples(*[st.text(max_size=8)] * 4),
    trace=st.text("0123456789abcdef", min_size=32, max_size=32),
    value=st.floats(min_value=0, max_value=1e4),
)
def test_every_label_and_exemplar_comes_back(labels: tuple[str, ...], trace: str, value: float) -> None:
    registry = Registry()
    histogram = registry.histogram(names.TTFT).labels(*labels)
    histogram.update(np.array([value]))
    histogram.exemplify(np.array([value]), trace, "b", 12.5)
    (family,) = parsed(registry)
    assert {tuple(sample.labels[name] for name in names.REQUEST) for sample in family.samples} == {labels}
    (exemplar,) = [sample.exemplar for sample in family.samples if sample.exemplar]
    assert (exemplar.labels, exemplar.value, float(exemplar.timestamp)) == (
        {"trace_id": trace, "span_id": "b"},
        value,
        12.5,
    )
