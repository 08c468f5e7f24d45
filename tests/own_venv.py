"""Real servers that live in a virtual environment of their own, started as processes for tests by hand."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


def environment(variable: str, program: str, how: str) -> Path:
    """The environment that a variable names, if that program is in it; otherwise the test is skipped, saying how."""
    named = os.environ.get(variable, "")
    folder = Path(named).expanduser().absolute()
    if not named or not (folder / program).exists():
        pytest.skip(f"{variable} names no environment with {program}. Make one:\n{how}")
    return folder


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


@contextmanager
def running(
    command: Sequence[str], log: Path, env: Mapping[str, str], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of a group of its own, ended with all its children."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | env, stdout=said, stderr=said, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path, holds: str = "", seconds: float = 120.0) -> None:
    """Until a page is there and holds a text; the test fails with the log if that never comes."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if holds in response.read().decode():
                    return
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"{url} did not come: {log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.2)
