"""A real server for tests: one that asks the system for a port and says in its log which it got."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

DEADLINE = 60.0


def program(*names: str, package: str) -> str:
    """The path of the first that is there; without any the test is skipped, except in continuous integration."""
    for name in names:
        if found := shutil.which(name):
            return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"{names[0]} is missing: apt-get install {package}")
    pytest.skip(f"{names[0]} is not installed (Debian: apt-get install {package})")


@asynccontextmanager
async def listening(*command: str, said: bytes) -> AsyncIterator[str]:
    """Its address, the first group of `said` in its log; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr
    try:
        log = b""
        async with asyncio.timeout(DEADLINE):
            while not (found := re.search(said, log)):
                line = await process.stderr.readline()
                assert line, f"{command[0]} ended: {log.decode()}"
                log += line
        reading = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
        yield found[1].decode()
    finally:
        # Once only: a second signal to a process that has just ended takes its status from the event loop.
        process.kill()
        await process.wait()
    await reading
