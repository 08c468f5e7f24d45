"""The documented request for a recommendation, made to a daemon that measures a simulator."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import pytest

from api_calls import post
from own_daemon import SECONDS, serving, settings, until
from swelld.app.daemon import Daemon
from swelld.sim.options import SimOptions
from swelld.sim.process import simulated

SERVER = SimOptions(mode="realistic", max_num_seqs=4, step_base=0.02, step_per_sequence=0.001, prefix_caching=False)
"""Four users have their first token after 50 ms or less; of eight, every other waits 200 ms for a place."""
PAGE = (Path(__file__).parents[3] / "docs/recommend.md").read_text()
QUESTION, ANSWER = (json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
SMALL = {
    "peak_concurrency": 10, "ttft_target": 0.12, "goodput_target": 0.9, "num_requests": 40, "precision": 1,
    "concurrency_steps": [2, 4, 8], "prompts": {"kind": "synthetic", "input_tokens": 16, "output_tokens": 8},
}  # fmt: skip
"""What a test has no time for otherwise."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with simulated(SERVER) as url:
        yield url


@pytest.fixture
async def daemon(server: str, tmp_path: Path) -> AsyncIterator[Daemon]:
    web = {"listen": "127.0.0.1:0", "allow_unauthenticated_control": True}
    targets = {
        "chat": {"url": server, "model": "m", "metrics": "off"},
        "limited": {"url": server, "model": "m", "metrics": "off", "ceiling": {"concurrency": 4}},
    }
    async with serving(settings(tmp_path, server, {}, targets=targets, web=web)) as (daemon, _):
        yield daemon


@pytest.fixture
async def session(daemon: Daemon) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(daemon._web.url, headers={"X-Swelld-Request": "1"}) as session:
        yield session


async def get(session: aiohttp.ClientSession, path: str) -> tuple[int, Any]:
    async with session.get(path) as response:
        return response.status, await response.json()


async def over(session: aiohttp.ClientSession, run: str) -> str:
    """The state that the run ends in."""
    async with asyncio.timeout(2 * SECONDS):
        async with session.get(f"/api/v1/runs/{run}/events") as events:
            said = await events.text()
    end = said.rpartition("event: end\ndata: ")[2]
    return str(json.loads(end)["state"])


@pytest.mark.slow
async def test_the_documented_request(session: aiohttp.ClientSession) -> None:
    status, made, _ = await post(session, "/api/v1/recommend", {**QUESTION, **SMALL})
    assert status == 202, made
    run, here = made["run"], made["recommendation"]
    assert set(ANSWER) == set(made)
    assert ANSWER["run"].items() <= {**run, "id": ANSWER["run"]["id"], "state": "warmup"}.items()
    documented = dict(parse_qsl(urlsplit(ANSWER["recommendation"]).query))
    assert dict(parse_qsl(urlsplit(here).query)) == {**documented, "peak_concurrency": "10"}
    assert urlsplit(here).path == f"/api/v1/runs/{run['id']}/recommendation"
    status, problem = await get(session, here)
    assert (status, "wait for its end" in problem["detail"]) == (409, True)
    assert await over(session, run["id"]) == "completed"
    assert [one["id"] for one in (await get(session, "/api/v1/runs"))[1]["runs"]] == [run["id"]]
    status, answer = await get(session, here)
    assert (status, answer["answered"], answer["needed"]) == (200, True, 12), answer
    assert answer["run"] == run["id"]
    assert (answer["capacity"]["value"], answer["replicas"]["value"]) == (4, 3)
    assert (answer["gpus"], answer["monthly_cost"]) == (6, 6 * 2.5 * 730)
    _, other = await get(session, here.replace("peak_concurrency=10", "peak_concurrency=3"))
    assert (other["needed"], other["replicas"]["value"]) == (4, 1)  # no other run: the result answers it


async def test_it_can_be_cancelled(daemon: Daemon, session: aiohttp.ClientSession) -> None:
    made = (await post(session, "/api/v1/recommend", {**QUESTION, **SMALL}))[1]
    under_way = daemon.conductor.under_way[made["run"]["id"]]
    await until(lambda: under_way.run.state == "running")
    async with session.post(f"/api/v1/runs/{made['run']['id']}/cancel", json={"force": True}) as response:
        assert response.status == 202
    assert await over(session, made["run"]["id"]) == "cancelled"
    status, answer = await get(session, made["recommendation"])
    assert (status, answer.get("answered")) == (200, False), answer
    assert answer["reasoning"] == [
        "The measurement was stopped before it was over: run it again, it goes on where it was."
    ]


async def test_a_ceiling_holds(session: aiohttp.ClientSession) -> None:
    status, problem, _ = await post(session, "/api/v1/recommend", {**QUESTION, **SMALL, "target": "limited"})
    assert (status, "limited" in problem["detail"]) == (422, True), problem
    within = {**QUESTION, **SMALL, "target": "limited", "concurrency_steps": [2, 4]}
    status, made, _ = await post(session, "/api/v1/recommend", within)
    assert status == 202, made
    async with session.post(f"/api/v1/runs/{made['run']['id']}/cancel", json={"force": True}) as response:
        assert response.status == 202
