"""What Prometheus itself makes of our pages: promtool's checks, and a scrape by a real server in every format."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web

from prometheus_server import program, prometheus
from swelld_exporters import names
from swelld_exporters.names import CATALOGUE, MetricType
from swelld_exporters.prometheus.exposition import Exposition
from swelld_exporters.prometheus.registry import Registry

DEADLINE = 60.0
ODD = 'rate=10 "quoted" \\ 100%\n'
TIMES = np.linspace(0.2, 0.3, 1000)


def full_registry() -> Registry:
    """Every metric of the catalogue with one series and a value."""
    registry = Registry()
    for metric in CATALOGUE:
        labels = [f'{name} "\\ 100%\n' if name == "stage" else name for name in metric.labels]
        if metric.type is MetricType.COUNTER:
            registry.counter(metric).labels(*labels).inc(3)
        elif metric.type is MetricType.GAUGE:
            registry.gauge(metric).labels(*labels).set(0.25)
        else:
            registry.histogram(metric).labels(*labels).update(np.array([0.01, 0.2, 3.0]))
    return registry


async def test_promtool_finds_nothing_to_say() -> None:
    promtool = program("promtool")
    process = await asyncio.create_subprocess_exec(
        promtool,
        "check",
        "metrics",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    page = Exposition(full_registry()).render().body
    async with asyncio.timeout(DEADLINE):
        said, _ = await process.communicate(page)
    assert page.count(b"# TYPE swelld_") == len(CATALOGUE)
    # python_gc_* are prometheus_client's own, and promtool 2.42 has nothing against them either
    assert (process.returncode, said.decode()) == (0, "")


@asynccontextmanager
async def serving(exposition: Exposition) -> AsyncIterator[str]:
    """As the daemon serves it at /metrics; at /text in the text format, whatever was asked for."""

    async def metrics(request: web.Request) -> web.Response:
        page = exposition.render(request.headers["Accept"] if request.path == "/metrics" else "text/plain")
        return web.Response(body=page.body, headers={"Content-Type": page.content_type})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/text", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def registry() -> Registry:
    """A thousand times between 0.2 and 0.3 s, an exemplar, and what is hard to write down."""
    registry = Registry()
    registry.counter(names.REQUESTS).labels("canary", "a", "tiny", ODD, "ok").inc(1234)
    ttft = registry.histogram(names.TTFT).labels("canary", "a", "tiny", ODD, extra_bounds=(0.22,))
    ttft.update(TIMES)
    ttft.exemplify(TIMES[:1], "ab" * 16, "cd" * 8, time.time())
    return registry


def scraped(form: str) -> str:
    return f'swelld_exposition_duration_seconds_count{{format="{form}"}} > 0'


@pytest.mark.parametrize(("form", "path"), [("text", "/text"), ("openmetrics", "/metrics")])
async def test_a_real_prometheus_reads_the_classic_histograms(
    registry: Registry, form: str, path: str, tmp_path: Path
) -> None:
    program("prometheus")
    buckets = "swelld_time_to_first_token_seconds_bucket"
    async with (
        asyncio.timeout(DEADLINE),
        serving(Exposition(registry)) as url,
        prometheus(tmp_path, {"swelld": url + path}, "exemplar-storage") as server,
    ):
        await server.until(scraped(form))
        assert await server.problems() == []
        assert await server.query("up") == {"": 1.0}
        assert await server.query('swelld_requests_total{outcome="ok"}') == {ODD: 1234.0}
        assert await server.query(f'{buckets}{{le="0.22"}}') == {ODD: float((TIMES <= 0.22).sum())}
        assert await server.query(f'{buckets}{{le="1.0"}}') == {ODD: 1000.0}
        # 0.2 to 0.3 evenly: the median lies in the bucket from 0.22 to 0.25, and interpolation finds it
        median = await server.query(f"histogram_quantile(0.5, {buckets})")
        assert median == {ODD: pytest.approx(0.25, abs=0.0005)}
        mean = "swelld_time_to_first_token_seconds_sum / swelld_time_to_first_token_seconds_count"
        assert await server.query(mean) == {ODD: pytest.approx(0.25)}
        assert math.isfinite((await server.query("process_cpu_seconds_total"))[""])
        traces = [exemplar["labels"] for exemplar in await server.exemplars(buckets)]
        assert traces == ([{"trace_id": "ab" * 16, "span_id": "cd" * 8}] if form == "openmetrics" else [])


async def test_a_real_prometheus_reads_the_native_histograms(registry: Registry, tmp_path: Path) -> None:
    program("prometheus")
    name = "swelld_time_to_first_token_seconds"
    async with (
        asyncio.timeout(DEADLINE),
        serving(Exposition(registry)) as url,
        prometheus(tmp_path, {"swelld": f"{url}/metrics"}, "native-histograms", "exemplar-storage") as server,
    ):
        await server.until('histogram_count(swelld_exposition_duration_seconds{format="protobuf"}) > 0')
        assert await server.problems() == []
        assert await server.query('swelld_requests_total{outcome="ok"}') == {ODD: 1234.0}
        assert await server.query(f"histogram_count({name})") == {ODD: 1000.0}
        assert await server.query(f"histogram_sum({name})") == {ODD: pytest.approx(250.0)}
        for q in (0.01, 0.5, 0.99):
            found = await server.query(f"histogram_quantile({q}, {name})")
            assert found == {ODD: pytest.approx(0.2 + 0.1 * q, rel=0.022)}, "a bucket is 2.2 % wide"
        below = await server.query(f"histogram_fraction(0, 0.25, {name})")
        assert below == {ODD: pytest.approx(0.5, abs=0.03)}
        others = 'histogram_count(swelld_exposition_duration_seconds{format!="protobuf"})'
        assert await server.query(others, by="format") == {"text": 0.0, "openmetrics": 0.0}
        (exemplar,) = await server.exemplars(name)
        assert exemplar["labels"] == {"trace_id": "ab" * 16, "span_id": "cd" * 8}
        assert float(exemplar["value"]) == 0.2
        assert math.isfinite((await server.query("process_cpu_seconds_total"))[""])
