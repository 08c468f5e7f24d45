"""The whole chain behind dashboards: two simulated servers, the daemon with runs of every kind, Prometheus."""

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

import fake_nvml
from command import started
from otlp_receiver import receiver
from prometheus_server import Prometheus, prometheus
from swelld.sim import SimOptions, simulated
from swelld.sim.options import Fault, FaultName
from swelld_grafana.dashboards.check import filled

STEP = 2.0
"""Seconds between points of what is drawn."""
SCENARIOS = ("canary", "sweep", "users")
_FAST = SimOptions(mode="realistic", model="fast", max_num_seqs=16, step_base=0.006, queue_limit=12)
_FAULTS: dict[FaultName, Fault] = {
    "status": Fault(rate=0.05),
    "cut": Fault(rate=0.03),
    "stall": Fault(rate=0.05, seconds=0.4),
}
_SLOW = SimOptions(mode="realistic", model="slow", max_num_seqs=4, step_base=0.011, queue_limit=12, faults=_FAULTS)


@dataclass(frozen=True)
class Answer:
    """What a query found: series with their labels and points of time and value."""

    result: list[dict[str, Any]]

    @property
    def samples(self) -> int:
        """Values that are numbers."""
        return sum(value not in ("NaN", "") for series in self.result for _, value in _points(series))


@dataclass
class Chain:
    """Everything that runs, and the time that dashboards show."""

    daemon: str
    prometheus: Prometheus
    begin: float
    runs: list[dict[str, Any]]
    results: list[dict[str, Any]]
    end: float = 0.0

    def variables(self, **more: str) -> dict[str, str]:
        """Values of the dashboards' variables, the way Grafana fills them in."""
        span = max(10, round(self.end - self.begin))
        sweep = next(run["id"] for run in self.runs if run["scenario"] == "sweep")
        given = {"__rate_interval": "6s", "__interval": f"{STEP:g}s", "__range": f"{span}s"}
        return {**given, "by": "target", "baseline": "fast", "baseline_run": sweep, "run": sweep, **more}

    async def ask(self, expr: str, instant: bool, variables: dict[str, str]) -> Answer:
        """The answer to one query of a panel."""
        query = filled(expr, variables)
        if instant:
            data = await self.prometheus.get("query", query=query, time=str(self.end))
        else:
            span = {"start": str(self.begin), "end": str(self.end), "step": str(STEP)}
            data = await self.prometheus.get("query_range", query=query, **span)
        return Answer(data["result"])


def _points(series: dict[str, Any]) -> list[tuple[float, str]]:
    if "values" in series or "value" in series:
        return list(series.get("values", [series.get("value")]))
    buckets = series.get("histograms", [series.get("histogram")])
    return [(moment, found["count"]) for moment, found in buckets]


def _settings(fast: str, slow: str, otlp: str, seconds: float) -> dict[str, Any]:
    lengths = {"kind": "synthetic", "input_tokens": {"kind": "uniform", "min": 16, "max": 600}, "output_tokens": 16}
    stages = seconds / 4
    return {
        "targets": {
            "fast": {"url": fast, "model": "fast", "metrics": {"url": "auto", "interval": "1s"}},
            "slow": {"url": slow, "model": "slow", "metrics": {"url": "auto", "interval": "1s"}},
        },
        "scenarios": {
            "canary": {
                "targets": ["fast", "slow"],
                "load": {"rate": "10/s", "arrivals": "poisson"},
                "prompts": lengths,
                "duration": f"{seconds}s",
                "calibration": "beside",
                "objectives": {"ttft": "150ms", "itl": "100ms", "tpot": "40ms", "e2e": "2s", "share": 0.95},
            },
            "sweep": {
                "targets": ["fast"],
                "load": {"rate": ["8/s", "24/s", "48/s"]},
                "prompts": lengths,
                "duration": f"{stages}s",
                "objectives": {"ttft": "250ms", "share": 0.9},
            },
            "users": {
                "targets": ["slow"],
                "load": {"concurrency": [1, 3]},
                "prompts": lengths,
                "duration": f"{stages}s",
            },
        },
        "exporters": {
            "otlp": {"enabled": True, "endpoint": otlp, "sample_ratio": 0.5, "max_spans_per_second": 1e6},
            "nvml": {"enabled": True, "interval": "1s"},
        },
        "web": {"listen": "127.0.0.1:0"},
        "shards": 1,
    }


async def _finished(url: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All runs and their results, once each scenario has had one."""
    async with aiohttp.ClientSession(url) as session:
        while True:
            async with session.get("/api/v1/runs") as response:
                found = (await response.json())["runs"]
            if len(found) == len(SCENARIOS) and all(run["state"] == "completed" for run in found):
                break
            await asyncio.sleep(0.2)
        results = []
        for run in found:
            async with session.get(f"/api/v1/runs/{run['id']}") as response:
                answer = await response.json()
            results.append(answer.get("result", answer))
    return found, results


@asynccontextmanager
async def chain(folder: Path, *features: str, seconds: float = 16.0) -> AsyncIterator[Chain]:
    """Run every scenario to its end, with everything that the dashboards ask scraped every second."""
    fake = fake_nvml.build(folder)
    fake.answer("0 power 412300", "0 memory_used 61440", "1 utilization 80", "1 power 180000", "1 throttle 4")
    with simulated(_FAST) as fast, simulated(_SLOW) as slow:
        async with receiver() as there:
            (folder / "swelld.yaml").write_text(json.dumps(_settings(fast, slow, there.http, seconds)))
            begin = time.time()
            with started("daemon", "swelld.yaml", cwd=folder, env=fake.environment) as process:
                assert process.stdout is not None
                said = await asyncio.to_thread(process.stdout.readline)
                announced = re.fullmatch(r"swelld serves (http://[\d.:]+)/metrics\n", said)
                assert announced, process.communicate()[1]
                url = announced[1]
                jobs = {"swelld": f"{url}/metrics", "fast": f"{fast}/metrics", "slow": f"{slow}/metrics"}
                async with prometheus(folder / "prometheus", jobs, *features) as server:
                    runs, results = await _finished(url)
                    await server.until(f"count(swelld_run_info) == {len(SCENARIOS)}")
                    here = Chain(url, server, begin, runs, results, end=time.time())
                    yield here
                process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(process.communicate)
