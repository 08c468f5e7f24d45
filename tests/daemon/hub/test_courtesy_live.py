"""Making room beside a real run on a realistic server: its own queue is known from that of others."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runs import carry_out, one_target, settings_for
from swelld.app.spec import specify
from swelld.engine.launch import crew
from swelld.hub.courtesy import Courtesy
from swelld.hub.run import Run
from swelld.hub.servers import watched
from swelld.hub.yielding import YieldToUsers
from swelld.result import Result
from swelld.sim import SimOptions, simulated

PROMPTS = {"kind": "synthetic", "input_tokens": 32, "output_tokens": 16}


@pytest.fixture
def narrow() -> Iterator[str]:
    """Four seats of a third of a second each: twelve requests a second."""
    with simulated(SimOptions(mode="realistic", model="tiny", max_num_seqs=4, step_base=0.02)) as url:
        yield url


async def run_beside(folder: Path, url: str, load: Any, seconds: float) -> tuple[Result, list[float]]:
    """A run that would make room, and what it would have been told; nothing is held back, so that the queue stays."""
    told: list[float] = []
    target = one_target(url, metrics={"url": f"{url}/metrics", "interval": "200ms"})
    scenario = {"prompts": PROMPTS, "load": load, "duration": seconds, "drain": "1s"}
    spec = specify(settings_for(folder, target, scenario), "test")
    courtesy = Courtesy(YieldToUsers(), spec, lambda _, factor, target=None: told.append(factor))
    servers = watched(spec, tell=courtesy.look)
    run = Run(spec, crew(spec.plan, "inline"), [*servers, courtesy], [*servers, courtesy])
    return await run.execute(), told


async def test_a_queue_that_is_all_our_own_keeps_nothing_back(narrow: str, tmp_path: Path) -> None:
    result, told = await run_beside(tmp_path, narrow, "40/s", 3.0)
    assert result.server is not None
    assert result.server[0].requests_waiting is not None
    assert result.server[0].requests_waiting.max > 10.0
    assert told == []
    assert "yield" not in {finding.subject for finding in result.verdict}


async def test_users_in_the_same_queue_are_noticed(narrow: str, tmp_path: Path) -> None:
    users = {"prompts": PROMPTS, "load": {"concurrency": 12}, "duration": 3.0, "drain": "1s"}
    beside, (result, told) = await asyncio.gather(
        carry_out(settings_for(tmp_path / "users", one_target(narrow), users)),
        run_beside(tmp_path / "ours", narrow, "4/s", 3.0),
    )
    assert beside.stage().requests.ok > 0
    assert min(told) <= 0.5
    (finding,) = [finding for finding in result.verdict if finding.subject == "yield"]
    assert finding.level == "WARNING"
    assert finding.text.endswith(f"at the least {min(told):.1%} of it was")
