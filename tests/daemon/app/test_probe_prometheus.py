"""The configuration of Prometheus in docs/probe.md, in a real Prometheus."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from probe_server import probe_server
from prometheus_server import program, prometheus
from raw_server import DONE, HEAD, RawServer, event, read_request
from swelld.app.probe import Prober
from swelld.settings import Settings
from swelld_exporters.prometheus.registry import Registry

PAGE = Path(__file__).parents[3] / "docs" / "probe.md"
DEADLINE = 40.0


def documented() -> dict[str, Any]:
    (block,) = re.findall(r"^```yml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    config: dict[str, Any] = yaml.safe_load(block)
    return config


def test_promtool_finds_no_fault_with_it(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(documented()))
    command = [program("promtool"), "check", "config", str(file)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, "SUCCESS" in done.stdout) == (0, True), done.stderr


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        await asyncio.sleep(0.05)
        writer.write(HEAD + event("yes") + DONE)


async def test_prometheus_probes_as_documented(tmp_path: Path) -> None:
    program("prometheus")
    async with asyncio.timeout(DEADLINE), RawServer(answer) as server, RawServer(answer) as dead:
        await dead.__aexit__()
        targets = {"small": {"url": server.url}, "large": {"url": dead.url}}
        settings = Settings.model_validate({"targets": targets, "probe": {"targets": ["127.0.0.0/8"]}})
        config = documented()
        (job,) = config["scrape_configs"]
        async with probe_server(Prober(lambda: settings, Registry())) as url:
            job |= {"scrape_interval": "2s", "scrape_timeout": "2s"}
            job["static_configs"][0]["targets"][2] = server.url
            job["relabel_configs"][-1]["replacement"] = url.removeprefix("http://")
            async with prometheus(tmp_path / "prometheus", {}, more=config) as found:
                await found.until("count(swelld_probe_success) == 3")
                good = {"small", server.url}
                assert await found.query("swelld_probe_success", "instance") == {**dict.fromkeys(good, 1), "large": 0}
                assert await found.query("up", "instance") == dict.fromkeys([*good, "large"], 1)
                failures = await found.query('swelld_probe_failure{instance="large"} == 1', "reason")
                assert failures == {"connect": 1}
                ttft = await found.query("swelld_probe_ttft_seconds", "instance")
                assert ttft.keys() == good
                assert all(0.05 <= seconds < 1.5 for seconds in ttft.values())
                left = await found.query("swelld_probe_timeout_seconds", "instance")
                assert set(left.values()) == {1.5}, "Prometheus says when it gives up"
                assert await found.problems() == []
