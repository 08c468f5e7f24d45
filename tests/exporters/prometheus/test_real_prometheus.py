"""What Prometheus itself makes of our page: promtool's checks, and a scrape by a real server."""

import asyncio
import math
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from swelld_exporters import names
from swelld_exporters.names import CATALOGUE, MetricType
from swelld_exporters.prometheus.exposition import Exposition
from swelld_exporters.prometheus.registry import Registry

DEADLINE = 60.0


def program(name: str) -> str:
    if found := shutil.which(name):
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing: apt-get install prometheus")
    pytest.skip(f"{name} is not installed (Debian: apt-get install prometheus)")


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
    async def metrics(request: web.Request) -> web.Response:
        page = exposition.render(request.headers["Accept"])
        return web.Response(body=page.body, headers={"Content-Type": page.content_type})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def prometheus(address: str, folder: Path) -> AsyncIterator[str]:
    """A Prometheus server that scrapes an address every second; its own URL is read from its log."""
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\n"
        f"scrape_configs: [{{job_name: swelld, static_configs: [{{targets: ['{address}']}}]}}]\n"
    )
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    try:
        said = b""
        async with asyncio.timeout(DEADLINE):
            while not (found := re.search(rb'msg="?Listening on"? address=(127\.0\.0\.1:[1-9]\d*)', said)):
                line = await process.stderr.readline()
                assert line, f"prometheus ended: {said.decode()}"
                said += line
        async with asyncio.TaskGroup() as group:
            group.create_task(process.stderr.read())  # a full pipe would stop it
            try:
                yield f"http://{found[1].decode()}"
            finally:
                process.kill()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def query(session: aiohttp.ClientSession, url: str, expression: str) -> dict[str, float]:
    """The `stage` label -> value; nothing while Prometheus is not ready."""
    async with session.get(f"{url}/api/v1/query", params={"query": expression}) as response:
        if response.status == 503:
            return {}
        answer = await response.json()
    assert answer["status"] == "success", answer
    return {row["metric"].get("stage", ""): float(row["value"][1]) for row in answer["data"]["result"]}


async def test_a_real_prometheus_reads_what_we_measured(tmp_path: Path) -> None:
    program("prometheus")
    registry = Registry()
    odd = 'rate=10 "quoted" \\ 100%\n'
    registry.counter(names.REQUESTS).labels("canary", "a", "tiny", odd, "ok").inc(1234)
    times = np.linspace(0.2, 0.3, 1000)
    registry.histogram(names.TTFT).labels("canary", "a", "tiny", odd, extra_bounds=(0.22,)).update(times)
    async with (
        asyncio.timeout(DEADLINE),
        serving(Exposition(registry)) as address,
        prometheus(address, tmp_path) as url,
        aiohttp.ClientSession() as session,
    ):
        while await query(session, url, "swelld_exposition_duration_seconds_count > 0") == {}:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        assert await query(session, url, "up") == {"": 1.0}
        assert await query(session, url, 'swelld_requests_total{outcome="ok"}') == {odd: 1234.0}
        buckets = "swelld_time_to_first_token_seconds_bucket"
        assert await query(session, url, f'{buckets}{{le="0.22"}}') == {odd: float((times <= 0.22).sum())}
        assert await query(session, url, f'{buckets}{{le="1.0"}}') == {odd: 1000.0}
        # 0.2 to 0.3 evenly: the median lies in the bucket from 0.22 to 0.25, and interpolation finds it
        median = await query(session, url, f"histogram_quantile(0.5, {buckets})")
        assert median == {odd: pytest.approx(0.25, abs=0.0005)}
        mean = "swelld_time_to_first_token_seconds_sum / swelld_time_to_first_token_seconds_count"
        assert await query(session, url, mean) == {odd: pytest.approx(0.25)}
        assert math.isfinite((await query(session, url, "process_cpu_seconds_total"))[""])
