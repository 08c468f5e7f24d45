"""Families, their series, and the bound on them."""

import numpy as np
import pytest

from swelld_exporters import names
from swelld_exporters.prometheus.registry import Counter, Registry
from swelld_exporters.prometheus.text import render

LABELS = ("canary", "a", "tiny", "rate=10")


def test_a_series_is_the_same_value_each_time() -> None:
    family = Registry().counter(names.CONTENTION_ERRORS)
    family.labels(*LABELS).inc()
    family.labels(*LABELS).inc(2.5)
    assert family.labels(*LABELS).value == 3.5
    assert list(family.series) == [LABELS]


def test_a_counter_cannot_go_down() -> None:
    counter = Counter()
    counter.inc(2)
    with pytest.raises(ValueError, match="-1"):
        counter.inc(-1)
    counter.raise_to(1)
    assert counter.value == 2
    counter.raise_to(5)
    assert counter.value == 5


def test_a_gauge_takes_any_value() -> None:
    gauge = Registry().gauge(names.TARGET_UP).labels("a")
    gauge.set(1)
    gauge.set(0)
    assert gauge.value == 0.0


def test_a_histogram_has_the_bounds_of_the_catalogue() -> None:
    histogram = Registry().histogram(names.TTFT).labels(*LABELS)
    assert tuple(histogram.bounds) == names.A


def test_thresholds_become_exact_bounds_of_that_series_only() -> None:
    family = Registry().histogram(names.TTFT)
    exact = family.labels(*LABELS, extra_bounds=(0.35, 0.5))
    plain = family.labels("other", "a", "tiny", "rate=10")
    assert tuple(exact.bounds) == tuple(sorted({*names.A, 0.35}))
    assert tuple(plain.bounds) == names.A
    assert family.labels(*LABELS) is exact
    exact.update(np.array([0.35, 0.350001]))
    assert exact.fixed[names.A.index(0.4)] == 1, "the threshold itself is good: value <= bound"


def test_the_wrong_number_of_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="swelld_target_up has the labels"):
        Registry().gauge(names.TARGET_UP).labels("a", "b")


def test_the_wrong_type_is_refused() -> None:
    with pytest.raises(ValueError, match="swelld_target_up is a gauge, not a counter"):
        Registry().counter(names.TARGET_UP)


def test_a_full_family_refuses_new_series_and_counts_them() -> None:
    registry = Registry(max_series=2)
    family = registry.gauge(names.TARGET_UP)
    for target in ("a", "b", "c", "d"):
        family.labels(target).set(1)
    family.labels("a").set(0)
    assert {labels[0]: series.value.value for labels, series in family.series.items()} == {"a": 0, "b": 1}
    assert registry.counter(names.LABEL_OVERFLOW).labels("swelld_target_up").value == 2
    assert b'swelld_label_overflow_total{metric="swelld_target_up"} 2\n' in render(registry)


def test_room_that_was_given_back_is_used_again() -> None:
    registry = Registry(max_series=1)
    family = registry.gauge(names.TARGET_UP)
    family.labels("a").set(1)
    family.remove(target="a")
    family.labels("b").set(1)
    assert list(family.series) == [("b",)]
    assert registry.counter(names.LABEL_OVERFLOW).series == {}


def test_removal_takes_every_series_with_the_labels_and_no_other() -> None:
    registry = Registry()
    registry.counter(names.CONTENTION_ERRORS).labels("canary", "a", "tiny", "s").inc()
    registry.counter(names.CONTENTION_ERRORS).labels("canary", "b", "tiny", "s").inc()
    registry.counter(names.CONTENTION_ERRORS).labels("sweep", "a", "tiny", "s").inc()
    registry.histogram(names.TTFT).labels("canary", "a", "tiny", "s")
    registry.gauge(names.TARGET_UP).labels("a").set(1)
    registry.gauge(names.BUILD_INFO).labels("1", "2").set(1)
    registry.remove(scenario="canary", target="a")
    left = {(family.metric.name, labels) for family in registry.families() for labels in family.series}
    assert left == {
        ("swelld_contention_errors_total", ("canary", "b", "tiny", "s")),
        ("swelld_contention_errors_total", ("sweep", "a", "tiny", "s")),
        ("swelld_target_up", ("a",)),
        ("swelld_build_info", ("1", "2")),
    }


def test_removal_of_everything_by_accident_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one label"):
        Registry().remove()
