"""A simulator in a process of its own, for as long as a `with` block lasts."""

import contextlib
import select
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from swelld.sim.options import SimOptions

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 5.0


@contextlib.contextmanager
def simulated(options: SimOptions | None = None) -> Iterator[str]:
    """The URL of a server that is ready; it ends with the block, or with this process whatever becomes of it."""
    given = msgspec.json.encode((options or SimOptions()).verified()).decode()
    command = [sys.executable, "-m", "swelld.sim", "--options", given, "--until-stdin-closes"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield _ready(process)
        finally:
            _stop(process)


def _ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    if not select.select([process.stdout], [], [], START_SECONDS)[0]:
        raise RuntimeError(f"the simulator was not ready after {START_SECONDS:g} s")
    url = process.stdout.readline().strip()
    if not url:
        raise RuntimeError("the simulator ended before it was ready: its reason is on stderr")
    return url


def _stop(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.close()  # the simulator ends when its standard input does
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
