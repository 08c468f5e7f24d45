"""Standard output that takes nothing, and a Ctrl-C before there is anything to stop."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from command import COMMAND, environment

INTERRUPTED = """
import os, signal, sys

wanted = sys.argv[1]

class Finder:
    def find_spec(self, name, *_):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
from swelld.cli import main
sys.argv = ["swelld", "--version"]
main()
"""


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize("arguments", [["info"], ["--help"], ["check", "swelld.yaml"]], ids=["info", "help", "check"])
def test_a_full_disk_is_named(tmp_path: Path, arguments: list[str], buffering: str) -> None:
    (tmp_path / "swelld.yaml").write_text("target: {url: 'http://a'}\nscenario: {load: 1/s, duration: 1s}\n")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=environment({"PYTHONUNBUFFERED": buffering}),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    said = "swelld: cannot write to standard output: No space left on device; send it elsewhere\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_a_reader_that_left_is_no_news(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "info"], cwd=tmp_path, env=environment(), stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("module", ["typer", "swelld.app.history", "swelld.cli.run"])
def test_ctrl_c_while_it_starts_is_quiet(tmp_path: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")  # a shell calls it 130


def test_who_ignores_ctrl_c_goes_on_ignoring_it(tmp_path: Path) -> None:
    ignoring = INTERRUPTED.replace("signal.default_int_handler", "signal.SIG_IGN")
    done = subprocess.run(
        [sys.executable, "-c", ignoring, "typer"], cwd=tmp_path, env=environment(), capture_output=True, check=False
    )
    assert (done.returncode, done.stdout[:7], done.stderr) == (0, b"swelld ", b"")
