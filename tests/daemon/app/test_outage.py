"""The server is killed in the middle of a run: errors by kind, bounded memory, and good answers when it is back."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from conftest import StartLlamaCpp
from runs import Kept, carry_out, one_target, settings_for
from swelld.result import Progress

MOST_GROWTH = 40 * 2**20


@contextmanager
def serving(port: int = 0) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A simulator that may be killed; on a given port it is the one that was there before, come back."""
    options = ["--ttft", "0.02", "--itl", "0.01", "--tokens", "8", "--port", str(port), "--until-stdin-closes"]
    command = [sys.executable, "-m", "swelld", "sim", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def sizes() -> list[int]:
    """Memory of the load processes."""
    children = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child.memory_info().rss for child in children if "swelld.engine.process" in child.cmdline()]


class Outage:
    """Looks on at a run: once it is well under way, the server is killed and, after a while, brought back."""

    def __init__(self, kill: Callable[[], object], revive: Callable[[], object] = lambda: None) -> None:
        self.memory: list[int] = []
        self._steps = [(40, kill), (60, revive)]  # by exchanges that are over

    def __call__(self, progress: Progress) -> None:
        self.memory += sizes()
        while self._steps and progress.done >= self._steps[0][0]:
            self._steps.pop(0)[1]()


def check(kept: Kept, memory: list[int]) -> dict[str, int]:
    """What holds for every outage; the errors by kind."""
    stage = kept.stage()
    assert kept.result.run.state == "completed"
    assert set(stage.outcomes) <= {"ok", "truncated", "unreachable"}
    errors = {kind: error.count for kind, error in stage.errors.items()}
    assert set(errors) == {"truncated", "connect"}
    assert stage.outcomes == {
        "ok": stage.requests.ok,
        "truncated": errors["truncated"],
        "unreachable": errors["connect"],
    }
    assert len(kept.lines()) == stage.requests.scheduled
    assert max(memory) - memory[0] < MOST_GROWTH
    assert not sizes()
    return errors


@pytest.mark.parametrize("load", [{"concurrency": 8}, {"rate": "60/s"}], ids=["closed", "open"])
async def test_the_run_goes_on_and_recovers(tmp_path: Path, load: dict[str, Any]) -> None:
    scenario = {"prompts": {"kind": "synthetic", "output_tokens": None}, "load": load, "duration": "4s"}
    with ExitStack() as servers:
        url, process = servers.enter_context(serving())
        port = int(url.rpartition(":")[2])
        settings = settings_for(tmp_path, one_target(url), scenario, shards=1)
        outage = Outage(process.kill, lambda: servers.enter_context(serving(port)))
        kept = await carry_out(settings, outage)
    errors = check(kept, outage.memory)
    assert 1 <= errors["truncated"] <= 16  # those that were under way, and hardly any besides
    assert errors["connect"] >= 8
    ends = {
        outcome: [line["end"] for line in kept.lines() if line["outcome"] == outcome]
        for outcome in kept.stage().outcomes
    }
    assert sum(moment > max(ends["unreachable"]) for moment in ends["ok"]) > 20
    if "rate" in load:
        assert kept.stage().requests.scheduled == 240
    else:
        assert errors["connect"] < 8 * 4 / 0.1  # a user that finds nobody does not try again without a pause


@pytest.mark.llamacpp
async def test_a_real_server_is_killed(start_llamacpp: StartLlamaCpp, tmp_path: Path) -> None:
    prompts = {"kind": "synthetic", "input_tokens": 16, "output_tokens": 60}
    scenario = {"prompts": prompts, "load": {"concurrency": 4}, "duration": "3s"}
    with start_llamacpp(layers=4) as server:
        settings = settings_for(tmp_path, one_target(server.url), scenario, shards=1)
        outage = Outage(lambda: os.kill(server.process.pid, signal.SIGKILL))
        kept = await asyncio.wait_for(carry_out(settings, outage), 30)
    errors = check(kept, outage.memory)
    assert 1 <= errors["truncated"] <= 8
    assert kept.stage().requests.ok >= 36
