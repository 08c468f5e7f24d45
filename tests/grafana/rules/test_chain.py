"""The whole way with real parts: two servers become slow, and somebody is told; they recover, and they are told.

A simulator and llama.cpp are loaded; runs are kept in PostgreSQL, and a one-shot run is scraped from a Pushgateway.
"""

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from msgspec.structs import replace

import pushgateway_server
from alertmanager_server import Told, alertmanager_server, program, webhook
from command import started, swelld
from conftest import StartLlamaCpp
from llamacpp_server import LlamaCpp
from postgres_server import Postgres, postgres_server
from prometheus_server import Prometheus, prometheus
from prometheus_server import program as prometheus_program
from stored_history import found_in
from swelld.sim import SimOptions
from swelld.sim.process import simulating
from swelld_grafana.rules.alertmanager import alertmanager
from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.options import Burn, Options
from swelld_grafana.rules.prometheus import rule_file

__all__ = ["postgres_server"]

pytestmark = [pytest.mark.slow, pytest.mark.llamacpp]

DEADLINE = 150.0
SHORT = Options(period=720.0, burns=(Burn("page", 0.2, 10.0, 5.0, 1.0),), direct=10.0, interval=1.0, slow_interval=1.0)
"""The first burn rate of the shipped rules (14.4) with windows of seconds."""
FAST = SimOptions(ttft=0.02, itl=0.001)
TARGETS = {"simulated", "real"}
PROMPTS = {"kind": "inline", "prompts": ["What is a swell?"], "max_tokens": 4}


def configured(folder: Path, sim: str, llama: LlamaCpp, database: str) -> None:
    """A canary day and night on both servers, and a run that has an end."""
    canary = {
        "targets": sorted(TARGETS),
        "mix": "each",
        "load": "10/s",
        "schedule": "continuous",
        "prompts": PROMPTS,
        "objectives": {"ttft": "400ms", "share": 0.99},
    }
    nightly = {"targets": ["real"], "load": {"concurrency": 1}, "requests": 6, "prompts": PROMPTS}
    settings = {
        "targets": {
            "simulated": {"url": sim, "model": "sim", "metrics": "off"},
            "real": {"url": llama.url, "model": llama.model, "metrics": "off"},
        },
        "scenarios": {"canary": canary, "nightly": nightly},
        "exporters": {"files": {"enabled": False}},
        "store": {"dir": str(folder / "runs"), "url": database},
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


@asynccontextmanager
async def halting(server: LlamaCpp) -> AsyncIterator[None]:
    """The server stands still for a second, goes on for half of one, and so on."""

    async def halt() -> None:
        while True:
            server.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(1.0)
            server.process.send_signal(signal.SIGCONT)
            await asyncio.sleep(0.5)

    halts = asyncio.create_task(halt())
    try:
        yield
    finally:
        halts.cancel()
        await asyncio.gather(halts, return_exceptions=True)
        server.process.send_signal(signal.SIGCONT)


async def told_of_both(told: Told, status: str) -> dict[str, dict[str, Any]]:
    """The first alert with that status on each target."""
    while True:
        found = {alert["labels"].get("target", ""): alert for alert in told.alerts[::-1] if alert["status"] == status}
        if found.keys() >= TARGETS:
            return found
        await asyncio.sleep(0.1)


def of(alert: dict[str, Any]) -> tuple[str, ...]:
    return tuple(alert["labels"][name] for name in ("alertname", "severity", "scenario", "target", "slo"))


async def once(folder: Path, gateway: str) -> None:
    """The run with an end without a daemon: it leaves its figures at the Pushgateway."""
    what = ("run", "--config", "swelld.yaml", "--scenario", "nightly", "--shards", "inline")
    done = await asyncio.to_thread(swelld, *what, "--pushgateway", gateway, "--push-job", "night", cwd=folder)
    assert done.code == 0, done.err


async def is_scraped(server: Prometheus) -> None:
    """Prometheus has the figures of the one-shot run under the name of its job."""
    await server.until('swelld_last_run_requests{job="night"}')
    assert await server.query('swelld_last_run_requests{job="night"}', "scenario") == {"nightly": 6.0}
    assert await server.query('swelld_requests_total{job="night", outcome="ok"}', "target") == {"real": 6.0}
    assert await server.query('swelld_run_state{job="night"} == 1', "state") == {"completed": 1.0}


async def goes_well(server: Prometheus) -> None:
    """Both targets answer well, and every rule can be evaluated."""
    await server.until("min(slo:swelld_slo_events:increase10s) > 50")
    bad = await server.query("slo:swelld_slo_bad_events:ratio_rate10s", "target")
    assert bad.keys() == TARGETS
    assert max(bad.values()) < 0.1
    rules = [rule for group in (await server.get("rules"))["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}, [rule for rule in rules if rule["health"] != "ok"]


async def test_slow_servers_are_told_of_and_so_is_their_recovery(
    tmp_path: Path, start_llamacpp: StartLlamaCpp, postgres_server: Postgres
) -> None:
    program()
    prometheus_program("prometheus")
    database = postgres_server.new_database()
    with start_llamacpp() as llama:
        async with asyncio.timeout(DEADLINE), webhook() as told, AsyncExitStack() as before:
            gateway = await before.enter_async_context(pushgateway_server.pushgateway(tmp_path))
            well = await before.enter_async_context(AsyncExitStack())
            sim = await well.enter_async_context(simulating(FAST))
            configured(tmp_path, sim, llama, database)
            config = alertmanager(page={"webhook_configs": [{"url": told.url}]}, wait="0s", interval="1s")
            alerts = await before.enter_async_context(alertmanager_server(tmp_path / "alertmanager", config))
            with started("daemon", "swelld.yaml", cwd=tmp_path) as daemon:
                scraped = {"swelld": f"{await announced(daemon)}/metrics", "pushgateway": f"{gateway}/metrics"}
                async with prometheus(tmp_path / "prometheus", scraped, more=watching(tmp_path, alerts)) as server:
                    await once(tmp_path, gateway)
                    await is_scraped(server)
                    await goes_well(server)
                    assert told.alerts == []
                    await well.aclose()
                    slow = replace(FAST, port=urlsplit(sim).port or 0, ttft=1.0)
                    async with simulating(slow), halting(llama):
                        firing = await told_of_both(told, "firing")
                    async with simulating(replace(slow, ttft=FAST.ttft)):
                        resolved = await told_of_both(told, "resolved")
                daemon.send_signal(signal.SIGTERM)
    assert {of(alert) for alert in told.alerts} == {
        ("SwelldErrorBudgetBurn", "page", "canary", target, "goodput") for target in TARGETS
    }
    for target, model in (("simulated", "sim"), ("real", "tiny")):
        assert firing[target]["fingerprint"] == resolved[target]["fingerprint"]
        where = rf"\(scenario canary, target {target}, model {model}\)"
        missed = rf"[\d.]+% of the requests in the last 10s missed objective goodput {where}"
        assert re.match(missed, firing[target]["annotations"]["description"])
    is_kept(postgres_server, database)


def is_kept(server: Postgres, database: str) -> None:
    """The queries of the History dashboard find both runs."""
    found = found_in(server, database, "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z", ("canary", "nightly"))
    assert found["Runs"] == [["2"]]
    assert found["Completed"] == [["2"]]
    assert sorted(line[0] for line in found["Every run"]) == ["canary", "nightly"]
    stages = {line[1] for line in found["Time to first token, p95"]}
    assert stages == {"canary real rate=10", "canary simulated rate=10", "nightly real concurrency=1"}
