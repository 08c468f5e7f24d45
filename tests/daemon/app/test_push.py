"""`swelld run` and the daemon with a real Pushgateway: what arrives, and that a gateway in trouble changes nothing."""

import asyncio
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from command import Done, started, swelld
from listening_server import DEADLINE
from pushgateway_server import PASSWORD, USER, pushgateway
from swelld.sim import SimOptions, simulated

LOAD = ("--concurrency", "2", "--num-prompts", "6", "--input-len", "32", "--output-len", "8", "--shards", "1")

ALIKE = {"instance", "job", "model", "run_id", "scenario", "target", "hash", "branch"}
"""Labels that are the same for every series of a test."""


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.01, itl=0.005, tokens=8)) as url:
        yield url


async def run(sim: str, cwd: Path, *more: str, env: dict[str, str] | None = None) -> Done:
    arguments = ("run", "--server", sim, "--model", "m", *LOAD, "--no-save", *more)
    return await asyncio.to_thread(swelld, *arguments, cwd=cwd, env=env)


async def pushed(url: str, job: str, **options: str) -> dict[str, float]:
    """Series of one job by name and the labels in which they differ."""
    headers = options and {"Authorization": aiohttp.encode_basic_auth(USER, PASSWORD)}
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics", headers=headers or None) as response:
        lines = (await response.text()).splitlines()
    found = {}
    for line in lines:
        name, _, value = line.rpartition(" ")
        if f'job="{job}"' in name:
            labels = [f'{key}="{text}"' for key, text in re.findall(r'(\w+)="([^"]*)"', name) if key not in ALIKE]
            found[f"{name.partition('{')[0]}{{{','.join(sorted(labels))}}}"] = float(value)
    return found


async def test_a_run_pushes_its_figures_when_it_is_over(sim: str, tmp_path: Path) -> None:
    async with pushgateway(tmp_path) as url:
        done = await run(sim, tmp_path, "--pushgateway", url, "--push-job", "nightly")
        found = await pushed(url, "nightly")
    assert done.code == 0, done.err
    at = 'stage="concurrency=2"'
    assert found[f"swelld_last_run_requests{{{at}}}"] == 6
    assert found[f"swelld_last_run_active_users{{{at}}}"] == 2
    assert found[f"swelld_last_run_error_ratio{{{at}}}"] == 0
    assert found[f"swelld_last_run_contention_error_ratio{{{at}}}"] == 0
    assert found[f"swelld_last_run_output_tokens_per_second{{{at}}}"] > 0
    assert found[f"swelld_last_run_requests_per_second{{{at}}}"] > 0
    ttft = [
        found[f'swelld_last_run_ttft_seconds{{{at},stat="{stat}"}}'] for stat in ("min", "p50", "p90", "p99", "max")
    ]
    assert ttft[0] >= 0.0099
    assert ttft == sorted(ttft)
    assert found[f'swelld_last_run_e2e_seconds{{{at},stat="mean"}}'] >= 0.044
    assert found[f'swelld_requests_total{{outcome="ok",{at}}}'] == 6
    assert found['swelld_run_state{state="completed"}'] == 1
    assert found['swelld_run_state{state="running"}'] == 0
    assert found["swelld_pushes_total{}"] == 1
    assert not [name for name in found if name.startswith(("process_", "python_"))]


async def test_a_wrong_password_is_told_and_changes_nothing_else(sim: str, tmp_path: Path) -> None:
    keys = {"SWELLD_EXPORTERS__PUSHGATEWAY__USERNAME": USER, "SWELLD_EXPORTERS__PUSHGATEWAY__PASSWORD": "hunter2"}
    async with pushgateway(tmp_path, guarded=True) as url:
        done = await run(sim, tmp_path, "--pushgateway", url, "--output", "result.json", env=keys)
        right = {**keys, "SWELLD_EXPORTERS__PUSHGATEWAY__PASSWORD": PASSWORD}
        good = await run(sim, tmp_path, "--pushgateway", url, env=right)
        found = await pushed(url, "swelld", guarded="yes")
    assert (done.code, good.code) == (0, 0)
    assert f"WARNING a push to the Pushgateway {url} failed: 401 Unauthorized" in done.err
    assert f"ERROR the Pushgateway {url} has not got the last figures" in done.err
    assert "hunter2" not in done.err + done.out
    assert (tmp_path / "result.json").exists()
    assert "Pushgateway" not in good.err
    assert found["swelld_push_failures_total{}"] == 0


async def test_a_gateway_that_never_answers_only_costs_its_time(sim: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts by its backlog, and that is all
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        env = {"SWELLD_EXPORTERS__PUSHGATEWAY__TIMEOUT": "200ms", "SWELLD_EXPORTERS__PUSHGATEWAY__ON": "both",
               "SWELLD_EXPORTERS__PUSHGATEWAY__INTERVAL": "50ms"}  # fmt: skip
        done = await run(sim, tmp_path, "--pushgateway", url, env=env)
    assert done.code == 0, done.err
    assert f"WARNING a push to the Pushgateway {url} failed: no answer within 0.2 s" in done.err
    assert f"ERROR the Pushgateway {url} has not got the last figures" in done.err
    assert "6/6 ok" in done.out


async def test_a_secret_that_is_missing_is_told_before_the_run(sim: str, tmp_path: Path) -> None:
    file = tmp_path / "swelld.yaml"
    file.write_text(
        f"target: {{url: {sim}}}\nscenario: {{load: {{iterations: 1}}}}\nexporters:\n  pushgateway:\n"
        "    {url: 'http://127.0.0.1:1', username: u, password: {env: NOT_THERE}}\n"
    )
    done = await asyncio.to_thread(swelld, "run", "--config", str(file), cwd=tmp_path)
    assert done.code == 2
    assert done.err == (
        "swelld: exporters.pushgateway.password: the environment variable NOT_THERE is not set; put it there, or name "
        "another place: {env: NAME} or {file: PATH}\n"
    )


async def test_a_daemon_pushes_while_it_runs_and_deletes_its_group(sim: str, tmp_path: Path) -> None:
    async with pushgateway(tmp_path) as url:
        file = tmp_path / "swelld.yaml"
        file.write_text(
            f"target: {{url: {sim}, model: m}}\n"
            "scenario: {load: {concurrency: 2}, schedule: continuous}\n"
            "web: {listen: '127.0.0.1:0'}\n"
            "exporters:\n  pushgateway:\n"
            f"    {{url: '{url}', job: canary, grouping: {{branch: main}}, on: interval, interval: 100ms, "
            "delete_on_exit: true}\n"
        )
        with started("daemon", str(file), cwd=tmp_path) as process:
            deadline = time.monotonic() + DEADLINE
            ok = 0.0
            while ok < 20:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
                found = await pushed(url, "canary")
                ok = next((v for name, v in found.items() if 'swelld_requests_total{outcome="ok"' in name), 0.0)
            assert found["swelld_pushes_total{}"] > 1
            assert [v for name, v in found.items() if name.startswith("swelld_active_users")] == [2]
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.communicate, timeout=DEADLINE)
        assert process.returncode == 0
        assert await pushed(url, "canary") == {}
