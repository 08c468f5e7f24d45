"""Full disks, locks, read-only directories, databases that go away: runs go on, and what could be kept is kept."""

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from postgres_server import Postgres
from stored import opened, result, row, spread, value
from swelld.store.database import reason_of
from swelld.store.files import StoreError
from swelld.store.runs import StoredRuns
from swelld_exporters.prometheus.registry import Registry


def failures(registry: Registry, reason: str) -> float:
    return value(registry, "swelld_store_write_failures_total", reason) or 0.0


async def until_failed(registry: Registry, reason: str) -> None:
    async with asyncio.timeout(30):
        while not failures(registry, reason):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)


async def until_written(runs: StoredRuns) -> None:
    await asyncio.wait_for(runs._writer._idle.wait(), 60)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
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


def fill(file: Path) -> None:
    """Until there is no room for another block."""
    with suppress(OSError), file.open("wb", buffering=0) as opened:
        while opened.write(bytes(4096)) == 4096:
            pass


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


async def test_a_full_disk_that_is_freed_again(small_disk: Path, tmp_path: Path) -> None:
    registry = Registry()
    ballast = small_disk / "ballast"
    async with opened(tmp_path, f"sqlite:///{small_disk / 'runs.db'}", registry) as runs:
        await runs.finish(result("before"))
        await until_written(runs)
        fill(ballast)
        for number in range(5):
            run = result(f"r{number}")
            await runs.finish(run, spread(run, "ttft", "e2e", "itl"))
        await until_failed(registry, "full")
        assert value(registry, "swelld_store_up") == 0
        assert value(registry, "swelld_store_lost_total") == 0
        found = await runs.get("r4")  # from memory
        assert found is not None
        assert found.run.id == "r4"
        ballast.unlink()
        await until_written(runs)
        assert value(registry, "swelld_store_up") == 1
        assert (await runs.list()).count == 6
        assert not list((tmp_path / "spool").iterdir())


async def test_a_directory_that_becomes_read_only(small_disk: Path, tmp_path: Path) -> None:
    registry = Registry()
    async with opened(small_disk, f"sqlite:///{small_disk / 'runs.db'}", registry) as runs:
        await runs.finish(result("before"))
        await until_written(runs)
    await asyncio.to_thread(remount, small_disk, "ro")
    async with opened(small_disk, f"sqlite:///{small_disk / 'runs.db'}", registry) as runs:
        assert value(registry, "swelld_store_up") == 0
        await runs.finish(result("r1"))
        await until_failed(registry, "readonly")
        with pytest.raises(StoreError, match=r"runs\.db cannot be used: .*(store\.dir|store\.url)"):
            await runs.annotate("before", "x")
        await asyncio.to_thread(remount, small_disk, "rw")
        await until_written(runs)
        assert [run.id for run in (await runs.list()).runs] == ["r1", "before"]
    assert value(registry, "swelld_store_lost_total") == 0


LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
from stored import opened, result, value
from swelld_exporters.prometheus.registry import Registry

async def main(folder):
    registry = Registry()
    async with opened(folder, f"sqlite:///{folder / 'runs.db'}", registry) as runs:
        await runs.finish(result("before"))
        await asyncio.wait_for(runs._writer._idle.wait(), 30)
        size = (folder / "runs.db-wal").stat().st_size
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        await runs.finish(result("r1"))
        while not sum(value(registry, "swelld_store_write_failures_total", r) for r in ("full", "other")):
            await asyncio.sleep(0.01)
        assert value(registry, "swelld_store_up") == 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        await asyncio.wait_for(runs._writer._idle.wait(), 30)
        print(sorted(run.id for run in (await runs.list()).runs))

asyncio.run(main(Path(sys.argv[1])))
"""


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    """A limit of the process instead of a full disk: anybody can have that."""
    if resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY:
        pytest.skip("the limit of files here could not be taken back")
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    done = subprocess.run(command, env=here, capture_output=True, text=True, timeout=90, check=False)
    assert done.stdout == "['before', 'r1']\n", done.stderr


async def test_a_file_that_somebody_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swelld.store.database.BUSY_SECONDS", 0.05)
    registry = Registry()
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'runs.db'}", registry) as runs:
        await runs.begin(row(result("r1")))
        await until_written(runs)
        other = sqlite3.connect(tmp_path / "runs.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await runs.finish(result("r1"))
        await until_failed(registry, "locked")
        listing = await runs.list()  # readers are not in the way
        assert [run.state for run in listing.runs] == ["pending"]
        with pytest.raises(StoreError, match="another program holds a lock on it"):
            await runs.annotate("r1", "note")
        other.execute("ROLLBACK")
        other.close()
        await until_written(runs)
        assert [run.state for run in (await runs.list()).runs] == ["completed"]


async def test_postgresql_restarts_in_the_middle_of_a_run(tmp_path: Path, postgres_server: Postgres) -> None:
    registry = Registry()
    run = result("r1")
    async with opened(tmp_path, postgres_server.new_database(), registry) as runs:
        await runs.begin(row(run))
        await until_written(runs)
        await asyncio.to_thread(postgres_server.stop)
        try:
            await runs.checkpoint(run)
            await until_failed(registry, "unreachable")
            with pytest.raises(StoreError, match=r"the store postgresql.* cannot be used: .*see that it is there"):
                await runs.list()
            await runs.finish(run, spread(run, "ttft"))
            await runs.finish(result("r2"))
        finally:
            await asyncio.to_thread(postgres_server.start)
        await until_written(runs)
        assert value(registry, "swelld_store_up") == 1
        assert {one.id: one.state for one in (await runs.list()).runs} == {"r1": "completed", "r2": "completed"}
        assert len(await runs.distributions("r1")) == 2


async def test_a_database_that_is_not_there_at_the_start(tmp_path: Path) -> None:
    registry = Registry()
    url = "postgresql://u:sk-canary@/runs?host=/nonexistent"
    async with opened(tmp_path, url, registry) as runs:
        assert value(registry, "swelld_store_up") == 0
        await runs.finish(result("r1"))
        await until_failed(registry, "unreachable")
        with pytest.raises(StoreError) as caught:
            await runs.list()
        assert "canary" not in str(caught.value)
        monitored = runs._writer
        await monitored.aclose(seconds=0.01)
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["r1.run"]

    async with opened(tmp_path, f"sqlite:///{tmp_path / 'runs.db'}") as runs:
        await until_written(runs)
        assert [run.id for run in (await runs.list()).runs] == ["r1"]
    assert not list((tmp_path / "spool").iterdir())


def test_a_missing_driver_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    from swelld.store.database import Database

    with pytest.raises(StoreError, match=r"pip install 'swelld\[postgres\]'"):
        Database("postgresql://u@h/d")


def test_sslmode_is_understood() -> None:
    from swelld.store.database import Database

    database = Database("postgres://u:p@h/d?sslmode=require&host=a")
    assert dict(database.url.query) == {"ssl": "require", "host": "a"}
    assert database.place == "postgresql+asyncpg://u:***@h/d?host=a&ssl=require"


def test_what_is_no_trouble_of_the_database_is_refused() -> None:
    assert reason_of(OverflowError("too large")) == "refused"
    assert reason_of(TimeoutError()) == "unreachable"
