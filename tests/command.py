"""The `swelld` command in a process of its own, and proof that it leaves none behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

COMMAND = (sys.executable, "-m", "swelld")


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without settings of swelld or the terminal, so that a machine's own do not matter."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SWELLD_", "COLUMNS"))}
    return plain | {"COLUMNS": "100"} | dict(more or {})


def swelld(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 60.0) -> Done:
    """Run it to its end, within the time."""
    with started(*arguments, cwd=cwd, env=env) as process:
        out, err = process.communicate(timeout=timeout)
    return Done(process.returncode, out, err)


@contextmanager
def started(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> "Iterator[subprocess.Popen[str]]":
    """A command that goes on; when the block is left it must have ended by itself, with all that it started."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
        process.wait(10)
        deadline = time.monotonic() + 5
        while (left := in_session(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left, f"left behind: {left}"
    finally:
        kill_session(process.pid)
        process.communicate()


def in_session(leader: int) -> list[psutil.Process]:
    """Every process of a session but zombies, whatever became of its parent."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def kill_session(leader: int) -> None:
    """What should not be needed."""
    for process in in_session(leader):
        process.send_signal(signal.SIGKILL)
