"""A daemon whose disk or database is in trouble: load and metrics go on, it can be seen, and it gets over it."""

import json
import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daemon_process import daemon, document, page, post, runs, samples, scenario, stop, until, write
from postgres_server import Postgres, postgres_server
from sim_client import truth

__all__ = ["postgres_server"]

CANARY = {"load": "20/s", "schedule": "continuous"}
OFTEN = {"load": {"concurrency": 1}, "requests": 2, "schedule": {"every": "1s"}}


def ok(url: str) -> float:
    """Good answers so far."""
    return sum(value for labels, value in samples(url, "swelld_requests_total").items() if 'outcome="ok"' in labels)


def goes_on(url: str) -> None:
    """Load and metrics, and the daemon thinks so, too."""
    before = ok(url)
    until(lambda: ok(url) > before + 10)
    assert page(f"{url}/-/healthy")[0] == 200
    assert page(f"{url}/-/ready")[0] == 200


def store_up(url: str) -> float:
    (value,) = samples(url, "swelld_store_up").values()
    return value


def failures(url: str) -> dict[str, float]:
    """Failed writes by their reason."""
    found = samples(url, "swelld_store_write_failures_total")
    return {labels.split('"')[1]: value for labels, value in found.items() if value}


def plain_answer(url: str) -> int:
    """The status of a list of runs: a page of them, or a document that says why not."""
    status, text = page(f"{url}/api/v1/runs")
    if status != 200:
        problem = json.loads(text)
        assert (status, problem["status"], problem["title"]) == (503, 503, "Service Unavailable")
        assert "store" in problem["detail"]
    return status


@dataclass
class Disk:
    """A state directory, what happens to it, and what ends that; both are told the daemon's process."""

    folder: Path
    spoil: Callable[[int], None]
    mend: Callable[[int], None]


def limited(folder: Path) -> Disk:
    """No file may have a byte: a limit of the process instead of a full disk, which anybody can have."""
    endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    if resource.getrlimit(resource.RLIMIT_FSIZE) != endless:
        pytest.skip("the limit of files here could not be taken back")

    def limit(soft: int) -> Callable[[int], None]:
        return lambda pid: print(resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY)))

    return Disk(folder / "state", limit(0), limit(resource.RLIM_INFINITY))


def full(folder: Path) -> Disk:
    """No block is left."""
    ballast = folder / "ballast"

    def fill(_: int) -> None:
        with suppress(OSError), ballast.open("wb", buffering=0) as opened:
            while opened.write(bytes(4096)) == 4096:
                pass

    return Disk(folder, fill, lambda _: ballast.unlink())


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "swelld-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a file system, and not everywhere")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_files_that_may_not_grow(sim: str, tmp_path: Path) -> None:
    gets_over_it(sim, tmp_path, limited(tmp_path))


def test_a_full_disk(sim: str, tmp_path: Path, mounted: Path) -> None:
    gets_over_it(sim, tmp_path, full(mounted))


def gets_over_it(sim: str, path: Path, disk: Disk) -> None:
    """The state directory is spoilt while a daemon runs, and mended again."""
    scenarios = {
        "steady": {**CANARY, "budget": {"requests": "1000000/h"}},
        "often": OFTEN,
        "held": {**CANARY, "duration": "1s"},
    }
    write(path, sim, scenarios, store={"dir": str(disk.folder), "checkpoint": "200ms"})
    with daemon(path) as (url, process):
        first = until(lambda: runs(url, scenario="often", state="completed"))[0]["id"]
        disk.spoil(process.pid)
        until(lambda: store_up(url) == 0)
        assert set(until(lambda: failures(url))) <= {"full", "other"}
        goes_on(url)
        assert plain_answer(url) in (200, 503)
        assert post(f"{url}/api/v1/scenarios/held/pause")[0] == 200  # it cannot be written down now
        goes_on(url)
        disk.mend(process.pid)
        until(lambda: store_up(url) == 1, 40)
        until(lambda: samples(url, "swelld_store_pending_runs")[""] <= 1, 40)
        assert samples(url, "swelld_store_lost_total") == {"": 0.0}
        assert first in {run["id"] for run in runs(url, scenario="often", limit="500")}
        steady = scenario(url, "steady")["run_id"]
        err = stop(process)
    for said in ("does not work", "works again", "schedules will not survive a restart"):
        assert said in err
    with daemon(path) as (url, process):
        kept = document(f"{url}/api/v1/runs/{steady}")
        assert kept["run"]["state"] == "completed"
        done = kept["result"]["stages"][0]["requests"]["ok"]
        assert done > 20
        assert scenario(url, "held")["paused"]
        (used,) = [value for labels, value in samples(url, "swelld_budget_used_ratio").items() if '"steady"' in labels]
        assert used * 1e6 >= done
        stop(process)


def test_a_state_directory_that_cannot_be_made(sim: str, tmp_path: Path) -> None:
    """From the start; recording, which has no other place, is left out."""
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a directory should be")
    scenarios = {"steady": {**CANARY, "budget": {"requests": "1000000/h"}}, "often": OFTEN}
    places = {"store": {"dir": str(blocked / "state")}, "exporters": {"files": {"enabled": True}}}
    write(tmp_path, sim, scenarios, **places)
    with daemon(tmp_path) as (url, process):
        goes_on(url)
        assert store_up(url) == 0
        assert plain_answer(url) == 503
        until(lambda: samples(url, "swelld_run_state")['{scenario="often",state="completed"}'] == 1)
        until(lambda: samples(url, "swelld_store_pending_runs")[""] >= 2)
        blocked.unlink()
        until(lambda: store_up(url) == 1, 40)
        assert len(until(lambda: runs(url, scenario="often", state="completed"), 40)) >= 1
        assert samples(url, "swelld_store_lost_total") == {"": 0.0}
        err = stop(process)
    assert "are not recorded: cannot create" in err
    assert "schedules will not survive a restart" in err


def test_a_state_directory_that_is_read_only(sim: str, tmp_path: Path, mounted: Path) -> None:
    write(tmp_path, sim, {"steady": CANARY}, store={"dir": str(mounted), "checkpoint": "200ms"})
    with daemon(tmp_path) as (url, process):
        first = until(lambda: scenario(url, "steady")["run_id"])
        stop(process)
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    with daemon(tmp_path) as (url, process):
        goes_on(url)
        assert store_up(url) == 0
        assert set(until(lambda: failures(url))) <= {"readonly", "unreachable"}
        status, problem = post(f"{url}/api/v1/runs/{first}", {"note": "x"}, "PATCH")
        assert (status, problem["title"]) == (503, "Service Unavailable")
        subprocess.run(["mount", "-o", "remount,rw", str(mounted)], check=True)
        until(lambda: store_up(url) == 1, 40)
        assert {run["state"] for run in runs(url)} <= {"completed", "running"}
        stop(process)


def test_a_database_that_somebody_locks(sim: str, tmp_path: Path) -> None:
    write(tmp_path, sim, {"steady": CANARY, "often": OFTEN}, store={"checkpoint": "200ms"})
    with daemon(tmp_path) as (url, process):
        before = until(lambda: runs(url, scenario="often", state="completed"))[0]["id"]
        other = sqlite3.connect(tmp_path / "results" / "swelld.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        until(lambda: store_up(url) == 0)
        assert set(until(lambda: failures(url))) == {"locked"}
        goes_on(url)
        assert plain_answer(url) == 200  # readers are not in the way
        status, problem = post(f"{url}/api/v1/runs/{before}", {"note": "x"}, "PATCH")
        assert (status, problem["title"]) == (503, "Service Unavailable")
        assert "another program holds a lock" in problem["detail"]
        other.execute("ROLLBACK")
        other.close()
        until(lambda: store_up(url) == 1, 40)
        done = until(lambda: runs(url, scenario="often", state="completed", limit="500"))
        assert before in {run["id"] for run in done}
        assert samples(url, "swelld_store_lost_total") == {"": 0.0}
        stop(process)


def test_postgresql_is_restarted_in_the_middle(sim: str, tmp_path: Path, postgres_server: Postgres) -> None:
    store = {"checkpoint": "200ms", "url": postgres_server.new_database(), "instance": "here"}
    write(tmp_path, sim, {"steady": CANARY, "often": OFTEN}, store=store)
    with daemon(tmp_path) as (url, process):
        steady = until(lambda: scenario(url, "steady")["run_id"])
        until(lambda: runs(url, scenario="often", state="completed"))
        try:
            postgres_server.stop()
            until(lambda: store_up(url) == 0)
            assert set(until(lambda: failures(url))) == {"unreachable"}
            goes_on(url)
            assert plain_answer(url) == 503
            assert page(f"{url}/api/v1/runs/{steady}")[0] == 200  # it is under way: from memory
            assert page(f"{url}/api/v1/runs/nothing")[0] == 503
            assert post(f"{url}/api/v1/runs/nothing/cancel")[0] == 503
        finally:
            postgres_server.start()
        until(lambda: store_up(url) == 1 and plain_answer(url) == 200, 40)
        assert samples(url, "swelld_store_lost_total") == {"": 0.0}
        stop(process)
    kept = postgres_server.query(store["url"], f"select state, ok from runs where id = '{steady}'")
    often = postgres_server.query(store["url"], "select sum(ok) from runs where scenario = 'often'")
    assert kept[0][0] == "completed"
    assert int(kept[0][1]) + int(often[0][0]) == truth(sim)["requests"]["completed"]


def test_postgresql_is_not_there_at_the_start(sim: str, tmp_path: Path, postgres_server: Postgres) -> None:
    store = {"checkpoint": "200ms", "url": postgres_server.new_database(), "instance": "here"}
    write(tmp_path, sim, {"steady": CANARY, "few": {"load": {"concurrency": 1}, "requests": 5}}, store=store)
    with daemon_without(postgres_server, tmp_path) as (url, process):
        goes_on(url)
        assert store_up(url) == 0
        assert plain_answer(url) == 503
        until(lambda: samples(url, "swelld_run_state")['{scenario="few",state="completed"}'] == 1)
        postgres_server.start()
        until(lambda: store_up(url) == 1, 40)
        (few,) = until(lambda: plain_answer(url) == 200 and runs(url, scenario="few", state="completed"))
        assert few["ok"] == 5
        stop(process)


@contextmanager
def daemon_without(server: Postgres, path: Path) -> "Iterator[tuple[str, subprocess.Popen[str]]]":
    """A daemon that is started without its database, for the test to start; it is there again in any case."""
    server.stop()
    try:
        with daemon(path) as found:
            yield found
    finally:
        server.stop()
        server.start()


def broken_files() -> dict[str, bytes | None]:
    """What may be found in place of a file of ours; None is a directory."""
    deep = b"[" * 100_000
    return {
        "empty": b"",
        "cut": b'[{"kind": "sce',
        "binary": bytes(range(256)),
        "other": b'{"schema": "of somebody else"}',
        "deep": deep,
    } | {"a directory": None}


@pytest.mark.parametrize("name", broken_files())
def test_state_that_cannot_be_read(sim: str, tmp_path: Path, name: str) -> None:
    content = broken_files()[name]
    (tmp_path / "results").mkdir()
    for file in ("schedules.json", "budgets.json"):
        place = tmp_path / "results" / file
        if content is None:
            place.mkdir()
            (place / "occupied").touch()
        else:
            place.write_bytes(content)
    write(tmp_path, sim, {"steady": {**CANARY, "budget": {"requests": "1000000/h"}}})
    with daemon(tmp_path) as (url, process):
        goes_on(url)
        assert scenario(url, "steady")["paused"] is False
        assert samples(url, "swelld_store_up") == {"": 1.0}
        err = stop(process)
    assert "schedules begin anew" in err
    assert "the budgets begin at nothing used" in err
    if content is not None:
        written: Any = json.loads((tmp_path / "results" / "schedules.json").read_bytes())
        assert list(written["scenarios"]) == ["steady"]
        used = {
            (entry["name"], entry["what"]) for entry in json.loads((tmp_path / "results/budgets.json").read_bytes())
        }
        assert ("steady", "requests") in used
