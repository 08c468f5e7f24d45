"""Signals at every moment of a daemon's life, and what systemd is told."""

import json
import signal
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from command import started
from daemon_process import daemon, document, listening, page, post, runs, samples, scenario, stop, until, write
from sim_client import truth

CANARY = {"load": "20/s", "schedule": "continuous"}
LONG = {"load": "20/s", "duration": "1h"}
STALLING = {"extra_body": {"sim": {"fault": "stall", "after": 0}}}
"""Of a target that never answers to the end."""


def stored(path: Path) -> list[tuple[str, str, int | None]]:
    """Scenario, state and good answers of every run in the database."""
    with closing(sqlite3.connect(path / "results" / "swelld.db")) as database:
        return database.execute("select scenario, state, ok from runs order by scenario").fetchall()


def test_every_run_is_drained_and_reported(sim: str, tmp_path: Path) -> None:
    """Also one that came with a request."""
    write(tmp_path, sim, {"endless": CANARY, "long": LONG})
    with daemon(tmp_path) as (url, process):
        status, run = post(f"{url}/api/v1/runs", {"scenario": {**LONG, "targets": ["sim"]}})
        assert status == 201
        until(lambda: document(f"{url}/api/v1/runs/{run['id']}")["progress"]["done"] > 5)
        until(lambda: samples(url, "swelld_run_state")['{scenario="long",state="running"}'] == 1)
        stop(process)
    found = stored(tmp_path)
    assert [(name, state) for name, state, _ in found] == [
        ("endless", "completed"),
        ("inline", "cancelled"),
        ("long", "cancelled"),
    ]
    requests = truth(sim)["requests"]
    assert sum(ok or 0 for _, _, ok in found) == requests["completed"]
    assert requests["aborted_by_client"] == requests["running"] == 0


def test_grace_is_not_exceeded(sim: str, tmp_path: Path) -> None:
    target = {"url": sim, "model": "m", **STALLING}
    write(
        tmp_path, sim, {"stuck": {"load": {"concurrency": 2}, "duration": "1h"}}, targets={"t": target}, grace="500ms"
    )
    with daemon(tmp_path) as (_, process):
        until(lambda: truth(sim)["requests"]["started"] == 2)
        err = stop(process)
    assert "cutting off 1 runs that are not drained after 0.5 s" in err
    assert stored(tmp_path) == [("stuck", "cancelled", 0)]


@pytest.mark.parametrize("after", [0.1, 0.4, 0.7, 1.0, 1.3, 1.6, 2.0])
def test_an_end_at_any_moment_of_the_start(sim: str, tmp_path: Path, after: float) -> None:
    write(tmp_path, sim, {"canary": CANARY, "once": {"load": {"concurrency": 1}, "requests": 2}})
    with started("daemon", "swelld.yaml", cwd=tmp_path) as process:
        time.sleep(after)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode in (0, -signal.SIGTERM)  # the latter before it has begun to listen
    assert "Traceback" not in err
    assert "Task exception" not in err
    assert truth(sim)["requests"]["running"] == 0


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that answers when a test does it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


def discovering(path: Path, sim: str, server: socket.socket, scenarios: dict[str, Any]) -> None:
    """A daemon that waits for this server when it starts."""
    url = f"http://127.0.0.1:{server.getsockname()[1]}/targets"
    write(path, sim, scenarios, discovery=[{"http_sd": url, "refresh": "1h"}])


def test_an_end_while_the_start_waits_for_somebody(sim: str, tmp_path: Path, silent: socket.socket) -> None:
    discovering(tmp_path, sim, silent, {"canary": CANARY})
    with started("daemon", "swelld.yaml", cwd=tmp_path) as process:
        asked, _ = silent.accept()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        asked.close()
    assert (process.returncode, out) == (0, "")  # it was never armed
    assert "Traceback" not in err
    assert truth(sim)["requests"]["started"] == 0


def test_a_reload_that_is_wanted_while_it_starts(sim: str, tmp_path: Path, silent: socket.socket) -> None:
    discovering(tmp_path, sim, silent, {"canary": CANARY})
    with Notified(tmp_path) as systemd, started("daemon", "swelld.yaml", cwd=tmp_path, env=systemd.env) as process:
        asked, _ = silent.accept()
        discovering(tmp_path, sim, silent, {"canary": CANARY, "late": CANARY})
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        systemd.heard_nothing()
        with asked:
            asked.recv(65536)
            asked.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]")
        url = listening(process)
        assert scenario(url, "late")["name"] == "late"
        assert samples(url, "swelld_ready") == {"": 1.0}
        err = stop(process)
    assert "added: late" in err


def test_no_reload_once_it_ends(sim: str, tmp_path: Path) -> None:
    targets = {"t": {"url": sim, "model": "m", **STALLING}}
    stuck = {"load": {"concurrency": 1}, "schedule": "continuous", "targets": "t"}
    write(tmp_path, sim, {"stuck": stuck}, targets=targets)
    with daemon(tmp_path) as (url, process):
        until(lambda: truth(sim)["requests"]["started"] == 1)
        process.send_signal(signal.SIGTERM)
        until(lambda: page(f"{url}/-/ready")[0] == 503)
        until(lambda: samples(url, "swelld_ready") == {"": 0.0})
        write(tmp_path, sim, {"new": {**CANARY, "targets": "t"}}, targets=targets)
        for _ in range(5):
            process.send_signal(signal.SIGHUP)
            time.sleep(0.05)
        assert post(f"{url}/api/v1/runs", {"scenario": "stuck"})[0] == 503
        err = stop(process)
    assert "taken over" not in err
    assert stored(tmp_path) == [("stuck", "cancelled", 0)]


def test_an_end_while_a_removed_scenario_is_drained(sim: str, tmp_path: Path) -> None:
    targets = {"t": {"url": sim, "model": "m", **STALLING}, "sim": {"url": sim, "model": "m"}}
    stuck = {"load": {"concurrency": 1}, "schedule": "continuous", "targets": "t"}
    write(tmp_path, sim, {"stuck": stuck, "same": {**CANARY, "targets": "sim"}}, targets=targets)
    with daemon(tmp_path) as (url, process):
        until(lambda: samples(url, "swelld_requests_in_flight").get(STUCK) == 1)
        write(tmp_path, sim, {"same": {**CANARY, "targets": "sim"}}, targets=targets)
        process.send_signal(signal.SIGHUP)
        until(lambda: page(f"{url}/api/v1/scenarios/stuck")[0] == 404)
        process.send_signal(signal.SIGTERM)
        until(lambda: page(f"{url}/-/ready")[0] == 503)
        stop(process)
    assert [name for name, _, _ in stored(tmp_path)] == ["same", "stuck"]
    assert ("stuck", "cancelled", 0) in stored(tmp_path)


STUCK = '{scenario="stuck",target="t",model="m",stage="concurrency=1"}'


def test_a_storm_of_reloads(sim: str, tmp_path: Path) -> None:
    """What does not change goes on, what does is what it was at last, and nothing is doubled."""
    same = {"same": CANARY}
    with_one = {**same, "other": {**CANARY, "load": "5/s"}}
    with_another = {**same, "other": {**CANARY, "load": "7/s"}}
    write(tmp_path, sim, with_one)
    with daemon(tmp_path) as (url, process):
        before = until(lambda: scenario(url, "same")["run_id"])
        for number in range(30):
            write(tmp_path, sim, (with_another, same, with_one)[number % 3])
            process.send_signal(signal.SIGHUP)
            time.sleep(0.03)
        write(tmp_path, sim, with_another)
        process.send_signal(signal.SIGHUP)
        until(lambda: page(f"{url}/api/v1/scenarios/other")[0] == 200 and scenario(url, "other")["run_id"])
        until(lambda: document(f"{url}/api/v1/status")["runs_under_way"] == 2)
        assert scenario(url, "other")["config"]["load"]["rate"] == ["7/s"]
        assert scenario(url, "same")["run_id"] == before
        assert samples(url, "swelld_config_last_reload_successful") == {"": 1.0}
        assert len(samples(url, "swelld_config_info")) == 1
        assert len(runs(url, state="running")) <= 2
        stop(process)
    assert {state for _, state, _ in stored(tmp_path)} == {"completed"}
    requests = truth(sim)["requests"]
    assert requests["aborted_by_client"] == requests["running"] == 0


def test_a_start_that_fails_leaves_nothing_behind(sim: str, tmp_path: Path) -> None:
    """Not even with everything that has a life of its own; see `started` for what is left."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        exporters = {
            "otlp": {"endpoint": "http://127.0.0.1:9"},
            "pushgateway": {"url": "http://127.0.0.1:9", "job": "swelld"},
            "files": {"enabled": True},
        }
        write(tmp_path, sim, {"canary": CANARY}, exporters=exporters, web={"listen": place})
        with started("daemon", "swelld.yaml", cwd=tmp_path) as process:
            out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert f"cannot listen on {place}" in err
    assert "Traceback" not in err
    assert truth(sim)["requests"]["started"] == 0


class Notified:
    """A socket like systemd's, for daemons that work in this directory."""

    def __init__(self, folder: Path, watchdog: float | None = None) -> None:
        self.env = {"NOTIFY_SOCKET": "notify"}
        if watchdog is not None:
            self.env["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))

    def __enter__(self) -> "Notified":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def hear(self, *, beats: bool = False) -> str:
        """The next message; signs of life are left out if not asked for."""
        self._socket.settimeout(20)
        while (said := self._socket.recv(1000).decode()) == "WATCHDOG=1" and not beats:
            pass
        return said

    def heard_nothing(self) -> None:
        """Nothing is there."""
        self._socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            self._socket.recv(1000)


def test_what_systemd_is_told(sim: str, tmp_path: Path) -> None:
    write(tmp_path, sim, {"canary": CANARY})
    with (
        Notified(tmp_path, watchdog=1.0) as systemd,
        started("daemon", "swelld.yaml", cwd=tmp_path, env=systemd.env) as process,
    ):
        url = listening(process)
        assert systemd.hear() == "READY=1"
        assert page(f"{url}/-/ready")[0] == 200
        assert systemd.hear() == f"STATUS=1 scenarios, {url}"
        assert [systemd.hear(beats=True) for _ in range(4)] == ["WATCHDOG=1"] * 4
        for content in ("nonsense: [", json.dumps({"targets": {"sim": {"url": sim}}, "scenarios": {"canary": CANARY}})):
            (tmp_path / "swelld.yaml").write_text(content)
            process.send_signal(signal.SIGHUP)
            reloading = systemd.hear()
            assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
            assert abs(int(reloading.rpartition("=")[2]) / 1e6 - time.clock_gettime(time.CLOCK_MONOTONIC)) < 60
            assert systemd.hear() == "READY=1"
        stop(process)
        assert systemd.hear() == "STOPPING=1"
        systemd.heard_nothing()


def test_the_watchdog_bites_a_daemon_that_hangs(sim: str, tmp_path: Path) -> None:
    write(tmp_path, sim, {"canary": CANARY})
    with (
        Notified(tmp_path, watchdog=0.5) as systemd,
        started("daemon", "swelld.yaml", cwd=tmp_path, env=systemd.env) as process,
    ):
        listening(process)
        while systemd.hear(beats=True) != "WATCHDOG=1":
            pass
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        drain(systemd)
        time.sleep(1.0)
        systemd.heard_nothing()
        process.send_signal(signal.SIGCONT)
        assert systemd.hear(beats=True) == "WATCHDOG=1"
        stop(process)


def drain(systemd: Notified) -> None:
    """Everything that was said before."""
    systemd._socket.setblocking(False)
    try:
        while systemd._socket.recv(1000):
            pass
    except BlockingIOError:
        return
