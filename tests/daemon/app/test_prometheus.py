"""`swelld daemon` scraped by a real Prometheus in every format: what it says is what the run itself found."""

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from command import started
from otlp_receiver import receiver
from prometheus_server import Prometheus, program, prometheus
from swelld.sim import SimOptions, simulated

DEADLINE = 40.0
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
NATIVE_WIDTH = 2 ** (1 / 32) - 1 + 0.003  # of a bucket, and what the run's own quantiles are known to
FAMILIES = {
    "ttft": "swelld_time_to_first_token_seconds",
    "itl": "swelld_inter_token_latency_seconds",
    "e2e": "swelld_request_duration_seconds",
}


def configured(folder: Path, sim: str, otlp: str) -> None:
    scenario = {
        "load": {"rate": "60/s", "arrivals": "poisson"},
        "prompts": {
            "kind": "synthetic",
            "input_tokens": {"kind": "uniform", "min": 16, "max": 900},
            "output_tokens": 12,
        },
        "duration": "3s",
        "objectives": {"ttft": "130ms"},
    }
    traces = {"enabled": True, "endpoint": otlp, "sample_ratio": 0.5, "max_spans_per_second": 1e6}
    settings = {
        "targets": {"here": {"url": sim, "model": "sim", "metrics": "off"}},
        "scenarios": {"test": scenario},
        "exporters": {"otlp": traces, "files": {"enabled": False}},
        "web": {"listen": "127.0.0.1:0"},
        "shards": 1,
    }
    (folder / "swelld.yaml").write_text(json.dumps(settings))


async def announced(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = await asyncio.to_thread(process.stdout.readline)
    found = re.fullmatch(r"swelld serves (http://127\.0\.0\.1:\d+)/metrics\n", line)
    assert found, line
    return found[1]


@asynccontextmanager
async def plain(url: str) -> AsyncIterator[str]:
    """The page in the text format, whatever is asked for."""

    async def metrics(_: web.Request) -> web.Response:
        async with session.get(f"{url}/metrics", headers={"Accept": "text/plain"}) as response:
            return web.Response(body=await response.read(), headers={"Content-Type": response.headers["Content-Type"]})

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    runner = web.AppRunner(application)
    await runner.setup()
    async with aiohttp.ClientSession() as session:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def the_run(url: str) -> dict[str, Any]:
    """Its only stage, once it is over."""
    async with aiohttp.ClientSession(url) as session:
        while True:
            async with session.get("/api/v1/runs") as response:
                runs = (await response.json())["runs"]
            if runs and runs[0]["state"] == "completed":
                async with session.get(f"/api/v1/runs/{runs[0]['id']}") as response:
                    (stage,) = (await response.json())["result"]["stages"]
                return dict(stage)
            await asyncio.sleep(0.1)


async def check_classic(server: Prometheus, job: str, stage: dict[str, Any]) -> None:
    """Quantiles are in the bucket of the run's own; counts and sums are the same."""
    for name, family in FAMILIES.items():
        count = await server.query(f'{family}_count{{job="{job}",stage="rate=60"}}', "job")
        assert count == {job: stage[name]["count"]}
        bounds = sorted(map(float, await server.query(f'{family}_bucket{{job="{job}",stage="rate=60"}}', "le")))
        for field, q in QUANTILES.items():
            series = f'{family}_bucket{{job="{job}",stage="rate=60"}}'
            found = (await server.query(f"histogram_quantile({q}, {series})", "job"))[job]
            exact = stage[name][field]
            high = next(bound for bound in bounds if found <= bound)
            low = max((bound for bound in bounds if bound < found), default=0.0)
            assert low * 0.998 <= exact <= high * 1.002, (name, field, found)
    good = f'swelld_time_to_first_token_seconds_bucket{{job="{job}",stage="rate=60",le="0.13"}}'
    assert await server.query(good, "job") == {job: stage["goodput"]["good"]}, "the threshold is a bound"


async def check_native(server: Prometheus, stage: dict[str, Any]) -> None:
    for name, family in FAMILIES.items():
        series = f'{family}{{stage="rate=60"}}'
        assert await server.query(f"histogram_count({series})", "job") == {"protobuf": stage[name]["count"]}
        total = stage[name]["mean"] * stage[name]["count"]
        assert await server.query(f"histogram_sum({series})", "job") == {"protobuf": pytest.approx(total)}
        for field, q in QUANTILES.items():
            found = await server.query(f"histogram_quantile({q}, {series})", "job")
            assert found == {"protobuf": pytest.approx(stage[name][field], rel=NATIVE_WIDTH)}, (name, field)


async def test_prometheus_finds_in_every_format_what_the_run_found(tmp_path: Path) -> None:
    program("prometheus")
    options = SimOptions(mode="realistic", model="sim", max_num_seqs=8, step_base=0.004)
    native = ("native-histograms", "exemplar-storage")
    with simulated(options) as sim:
        async with asyncio.timeout(DEADLINE), receiver() as there:
            configured(tmp_path, sim, there.http)
            with started("daemon", "swelld.yaml", cwd=tmp_path) as daemon:
                url = await announced(daemon)
                async with (
                    plain(url) as text,
                    prometheus(
                        tmp_path / "classic", {"openmetrics": f"{url}/metrics", "text": f"{text}/metrics"}, native[1]
                    ) as classic,
                    prometheus(tmp_path / "native", {"protobuf": f"{url}/metrics"}, *native) as protobuf,
                ):
                    stage = await the_run(url)
                    await classic.until("count(swelld_last_run_requests) == 2")
                    await protobuf.until("swelld_last_run_requests")
                    assert (await classic.problems(), await protobuf.problems()) == ([], [])
                    assert stage["requests"]["ok"] > 100
                    await check_classic(classic, "openmetrics", stage)
                    await check_classic(classic, "text", stage)
                    await check_native(protobuf, stage)
                    p99 = 'swelld_last_run_ttft_seconds{stat="p99"}'
                    assert await protobuf.query(p99, "job") == {"protobuf": stage["ttft"]["p99"]}
                    found = {
                        "openmetrics": await classic.exemplars("swelld_time_to_first_token_seconds_bucket"),
                        "protobuf": await protobuf.exemplars("swelld_time_to_first_token_seconds"),
                        "gaps": await classic.exemplars("swelld_inter_token_latency_seconds_bucket"),
                    }
                daemon.send_signal(signal.SIGTERM)
                _, said = await asyncio.to_thread(daemon.communicate)
                assert daemon.returncode == 0, said
    spans = {(span.trace_id.hex(), span.span_id.hex()) for span in there.spans}
    for name, exemplars in found.items():
        ids = {(exemplar["labels"]["trace_id"], exemplar["labels"]["span_id"]) for exemplar in exemplars}
        # Prometheus 2.42 takes those of a native histogram bucket by bucket, and only while they become younger
        assert len(ids) >= (1 if name == "protobuf" else 2), name
        assert ids <= spans, name
    slow = max(found["openmetrics"], key=lambda exemplar: float(exemplar["value"]))
    assert float(slow["value"]) <= stage["ttft"]["max"]
