"""The systemd unit, judged by systemd itself."""

import re
import shutil
import subprocess
from collections.abc import Callable
from configparser import RawConfigParser
from pathlib import Path

import pytest

from swelld.settings.loading import load_settings

SYSTEMD = Path(__file__).parents[2] / "compose/systemd"
EXPOSURE = 1.5
"""systemd's own measure, from 0 (nothing can be reached) to 10."""


def unit() -> RawConfigParser:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEMD / "swelld.service")
    return parser


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with the unit, the program that it names, and the units that it refers to."""
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    shutil.copy(SYSTEMD / "swelld.service", units)
    for name in ("network-online", "multi-user", "sysinit", "basic", "shutdown"):
        (units / f"{name}.target").write_text("[Unit]\nDescription=x\n")
    for program in ("opt/swelld/bin/swelld", "bin/kill"):
        (tmp_path / program).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    return tmp_path


def test_systemd_has_nothing_against_it(root: Path, tool: Callable[[str], str]) -> None:
    command = [tool("systemd-analyze"), "verify", f"--root={root}", "swelld.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_little_to_attack(root: Path, tool: Callable[[str], str]) -> None:
    command = [tool("systemd-analyze"), "security", "--offline=true", f"--root={root}", "--no-pager", "swelld.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for swelld\.service: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= EXPOSURE


def test_it_waits_until_runs_are_drained() -> None:
    service = unit()["Service"]
    settings = load_settings(None, {"SWELLD_TARGET__URL": "http://127.0.0.1:1"})
    assert service["Type"] == "notify"
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
    assert settings.grace < float(service["TimeoutStopSec"])
    assert service["KillSignal"] == "SIGTERM"


def test_it_writes_where_it_may_and_nowhere_else() -> None:
    service = unit()["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["DynamicUser"] == "yes"
    assert f"SWELLD_STORE__DIR=/var/lib/{service['StateDirectory']} " in service["Environment"] + " "


def test_the_variables_that_it_shows_are_known() -> None:
    lines = [line.lstrip("#") for line in (SYSTEMD / "swelld.env").read_text().splitlines() if line.startswith("#SW")]
    variables = dict(line.split("=", 1) for line in lines)
    settings = load_settings(None, {"SWELLD_TARGET__URL": "http://127.0.0.1:1"} | variables)
    assert list(variables) == ["SWELLD_WEB__LISTEN", "SWELLD_LOG__LEVEL"]
    assert settings.log.level == "info"
