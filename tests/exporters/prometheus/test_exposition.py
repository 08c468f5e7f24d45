"""What a scrape gets."""

from itertools import count

from prometheus_client.parser import text_string_to_metric_families

from swelld_exporters import names
from swelld_exporters.prometheus.exposition import Exposition
from swelld_exporters.prometheus.registry import Registry


def test_the_page_holds_our_metrics_and_those_of_the_process() -> None:
    registry = Registry()
    registry.gauge(names.TARGET_UP).labels("a").set(1)
    page = Exposition(registry).render("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert page.content_type == "text/plain; version=0.0.4; charset=utf-8"
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(page.body.decode())
        for sample in family.samples
    }
    assert values["swelld_target_up"] == 1
    assert values["process_resident_memory_bytes"] > 2**20
    assert values["process_open_fds"] > 2
    assert values["python_info"] == 1
    assert "python_gc_collections_total" in values


def test_rendering_is_timed_and_shows_on_the_next_scrape() -> None:
    registry = Registry()
    moments = count(step=0.004)
    exposition = Exposition(registry, now=lambda: float(next(moments)))
    first = exposition.render().body.decode()
    second = exposition.render().body.decode()
    assert 'swelld_exposition_duration_seconds_count{format="text"} 0\n' in first
    assert 'swelld_exposition_duration_seconds_count{format="text"} 1\n' in second
    assert 'swelld_exposition_duration_seconds_bucket{format="text",le="0.0025"} 0\n' in second
    assert 'swelld_exposition_duration_seconds_bucket{format="text",le="0.005"} 1\n' in second
