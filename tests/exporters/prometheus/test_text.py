"""The text format, read back by other people's parsers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from swelld_exporters import names
from swelld_exporters.names import Metric, MetricType
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.text import CONTENT_TYPE, format_value, render

ALONE = Metric("swelld_alone", MetricType.GAUGE, "", (), "A back\\slash\nand a line.")
LABELS = ("canary", "a", "tiny", "rate=10")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(page: bytes) -> Samples:
    samples: Samples = {}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples, "a series must be there once"
            samples[key] = sample.value
    return samples


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def request(**labels: str) -> dict[str, str]:
    return dict(zip(names.REQUEST, LABELS, strict=True)) | labels


def test_an_empty_registry_is_an_empty_page() -> None:
    assert render(Registry()) == b""


def test_the_page_to_the_letter() -> None:
    registry = Registry()
    registry.gauge(names.TARGET_UP).labels("a").set(1)
    registry.gauge(ALONE).labels().set(0)
    registry.histogram(names.EXPOSITION_DURATION).labels("text").update(np.array([0.0001, 0.003, 2.0]))
    assert render(registry).decode() == (
        "# HELP swelld_alone A back\\\\slash\\nand a line.\n"
        "# TYPE swelld_alone gauge\n"
        "swelld_alone 0\n"
        f"# HELP swelld_exposition_duration_seconds {names.EXPOSITION_DURATION.help}\n"
        "# TYPE swelld_exposition_duration_seconds histogram\n"
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.0001"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.00025"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.0005"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.001"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.0025"} 1\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.005"} 2\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.01"} 2\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.025"} 2\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.05"} 2\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.1"} 2\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.25"} 2\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="0.5"} 2\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="1.0"} 2\n'
        'swelld_exposition_duration_seconds_bucket{format="text",le="+Inf"} 3\n'
        'swelld_exposition_duration_seconds_sum{format="text"} 2.0031\n'
        'swelld_exposition_duration_seconds_count{format="text"} 3\n'
        f"# HELP swelld_target_up {names.TARGET_UP.help}\n"
        "# TYPE swelld_target_up gauge\n"
        'swelld_target_up{target="a"} 1\n'
    )
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


def test_values_move_between_two_scrapes() -> None:
    """The second page comes from what the first one kept of the series' labels."""
    registry = Registry()
    counter = registry.counter(names.CONTENTION_ERRORS).labels(*LABELS)
    histogram = registry.histogram(names.TTFT).labels(*LABELS)
    render(registry)
    counter.inc(7)
    histogram.update(np.array([0.03, 0.03, 500.0]))
    samples = parsed(render(registry))
    assert samples[key("swelld_contention_errors_total", **request())] == 7
    assert samples[key("swelld_time_to_first_token_seconds_bucket", **request(le="0.02"))] == 0
    assert samples[key("swelld_time_to_first_token_seconds_bucket", **request(le="0.04"))] == 2
    assert samples[key("swelld_time_to_first_token_seconds_bucket", **request(le="+Inf"))] == 3
    assert samples[key("swelld_time_to_first_token_seconds_sum", **request())] == pytest.approx(500.06)


def test_a_series_made_again_has_its_new_bounds() -> None:
    registry = Registry()
    registry.histogram(names.TTFT).labels(*LABELS)
    render(registry)
    registry.remove(scenario="canary")
    assert render(registry) == b""
    registry.histogram(names.TTFT).labels(*LABELS, extra_bounds=(0.35,)).update(np.array([0.33]))
    assert parsed(render(registry))[key("swelld_time_to_first_token_seconds_bucket", **request(le="0.35"))] == 1


@given(
    labels=st.tuples(*[st.text(max_size=8)] * 4),
    counter=st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    gauge=st.floats(),
    values=st.lists(st.floats(min_value=0, max_value=1e4), max_size=20),
)
def test_every_value_and_label_comes_back(
    labels: tuple[str, ...], counter: float, gauge: float, values: list[float]
) -> None:
    registry = Registry()
    registry.counter(names.CONTENTION_ERRORS).labels(*labels).inc(counter)
    registry.gauge(names.REQUESTS_IN_FLIGHT).labels(*labels).set(gauge)
    histogram = registry.histogram(names.TTFT).labels(*labels, extra_bounds=(0.123456789,))
    histogram.update(np.array(values, dtype=np.float64))
    samples = parsed(render(registry))

    known = dict(zip(names.REQUEST, labels, strict=True))
    expected = {key("swelld_contention_errors_total", **known): counter}
    expected[key("swelld_requests_in_flight", **known)] = gauge
    name = "swelld_time_to_first_token_seconds"
    for bound in (*names.A, 0.123456789, math.inf):
        le = "+Inf" if bound == math.inf else repr(bound)
        expected[key(f"{name}_bucket", **known, le=le)] = sum(value <= bound for value in values)
    expected[key(f"{name}_count", **known)] = len(values)
    expected[key(f"{name}_sum", **known)] = histogram.sum
    assert samples.keys() == expected.keys()
    for series, value in expected.items():
        assert samples[series] == pytest.approx(value, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (1e15, "1000000000000000"),
        (2.5, "2.5"),
        (1e-7, "1e-07"),
        (1e300, "1e+300"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_floats_as_prometheus_writes_them(value: float, text: str) -> None:
    assert format_value(value) == text
