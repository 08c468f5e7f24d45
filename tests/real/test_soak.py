"""Forty scenarios in one daemon for a long while, with reloads, pauses and a server that dies and returns."""

import itertools
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
import yaml

from command import started
from daemon_process import document, listening, page, post, samples, stop, until
from sim_client import truth
from swelld.sim import SimOptions, simulated

MINUTES = float(os.environ.get("SWELLD_SOAK_MINUTES", "30"))
LOOK_SECONDS = 15.0

pytestmark = pytest.mark.soak


class Look(NamedTuple):
    """How the processes stood at a moment."""

    elapsed: float
    hub: int
    """Resident bytes."""
    shards: int
    files: int
    threads: int


def scenarios(rate: int) -> dict[str, dict[str, Any]]:
    """Forty; `rate` is that of the one which reloads change."""
    found: dict[str, dict[str, Any]] = {f"wedge-{n}": {"canary": "wedge"} for n in range(14)}
    found |= {f"stream-{n}": {"canary": "stream"} for n in range(6)}
    found |= {
        f"every-{n}": {"load": {"concurrency": 1}, "requests": 2, "schedule": {"every": f"{10 + n}s"}}
        for n in range(10)
    }
    found |= {
        f"cron-{n}": {"load": {"concurrency": 2}, "requests": 4, "schedule": {"cron": "* * * * *"}} for n in range(5)
    }
    found |= {f"steady-{n}": {"load": "2/s", "schedule": "continuous"} for n in range(2)}
    found["changed"] = {"load": f"{rate}/s", "schedule": "continuous"}
    found["sweep"] = {"load": {"concurrency": "1,2,4"}, "requests": 10, "schedule": {"every": "2m"}}
    found = {name: {"targets": "stable", **one} for name, one in found.items()}
    found["mortal"] = {"targets": "mortal", "load": "2/s", "schedule": "continuous"}
    assert len(found) == 40
    return found


def write(path: Path, stable: str, port: int, rate: int) -> None:
    data = {
        "targets": {"stable": {"url": stable}, "mortal": {"url": f"http://127.0.0.1:{port}"}},
        "scenarios": scenarios(rate),
        "web": {"listen": "127.0.0.1:0", "allow_unauthenticated_control": True},
        "shards": 2,
    }
    (path / "new.yaml").write_text(yaml.safe_dump(data))
    (path / "new.yaml").replace(path / "swelld.yaml")


def look(process: psutil.Process, began: float) -> Look:
    shards = [child for child in process.children() if "swelld.engine.process" in child.cmdline()]
    return Look(
        time.monotonic() - began,
        process.memory_info().rss,
        sum(shard.memory_info().rss for shard in shards),
        process.num_fds(),
        process.num_threads(),
    )


class Mortal:
    """A simulator that is killed and comes back where it was."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    def rise(self) -> None:
        self.die()
        command = ["swelld", "sim", "--port", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def die(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def every_minute(actions: list[Callable[[], None]], seconds: float, watch: Callable[[], None]) -> None:
    """One action after another, a quarter of a minute each, round and round; looks in between."""
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        actions[turn % len(actions)]()
        turn += 1
        watch()
        time.sleep(LOOK_SECONDS)


def test_forty_scenarios_for_a_long_while(tmp_path: Path, free_tcp_port: int) -> None:
    mortal, looks, rates = Mortal(free_tcp_port), list[Look](), Counter[str]()
    with simulated(SimOptions(ttft=0.02, itl=0.005)) as stable:
        write(tmp_path, stable, free_tcp_port, 1)
        mortal.rise()
        try:
            with started("daemon", "swelld.yaml", cwd=tmp_path) as process:
                url, began, wall = listening(process), time.monotonic(), time.time()
                hub = psutil.Process(process.pid)

                def reload() -> None:
                    rates["reloads"] += 1
                    write(tmp_path, stable, free_tcp_port, 1 + rates["reloads"] % 3)
                    process.send_signal(signal.SIGHUP)

                def pause() -> None:
                    assert post(f"{url}/api/v1/scenarios/steady-0/pause")[0] == 200

                def resume() -> None:
                    assert post(f"{url}/api/v1/scenarios/steady-0/resume")[0] == 200
                    mortal.rise()

                def watch() -> None:
                    looks.append(look(hub, began))
                    assert page(f"{url}/-/healthy")[0] == 200
                    assert document(f"{url}/api/v1/status")["complaints"] == []

                every_minute([reload, pause, mortal.die, resume], MINUTES * 60, watch)
                resume()
                until(lambda: all(s["state"] == "running" for s in states(url) if s["name"].startswith("steady")), 60)
                elapsed = time.monotonic() - began
                report(looks)
                assert set(samples(url, "swelld_schedule_missed_total").values()) == {0.0}
                check_every(url, elapsed)
                check_cron(url, wall, wall + elapsed)
                outcomes = samples(url, "swelld_requests_total")
                assert sum(n for labels, n in outcomes.items() if "mortal" in labels and '"unreachable"' in labels) > 0
                until(lambda: samples(url, "swelld_target_up")['{target="mortal"}'] == 1.0)
                assert sum(n for labels, n in outcomes.items() if '"wedge-0"' in labels and '"ok"' not in labels) == 0
                stop(process)
        finally:
            mortal.die()
        assert truth(stable)["requests"]["running"] == 0
    settled = looks[len(looks) // 4 :]
    assert max(one.hub for one in settled[-4:]) < 1.15 * max(one.hub for one in settled[:4])
    assert max(one.shards for one in settled[-4:]) < 1.15 * max(one.shards for one in settled[:4])
    assert settled[-1].files < settled[0].files + 20


def states(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document(f"{url}/api/v1/scenarios")["scenarios"]
    return found


def all_runs(url: str, name: str) -> list[dict[str, Any]]:
    """Every run of a scenario, the oldest first."""
    found, after = list[dict[str, Any]](), ""
    while after is not None:
        some = document(f"{url}/api/v1/runs?scenario={name}&limit=500" + (f"&after={after}" if after else ""))
        found += some["runs"]
        after = some["next"]
    return found[::-1]


def check_every(url: str, elapsed: float) -> None:
    """One run at the start, and one after each period."""
    for number in range(10):
        begins = [run["started"] for run in all_runs(url, f"every-{number}")]
        assert abs(len(begins) - (elapsed // (10 + number) + 1)) <= 1, f"every-{number}"
        gaps = [later - sooner for sooner, later in itertools.pairwise(begins)]
        assert all(abs(gap - (10 + number)) < 5 for gap in gaps), f"every-{number}: {gaps}"


def check_cron(url: str, begin: float, end: float) -> None:
    """One run for every minute that began, and none twice."""
    wanted = set(range(int(begin // 60) + 1, int(end // 60) + 1))
    for number in range(5):
        minutes = [int(run["started"] // 60) for run in all_runs(url, f"cron-{number}")]
        assert len(minutes) == len(set(minutes))
        assert set(minutes) ^ wanted <= {max(wanted)}, f"cron-{number}"


def report(looks: list[Look]) -> None:
    for one in looks[:: max(1, len(looks) // 10)]:
        print(f"{one.elapsed:6.0f} s  hub {one.hub / 2**20:6.1f} MiB  shards {one.shards / 2**20:6.1f} MiB  "
              f"{one.files} files  {one.threads} threads")  # fmt: skip
