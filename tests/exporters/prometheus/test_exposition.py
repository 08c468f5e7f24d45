"""What a scrape gets."""

import time
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as text_families

from prometheus_messages import COUNTER, HISTOGRAM, families, labels
from swelld.clock import WallClock
from swelld_exporters import names
from swelld_exporters.prometheus import openmetrics, protobuf, text
from swelld_exporters.prometheus.exposition import Exposition
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import Objective, RequestLabels, RequestMetrics

ACCEPT = {
    "text": "text/plain;version=0.0.4",
    "openmetrics": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    "protobuf": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
}
CONTENT_TYPES = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
    "protobuf": ACCEPT["protobuf"].replace(";", "; "),
}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def from_text(page: bytes, parse: Callable[[str], Any] = text_families) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(page.decode())
        for sample in family.samples
    }


def from_protobuf(page: bytes) -> Samples:
    """As the samples of the text format."""
    samples: Samples = {}
    for name, family in families(page).items():
        for metric in family.metric:
            known = labels(metric)
            if family.type == HISTOGRAM:
                for bucket in metric.histogram.bucket:
                    le = {"le": repr(bucket.upper_bound).replace("inf", "+Inf")}
                    samples[f"{name}_bucket", frozenset((known | le).items())] = bucket.cumulative_count
                samples[f"{name}_sum", frozenset(known.items())] = metric.histogram.sample_sum
                samples[f"{name}_count", frozenset(known.items())] = metric.histogram.sample_count
            else:
                value = metric.counter if family.type == COUNTER else metric.gauge
                samples[name, frozenset(known.items())] = value.value
    return samples


READ: dict[str, Callable[[bytes], Samples]] = {
    "text": from_text,
    "openmetrics": lambda page: from_text(page, openmetrics_families),
    "protobuf": from_protobuf,
}


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.mark.parametrize("form", ACCEPT)
def test_the_page_holds_our_metrics_and_those_of_the_process(registry: Registry, form: str) -> None:
    registry.gauge(names.TARGET_UP).labels("a").set(1)
    page = Exposition(registry).render(ACCEPT[form])
    assert page.content_type == CONTENT_TYPES[form]
    values = {name: value for (name, _), value in READ[form](page.body).items()}
    assert values["swelld_target_up"] == 1
    assert values["process_resident_memory_bytes"] > 2**20
    assert values["process_cpu_seconds_total"] > 0
    assert values["process_open_fds"] > 2
    assert values["python_info"] == 1
    assert "python_gc_collections_total" in values
    if form == "openmetrics":
        assert page.body.endswith(b"\n# EOF\n")
        assert page.body.count(b"# EOF") == 1


def test_all_formats_say_the_same(registry: Registry) -> None:
    metrics = RequestMetrics(registry, WallClock(monotonic=0.0, unix=1000.0))
    objective = Objective("goodput", 0.99, {"ttft": 0.35})
    metrics.declare(RequestLabels("canary", 'a "b"\n', "tiny", "rate=10"), objective)
    registry.histogram(names.TTFT).labels("canary", 'a "b"\n', "tiny", "rate=10").update(np.array([0.3, 0.35, 7.0]))
    exposition = Exposition(registry)
    pages = {form: READ[form](exposition.render(ACCEPT[form]).body) for form in ACCEPT}
    ours = {
        form: {key: value for key, value in page.items() if key[0].startswith("swelld_") and "exposition" not in key[0]}
        for form, page in pages.items()
    }
    assert len(ours["text"]) > 300
    assert ours["text"] == ours["openmetrics"] == ours["protobuf"]
    bound = frozenset(dict(zip(names.REQUEST, ("canary", 'a "b"\n', "tiny", "rate=10"), strict=True)).items())
    assert ours["protobuf"]["swelld_time_to_first_token_seconds_bucket", bound | {("le", "0.35")}] == 2


@pytest.mark.parametrize("form", ACCEPT)
def test_rendering_is_timed_by_format_and_shows_on_the_next_scrape(registry: Registry, form: str) -> None:
    moments = count(step=0.004)
    exposition = Exposition(registry, now=lambda: float(next(moments)))
    exposition.render(ACCEPT[form])
    samples = READ[form](exposition.render(ACCEPT[form]).body)
    name = "swelld_exposition_duration_seconds"
    assert {dict(known)["format"]: value for (key, known), value in samples.items() if key == f"{name}_count"} == {
        **dict.fromkeys(ACCEPT, 0),
        form: 1,
    }
    assert samples[f"{name}_bucket", frozenset({("format", form), ("le", "0.0025")})] == 0
    assert samples[f"{name}_bucket", frozenset({("format", form), ("le", "0.005")})] == 1


@pytest.mark.parametrize("form", ACCEPT)
def test_what_is_removed_is_gone_from_the_next_page(registry: Registry, form: str) -> None:
    metrics = RequestMetrics(registry, WallClock())
    for scenario, target in (("canary", "a"), ("canary", "b"), ("sweep", "a")):
        metrics.declare(RequestLabels(scenario, target, "tiny", "rate=10"))
    exposition = Exposition(registry)

    def shown() -> set[tuple[str, str]]:
        samples = READ[form](exposition.render(ACCEPT[form]).body)
        return {(found["scenario"], found["target"]) for _, known in samples if "scenario" in (found := dict(known))}

    assert shown() == {("canary", "a"), ("canary", "b"), ("sweep", "a")}
    metrics.remove(scenario="canary", target="b")
    assert shown() == {("canary", "a"), ("sweep", "a")}
    metrics.remove(target="a")
    assert shown() == set()


@pytest.mark.parametrize("renderer", [text, openmetrics, protobuf], ids=lambda renderer: renderer.__name__)
def test_a_large_page_does_not_hold_the_event_loop_up(renderer: Any) -> None:
    """Some 10 ms at most on an idle machine; the bound leaves room for a busy one, and still tells a slow renderer."""
    registry = Registry()
    family = registry.histogram(names.TTFT)
    bounds = [1000.0 + extra for extra in range(30 - len(names.A))]
    histograms = [
        family.labels("canary", f"target-{index}", "tiny", "rate=10", extra_bounds=bounds) for index in range(200)
    ]
    times = []
    for _ in range(6):
        for histogram in histograms:
            histogram.update(np.geomspace(0.01, 5, 100))
            histogram.exemplify(np.geomspace(0.01, 5, 10), "ab" * 16, "cd" * 8, 17.0)
        start = time.perf_counter()
        page = renderer.render(registry)
        times.append(time.perf_counter() - start)
    assert page.count(b"trace_id") == (0 if renderer is text else 200 * 9)
    assert page.count(b"target-") == (200 if renderer is protobuf else 200 * 33)
    assert min(times) < 0.1
