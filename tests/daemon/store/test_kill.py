"""kill -9 in the middle of writing, again and again: nothing is corrupt, and every run is there up to its last word."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stored import opened

TIMES = 50

WRITES = """
import asyncio, os, sys
from pathlib import Path
from stored import opened, result, row, spread

async def write(folder, url, number):
    run = result(f"run{number}")
    kept = spread(run, "ttft", "itl", "e2e")
    async with opened(folder, url, instance="here") as runs:
        await runs.begin(row(run))
        while True:
            await runs.checkpoint(run, kept)
            await asyncio.wait_for(runs._writer._idle.wait(), 30)
            print("wrote", number, flush=True)

for line in sys.stdin:  # what is imported already need not be imported again by each
    child = os.fork()
    if not child:
        print("begins", os.getpid(), flush=True)
        asyncio.run(write(Path(sys.argv[1]), sys.argv[2], line.strip()))
    os.waitpid(child, 0)
"""


def write_and_kill(folder: Path, url: str) -> None:
    """Each writer is killed while another checkpoint is under way."""
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-u", "-c", WRITES, str(folder), url]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=here, stdin=pipe, stdout=pipe, text=True) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for number in range(TIMES):
            nursery.stdin.write(f"{number}\n")
            nursery.stdin.flush()
            while not (said := nursery.stdout.readline()).startswith("begins"):
                assert said  # from the one before
            for _ in range(1 + number % 5):
                assert nursery.stdout.readline() == f"wrote {number}\n"
            os.kill(int(said.split()[1]), signal.SIGKILL)


@pytest.mark.slow
async def test_a_writer_that_is_killed_leaves_a_sound_store(tmp_path: Path, database_url: str) -> None:
    await asyncio.to_thread(write_and_kill, tmp_path, database_url)
    async with opened(tmp_path, database_url, instance="here") as runs:
        listing = await runs.list()
        assert listing.count == TIMES
        assert {run.state for run in listing.runs} == {"interrupted"}
        assert {run.requests for run in listing.runs} == {200}
        for run in listing.runs:
            found = await runs.get(run.id)
            assert found is not None
            assert (found.run.state, len(found.stages)) == ("interrupted", 2)
            counts = [one.by_name["ttft"].count for one in await runs.distributions(run.id)]
            assert counts == [500, 500]
    if database_url.startswith("sqlite"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()
