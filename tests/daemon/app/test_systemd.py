"""What systemd is told, on a socket like its own."""

import os
import socket
from pathlib import Path

import pytest

from swelld.app.systemd import Systemd


def test_every_message_arrives_as_systemd_reads_it(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(5)
        systemd = Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        systemd.ready()
        systemd.reloading(12.5)
        systemd.status("2 scenarios")
        systemd.alive()
        systemd.stopping()
        assert [heard.recv(100) for _ in range(5)] == [
            b"READY=1",
            b"RELOADING=1\nMONOTONIC_USEC=12500000",
            b"STATUS=2 scenarios",
            b"WATCHDOG=1",
            b"STOPPING=1",
        ]


def test_a_name_without_a_file() -> None:
    name = f"swelld-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"\0{name}")
        heard.settimeout(5)
        Systemd({"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert heard.recv(100) == b"READY=1"


def test_the_watchdog_is_fed_twice_as_often_as_it_bites() -> None:
    assert Systemd({"WATCHDOG_USEC": "30000000"}).alive_every == 15.0
    assert Systemd({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}).alive_every == 15.0
    assert Systemd({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).alive_every is None
    assert Systemd({}).alive_every is None


def test_nobody_listens(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    Systemd({}).ready()
    assert not caplog.records
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    assert "systemd does not hear of READY=1" in caplog.text
