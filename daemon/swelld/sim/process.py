"""A simulator in a process of its own, for as long as a `with` block lasts."""

import asyncio
import contextlib
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Final

import msgspec

from swelld.sim.options import SimOptions

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0

_NOT_READY: Final = f"the simulator was not ready after {START_SECONDS:g} s"
_ENDED: Final = "the simulator ended before it was ready: its reason is on stderr"


@contextlib.contextmanager
def simulated(options: SimOptions | None = None) -> Iterator[str]:
    """The URL of a server that is ready; it ends with the block, or with this process whatever becomes of it.

    A Ctrl-C in the terminal does not reach it.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(_command(options), stdin=pipe, stdout=pipe, text=True, process_group=0) as process:  # noqa: S603
        try:
            yield _ready(process)
        finally:
            _stop(process)


@contextlib.asynccontextmanager
async def simulating(options: SimOptions | None = None) -> AsyncIterator[str]:
    """The same without holding up the event loop."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*_command(options), stdin=pipe, stdout=pipe, start_new_session=True)
    assert process.stdin
    assert process.stdout
    try:
        try:
            url = (await asyncio.wait_for(process.stdout.readline(), START_SECONDS)).decode().strip()
        except TimeoutError:
            raise RuntimeError(_NOT_READY) from None
        if not url:
            raise RuntimeError(_ENDED)
        yield url
    finally:
        process.stdin.close()  # the simulator ends when its standard input does
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


def _command(options: SimOptions | None) -> list[str]:
    given = msgspec.json.encode((options or SimOptions()).verified()).decode()
    return [sys.executable, "-m", "swelld.sim", "--options", given, "--until-stdin-closes"]


def _ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    if not select.select([process.stdout], [], [], START_SECONDS)[0]:
        raise RuntimeError(_NOT_READY)
    url = process.stdout.readline().strip()
    if not url:
        raise RuntimeError(_ENDED)
    return url


def _stop(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.close()  # the simulator ends when its standard input does
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
