"""The whole chain behind dashboards: simulated servers, the daemon with runs of every kind, Prometheus with rules."""

import asyncio
import json
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import yaml

import fake_nvml
from command import started
from otlp_receiver import receiver
from prometheus_server import Prometheus, program, prometheus
from swelld.sim import SimOptions, simulated
from swelld.sim.options import Fault, FaultName
from swelld_grafana.dashboards.check import filled
from swelld_grafana.rules.options import MINUTE, Options
from swelld_grafana.rules.prometheus import rule_file
from swelld_grafana.rules.regression import RECORDED, regression_groups
from swelld_grafana.rules.traffic import traffic_groups

STEP = 2.0
"""Seconds between points of what is drawn."""
SCENARIOS = ("canary", "release", "search", "shared", "sweep", "users")
_FAST = SimOptions(mode="realistic", model="fast", max_num_seqs=16, step_base=0.006, queue_limit=12)
_FAULTS: dict[FaultName, Fault] = {
    "status": Fault(rate=0.05),
    "cut": Fault(rate=0.03),
    "stall": Fault(rate=0.05, seconds=0.4),
}
_SLOW = SimOptions(mode="realistic", model="slow", max_num_seqs=4, step_base=0.011, queue_limit=12, faults=_FAULTS)
_SMALL = SimOptions(mode="realistic", model="small", max_num_seqs=8, step_base=0.02)
_ONE = SimOptions(mode="realistic", model="one", max_num_seqs=4, step_base=0.03)
"""Serves two targets, which are in each other's way."""
RULES = Options(interval=1.0, slow_interval=2.0)
_DAYS_AGO = {"ttft": {"fast": 0.085, "slow": 0.12}, "e2e": {"fast": 0.24, "slow": 0.55}}
"""Of the canary, in seconds: what the rules would have recorded a day and a week ago."""
_TOKENS = {"fast": 165.0, "slow": 150.0}


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
        typed = {"peak": "500", "headroom": "20"}
        return {**given, **typed, "by": "target", "baseline": "fast", "baseline_run": sweep, "run": sweep, **more}

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


def _settings(targets: dict[str, Any], otlp: str, seconds: float) -> dict[str, Any]:
    return {
        "targets": targets,
        "scenarios": _scenarios(seconds) | _searches(seconds),
        "exporters": {
            "otlp": {"enabled": True, "endpoint": otlp, "sample_ratio": 0.5, "max_spans_per_second": 1e6},
            "nvml": {"enabled": True, "interval": "1s"},
        },
        "web": {"listen": "127.0.0.1:0"},
        "shards": 1,
    }


def _prompts(most: int, answer: int = 16) -> dict[str, Any]:
    return {"kind": "synthetic", "input_tokens": {"kind": "uniform", "min": 16, "max": most}, "output_tokens": answer}


def _scenarios(seconds: float) -> dict[str, Any]:
    """Two sweeps that are alike but for their prompts, one that always runs, one for later."""
    stages = {"duration": f"{seconds / 4}s", "objectives": {"ttft": "250ms", "share": 0.9}}
    later = (datetime.now(UTC).hour + 12) % 24
    return {
        "canary": {
            "targets": ["fast", "slow"],
            "load": {"rate": "10/s", "arrivals": "poisson"},
            "prompts": _prompts(600),
            "duration": f"{seconds}s",
            "calibration": "beside",
            "objectives": {"ttft": "150ms", "itl": "100ms", "tpot": "40ms", "e2e": "2s", "share": 0.95},
            "checks": {"non_empty": True, "finish_reason": ["stop", "length"], "sample": 0.5},
            "budget": {"requests": "5000/day"},
        },
        "sweep": {"targets": ["fast"], "load": {"rate": ["8/s", "16/s", "32/s"]}, "prompts": _prompts(600), **stages},
        "release": {"targets": ["fast"], "load": {"rate": ["8/s", "16/s"]}, "prompts": _prompts(1200, 20), **stages},
        "users": {
            "targets": ["slow"],
            "load": {"concurrency": [1, 3]},
            "prompts": _prompts(600),
            "duration": f"{seconds / 4}s",
        },
        "nightly": {
            "targets": ["fast"],
            "load": "1/s",
            "prompts": _prompts(600),
            "duration": "10m",
            "schedule": {"cron": f"0 {later} * * *", "timezone": "UTC"},
        },
    }


def _searches(seconds: float) -> dict[str, Any]:
    """What a server carries, and what two targets lose to each other."""
    precision = 0.5 if seconds < MINUTE else 0.1
    return {
        "search": {
            "targets": ["small"],
            "load": {"search": {"kind": "concurrency", "from": 2, "max": 64, "precision": precision}},
            "prompts": _prompts(600),
            "duration": f"{seconds / 8}s",
            "objectives": {"ttft": "150ms", "share": 0.9},
        },
        "shared": {
            "targets": ["chat", "batch"],
            "load": {"concurrency": 4},
            "contention": "solo_first",
            "prompts": _prompts(600),
            "duration": f"{seconds / 4}s",
            "objectives": {"ttft": "400ms", "share": 0.9},
        },
    }


async def _finished(url: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All runs and their results, once each scenario has had one."""
    async with aiohttp.ClientSession(url) as session:
        while True:
            async with session.get("/api/v1/runs") as response:
                found = (await response.json())["runs"]
            ended = [run["scenario"] for run in found if run["state"] == "completed"]
            if sorted(ended) == list(SCENARIOS):
                break
            await asyncio.sleep(0.2)
        results = []
        for run in found:
            async with session.get(f"/api/v1/runs/{run['id']}") as response:
                answer = await response.json()
            results.append(answer.get("result", answer))
    return found, results


def _past(now: float) -> Iterator[str]:
    """What the rules recorded of the canary a day and a week ago, and its tokens of the last minutes."""
    for figure, values in _DAYS_AGO.items():
        yield f"# TYPE {RECORDED[figure]} gauge"
        for target, value in values.items():
            for day in (7, 1):
                began = now - day * 86400 - 5 * MINUTE
                yield from (_sample(RECORDED[figure], target, value, began + MINUTE * minute) for minute in range(15))
    rate = "stage:swelld_output_tokens:rate5m"
    yield f"# TYPE {rate} gauge"
    for target, value in _TOKENS.items():
        yield from (_sample(rate, target, value, now - MINUTE * minute) for minute in range(15, 0, -1))
    yield f"# TYPE {RECORDED['tokens']} gauge"
    for target, value in _TOKENS.items():
        began = now - 86400 - 5 * MINUTE
        yield from (_sample(RECORDED["tokens"], target, 0.9 * value, began + MINUTE * minute) for minute in range(15))
    yield "# EOF"


def _sample(name: str, target: str, value: float, moment: float) -> str:
    labels = f'job="swelld",scenario="canary",target="{target}",model="{target}",stage="rate=10"'
    return f"{name}{{{labels}}} {value} {moment:.0f}"


def _with_past(folder: Path) -> dict[str, Any]:
    """A past for a Prometheus that is new, and the rules that compare it with the present."""
    (folder / "past.txt").write_text("\n".join(_past(time.time())) + "\n")
    create = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(folder / "past.txt")]
    data = folder / "prometheus" / "data"
    data.mkdir(parents=True)
    subprocess.run([*create, str(data)], check=True, capture_output=True, timeout=60)
    groups = (*traffic_groups(RULES), *regression_groups(RULES))
    (folder / "rules.yaml").write_text(yaml.safe_dump(rule_file(groups, RULES)))
    return {"rule_files": [str(folder / "rules.yaml")]}


@asynccontextmanager
async def _servers() -> AsyncIterator[dict[str, Any]]:
    """Four simulated servers as five targets."""
    with simulated(_FAST) as fast, simulated(_SLOW) as slow, simulated(_SMALL) as small, simulated(_ONE) as one:
        yield {
            "fast": {"url": fast, "model": "fast", "metrics": {"url": "auto", "interval": "1s"}},
            "slow": {"url": slow, "model": "slow", "metrics": {"url": "auto", "interval": "1s"}},
            "small": {"url": small, "model": "small", "metrics": {"url": "auto", "interval": "1s"}},
            "chat": {"url": one, "model": "one", "metrics": "off"},
            "batch": {"url": one, "model": "one", "metrics": "off"},
        }


@asynccontextmanager
async def chain(folder: Path, *features: str, seconds: float = 16.0) -> AsyncIterator[Chain]:
    """Run every scenario to its end, with everything that the dashboards ask scraped every second."""
    fake = fake_nvml.build(folder)
    fake.answer("0 power 412300", "0 memory_used 61440", "1 utilization 80", "1 power 180000", "1 throttle 4")
    past = _with_past(folder)
    async with _servers() as targets, receiver() as there:
        (folder / "swelld.yaml").write_text(json.dumps(_settings(targets, there.http, seconds)))
        begin = time.time()
        with started("daemon", "swelld.yaml", cwd=folder, env=fake.environment) as process:
            assert process.stdout is not None
            said = await asyncio.to_thread(process.stdout.readline)
            announced = re.fullmatch(r"swelld serves (http://[\d.:]+)/metrics\n", said)
            assert announced, process.communicate()[1]
            url = announced[1]
            scraped = {name: f"{targets[name]['url']}/metrics" for name in ("fast", "slow", "small", "chat")}
            jobs = {"swelld": f"{url}/metrics", **scraped}
            async with prometheus(folder / "prometheus", jobs, *features, more=past) as server:
                runs, results = await _finished(url)
                await server.until(f"count(swelld_run_info) == {len(SCENARIOS)}")
                here = Chain(url, server, begin, runs, results, end=time.time())
                yield here
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.communicate)
