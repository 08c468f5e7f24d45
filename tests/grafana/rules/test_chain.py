"""The whole way: a simulated server becomes slow, and somebody is told; it recovers, and they are told."""

import asyncio
import json
import re
import signal
import subprocess
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from msgspec.structs import replace

from alertmanager_server import alertmanager_server, program, webhook
from command import started
from prometheus_server import program as prometheus_program
from prometheus_server import prometheus
from swelld.sim import SimOptions
from swelld.sim.process import simulating
from swelld_grafana.rules.alertmanager import alertmanager
from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.options import Burn, Options
from swelld_grafana.rules.prometheus import rule_file

DEADLINE = 85.0
SHORT = Options(period=720.0, burns=(Burn("page", 0.2, 10.0, 5.0, 1.0),), direct=10.0, interval=1.0, slow_interval=1.0)
"""The first burn rate of the shipped rules (14.4) with windows of seconds."""


def configured(folder: Path, sim: str) -> None:
    scenario = {
        "load": "20/s",
        "schedule": "continuous",
        "prompts": {"kind": "inline", "prompts": ["What is a swell?"], "max_tokens": 4},
        "duration": "10m",
        "objectives": {"ttft": "200ms", "share": 0.99},
    }
    settings = {
        "targets": {"llama": {"url": sim, "model": "sim", "metrics": "off"}},
        "scenarios": {"canary": scenario},
        "exporters": {"files": {"enabled": False}},
        "store": {"dir": str(folder / "runs")},
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


def watching(folder: Path, alertmanager_url: str) -> dict[str, Any]:
    """What Prometheus needs to have the rules and to tell of them."""
    rules = folder / "rules.yaml"
    rules.write_text(yaml.safe_dump(rule_file(all_groups(SHORT), SHORT)))
    peer = {"static_configs": [{"targets": [urlsplit(alertmanager_url).netloc]}]}
    return {"rule_files": [str(rules)], "alerting": {"alertmanagers": [peer]}}


def of(alert: dict[str, Any]) -> tuple[str, ...]:
    return tuple(alert["labels"][name] for name in ("alertname", "severity", "scenario", "target", "slo"))


@pytest.mark.slow
async def test_a_slow_target_is_told_of_and_so_is_its_recovery(tmp_path: Path) -> None:
    program()
    prometheus_program("prometheus")
    fast = SimOptions(ttft=0.02, itl=0.001)
    async with asyncio.timeout(DEADLINE), webhook() as told, AsyncExitStack() as before:
        sim = await before.enter_async_context(simulating(fast))
        port = urlsplit(sim).port or 0
        configured(tmp_path, sim)
        config = alertmanager(page={"webhook_configs": [{"url": told.url}]}, wait="0s", interval="1s")
        with started("daemon", "swelld.yaml", cwd=tmp_path) as daemon:
            url = await announced(daemon)
            async with (
                alertmanager_server(tmp_path / "alertmanager", config) as alerts,
                prometheus(
                    tmp_path / "prometheus", {"swelld": f"{url}/metrics"}, more=watching(tmp_path, alerts)
                ) as server,
            ):
                await server.until("slo:swelld_slo_events:increase10s > 100")
                assert await server.query("slo:swelld_slo_bad_events:ratio_rate10s", "slo") == {"goodput": 0.0}
                assert told.alerts == []
                await before.aclose()
                async with simulating(replace(fast, port=port, ttft=0.5)):
                    firing = await told.until("firing")
                async with simulating(replace(fast, port=port)):
                    resolved = await told.until("resolved")
            daemon.send_signal(signal.SIGINT)
            daemon.send_signal(signal.SIGINT)
    assert of(firing) == of(resolved) == ("SwelldErrorBudgetBurn", "page", "canary", "llama", "goodput")
    assert firing["fingerprint"] == resolved["fingerprint"]
    missed = (
        r"[\d.]+% of the requests in the last 10s missed objective goodput \(scenario canary, target llama, model sim\)"
    )
    assert re.match(missed, firing["annotations"]["description"])
    assert {of(alert) for alert in told.alerts} == {of(firing)}
