"""The catalogue: names, labels and buckets are a promise to dashboards and rules."""

import re
from collections import Counter
from pathlib import Path

import pytest

from swelld_exporters import names
from swelld_exporters.names import CATALOGUE, REQUEST, Metric, MetricType

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/testdata/metrics.golden"


def golden_line(metric: Metric) -> str:
    return f"{metric.name} {metric.type} {','.join(metric.labels) or '-'}"


def test_names_types_and_labels_are_those_that_dashboards_rely_on() -> None:
    """To change the wire on purpose, change tests/testdata/metrics.golden with it, and say so in the CHANGELOG."""
    assert [golden_line(metric) for metric in CATALOGUE] == GOLDEN.read_text().splitlines()


def test_every_name_is_there_once() -> None:
    assert [name for name, count in Counter(metric.name for metric in CATALOGUE).items() if count > 1] == []


def test_no_family_takes_the_name_of_a_sample_of_another() -> None:
    """In OpenMetrics a counter's family has no `_total`, and a histogram's samples have suffixes of their own."""
    suffixes = {
        MetricType.COUNTER: ("", "_total", "_created"),
        MetricType.GAUGE: ("",),
        MetricType.HISTOGRAM: ("", "_bucket", "_sum", "_count", "_created"),
    }
    taken = Counter(
        metric.name.removesuffix("_total") + suffix for metric in CATALOGUE for suffix in suffixes[metric.type]
    )
    assert [name for name, count in taken.items() if count > 1] == []


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_metric_keeps_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"swelld(_[a-z][a-z0-9]*)+", metric.name)
    assert metric.name.endswith("_total") == (metric.type is MetricType.COUNTER)
    assert bool(metric.buckets) == (metric.type is MetricType.HISTOGRAM)
    assert metric.help.endswith(".")
    assert "\n" not in metric.help
    if metric.unit == "seconds":
        assert "_seconds" in metric.name


@pytest.mark.parametrize(("letter", "bounds"), names.BUCKET_TABLES.items())
def test_bounds_grow(letter: str, bounds: tuple[float, ...]) -> None:
    assert list(bounds) == sorted(set(bounds))


def test_token_bounds_are_a_1_2_5_series() -> None:
    assert names.K[:7] == (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
    assert names.K[-3:] == (50_000.0, 100_000.0, 200_000.0)


def test_bounds_hold_those_of_vllm() -> None:
    """From 5 ms to 160 s for TTFT, to 5 s between tokens; all but 50 s for whole answers."""
    ttft = {0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160}
    gaps = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5}
    whole = {0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 60, 120, 240, 480, 960}
    assert ttft <= set(names.A)
    assert gaps <= set(names.I)
    assert whole <= set(names.E)


def test_no_request_metric_names_a_run() -> None:
    with_run = {metric.name for metric in CATALOGUE if "run_id" in metric.labels}
    assert with_run == {"swelld_run_info"} | {m.name for m in CATALOGUE if m.name.startswith("swelld_last_run_")}
    assert not {metric.name for metric in CATALOGUE if "run_id" in metric.labels and metric.type != MetricType.GAUGE}
    assert REQUEST == ("scenario", "target", "model", "stage")
