"""The protobuf format, read back by the real protobuf library."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prometheus_messages import COUNTER, GAUGE, HISTOGRAM, families, labels, native_buckets
from swelld_exporters import names
from swelld_exporters.prometheus import wire
from swelld_exporters.prometheus.protobuf import CONTENT_TYPE, MOST_BUCKETS, render
from swelld_exporters.prometheus.registry import Histogram, Registry

LABELS = ("canary", "a", "tiny", "rate=10")
BY_NAME = dict(zip(names.REQUEST, LABELS, strict=True))


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def ttft(registry: Registry) -> Histogram:
    return registry.histogram(names.TTFT).labels(*LABELS, extra_bounds=(0.35,))


def read(registry: Registry, name: str = names.TTFT.name) -> Any:
    """The only histogram of a family."""
    (metric,) = families(render(registry))[name].metric
    return metric.histogram


def expected_buckets(values: list[float], schema: int) -> dict[int, int]:
    return dict(Counter(math.ceil(math.log2(value) * 2**schema) for value in values))


def test_an_empty_registry_is_an_empty_page(registry: Registry) -> None:
    assert render(registry) == b""
    assert CONTENT_TYPE == (
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
    )


def test_counters_and_gauges(registry: Registry) -> None:
    registry.counter(names.CONTENTION_ERRORS).labels(*LABELS).inc(7)
    registry.gauge(names.TARGET_UP).labels("ä \n").set(-0.25)
    registry.gauge(names.SLO_THRESHOLD).labels("canary", "a", "tiny", "goodput", "ttft").set(math.inf)
    found = families(render(registry))
    contention = found["swelld_contention_errors_total"]
    assert (contention.type, contention.help, contention.unit) == (COUNTER, names.CONTENTION_ERRORS.help, "")
    assert (labels(contention.metric[0]), contention.metric[0].counter.value) == (BY_NAME, 7.0)
    up = found["swelld_target_up"]
    assert (up.type, labels(up.metric[0]), up.metric[0].gauge.value) == (GAUGE, {"target": "ä \n"}, -0.25)
    threshold = found["swelld_slo_threshold_seconds"]
    assert (threshold.unit, threshold.metric[0].gauge.value) == ("seconds", math.inf)


def test_classic_and_native_buckets_stand_side_by_side(registry: Registry, ttft: Histogram) -> None:
    values = [0.0, 0.011, 0.34, 0.35, 0.36, 0.9, 500.0]
    ttft.update(np.array(values))
    family = families(render(registry))[names.TTFT.name]
    assert (family.type, family.unit) == (HISTOGRAM, "seconds")
    found = family.metric[0].histogram
    assert (found.sample_count, found.sample_sum) == (7, pytest.approx(sum(values)))
    assert [(bucket.upper_bound, bucket.cumulative_count) for bucket in found.bucket] == [
        (bound, sum(value <= bound for value in values)) for bound in (*sorted({*names.A, 0.35}), math.inf)
    ]
    assert (found.schema, found.zero_threshold, found.zero_count) == (5, 1e-9, 1)
    assert native_buckets(found) == expected_buckets(values[1:], 5)
    assert not found.negative_span


def test_a_histogram_without_values_is_native_all_the_same(registry: Registry, ttft: Histogram) -> None:
    found = read(registry)
    assert (found.sample_count, found.zero_count, len(found.positive_span)) == (0, 0, 0)
    assert found.zero_threshold > 0, "by this a server knows a native histogram"
    assert [bucket.cumulative_count for bucket in found.bucket] == [0] * (len(names.A) + 2)


@given(values=st.lists(st.floats(min_value=1e-8, max_value=1e5), min_size=1, max_size=300))
def test_every_value_is_in_its_native_bucket(values: list[float]) -> None:
    registry = Registry()
    histogram = registry.histogram(names.TTFT).labels(*LABELS)
    for start in range(0, len(values), 50):
        histogram.update(np.array(values[start : start + 50]))
        render(registry)
    found = read(registry)
    buckets = native_buckets(found)
    assert sum(span.length for span in found.positive_span) <= MOST_BUCKETS
    assert len(found.positive_delta) == sum(span.length for span in found.positive_span)
    assert sum(buckets.values()) == len(values)
    # a value on a bound may fall to either side of it: the logarithm is not exact
    for index, count in buckets.items():
        low, high = 2.0 ** ((index - 1) / 2**found.schema), 2.0 ** (index / 2**found.schema)
        assert sum(low * (1 + 1e-9) < value < high * (1 - 1e-9) for value in values) <= count
        assert sum(low * (1 - 1e-9) < value < high * (1 + 1e-9) for value in values) >= count


def test_it_becomes_coarser_as_values_spread_and_never_finer_again(registry: Registry, ttft: Histogram) -> None:
    schemas = []
    for low, high in ((0.1, 0.11), (0.1, 3.2), (0.01, 30.0), (1e-6, 1e5), (0.1, 0.11)):
        ttft.update(np.geomspace(low, high, 2000))
        found = read(registry)
        assert len(found.positive_delta) <= MOST_BUCKETS
        assert sum(native_buckets(found).values()) == ttft.count
        schemas.append(found.schema)
    assert schemas == [5, 4, 3, 2, 2]


def test_empty_stretches_are_left_out(registry: Registry, ttft: Histogram) -> None:
    ttft.update(np.array([2 ** (index / 32 - 0.01) for index in (-100, -98, -95, -90, 64)]))
    found = read(registry)
    spans = [(span.offset, span.length) for span in found.positive_span]
    assert spans == [(-100, 6), (4, 1), (153, 1)], "gaps of one and two buckets are cheaper than a span"
    assert list(found.positive_delta) == [1, -1, 1, -1, 0, 1, 0, 0]


def test_exemplars_are_in_the_buckets_of_their_values(registry: Registry, ttft: Histogram) -> None:
    ttft.update(np.array([0.33, 0.34, 500.0]))
    ttft.exemplify(np.array([0.34]), "ab" * 16, "cd" * 8, 1700000000.25)
    ttft.exemplify(np.array([500.0]), "ef" * 16, "01" * 8, 1700000001.5)
    held = {bucket.upper_bound: bucket.exemplar for bucket in read(registry).bucket if bucket.HasField("exemplar")}
    assert set(held) == {0.35, math.inf}
    exemplar = held[0.35]
    assert (exemplar.value, labels(exemplar)) == (0.34, {"trace_id": "ab" * 16, "span_id": "cd" * 8})
    assert (exemplar.timestamp.seconds, exemplar.timestamp.nanos) == (1700000000, 250_000_000)
    assert (held[math.inf].value, held[math.inf].timestamp.nanos) == (500.0, 500_000_000)


def test_values_move_between_two_scrapes(registry: Registry, ttft: Histogram) -> None:
    counter = registry.counter(names.CONTENTION_ERRORS).labels(*LABELS)
    render(registry)
    counter.inc(3)
    ttft.update(np.array([0.2] * 300))
    found = families(render(registry))
    assert found["swelld_contention_errors_total"].metric[0].counter.value == 3
    assert read(registry).bucket[-1].cumulative_count == 300


@given(numbers=st.lists(st.integers(min_value=-(2**62), max_value=2**62), max_size=20))
def test_packed_numbers_are_what_one_by_one_would_be(numbers: list[int]) -> None:
    one_by_one = b"".join(wire.signed(1, number)[1:] for number in numbers)
    assert wire.packed_signed(9, np.array(numbers, dtype=np.int64)) == (wire.message(9, one_by_one) if numbers else b"")
