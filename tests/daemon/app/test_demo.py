"""`swelld demo`: a result, the places to look at, and nothing left behind."""

import asyncio
import io
import os
import re
import signal
import socket
import urllib.request
from pathlib import Path

import aiohttp
import pytest
from rich.console import Console

from command import started
from swelld.app import demo
from swelld.settings import Settings
from swelld.sim.process import simulated


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where it may put what it needs."""
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


@pytest.mark.slow
def test_it_shows_the_whole_thing_and_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    options = ["--exit", "--listen", "127.0.0.1:0"]
    with started("demo", *options, cwd=tmp_path, env={"TMPDIR": str(temporary)}) as process:
        out, err = process.communicate(timeout=90)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert re.match(r"A simulated LLM server listens on http://127\.0\.0\.1:\d+\n", out)
    for rate in demo.SCENARIOS[demo.SCENARIO]["load"]["rate"]:
        assert re.search(rf"^rate={rate.removesuffix('/s')} +sim +sim-8b", out, re.MULTILINE)
    assert re.search(r"^demo  completed in", out, re.MULTILINE)
    assert re.search(r"^Verdict: (PASS|WARNING|FAIL)", out, re.MULTILINE)  # up to the machine
    assert re.search(r"^PASS +Samples +in all 3 measurements", out, re.MULTILINE)
    assert re.search(r"^[A-Z]+ +Server tokens +input ", out, re.MULTILINE)
    assert "not compared" not in out  # nothing else asks the server meanwhile
    assert re.search(r"^Metrics +http://127\.0\.0\.1:\d+/metrics$", out, re.MULTILINE)
    assert re.search(r"^API +http://127\.0\.0\.1:\d+/api/v1/runs$", out, re.MULTILINE)
    assert re.search(r"^Probe +http://127\.0\.0\.1:\d+/probe\?target=sim$", out, re.MULTILINE)
    assert re.search(r"demo rate=\d+", err)  # progress
    assert list(tmp_path.iterdir()) == [temporary]
    assert not list(temporary.iterdir())


def test_ctrl_c_in_the_middle_ends_it_cleanly(tmp_path: Path, temporary: Path) -> None:
    with started("demo", "--listen", "127.0.0.1:0", cwd=tmp_path, env={"TMPDIR": str(temporary)}) as process:
        assert process.stderr is not None
        assert "demo rate=15" in process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "WARNING" not in err  # its simulator outlasts its daemon
    assert not list(temporary.iterdir())


def test_a_port_that_is_taken_is_said(tmp_path: Path, temporary: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with started("demo", "--listen", place, cwd=tmp_path, env={"TMPDIR": str(temporary)}) as process:
            _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert f"cannot listen on {place} " in err
    assert err.endswith("; choose another address with --listen\n")
    assert "web.listen" not in err
    assert "Traceback" not in err
    assert not list(temporary.iterdir())
    with pytest.raises(OSError, match=r"refused"):
        urllib.request.urlopen(f"http://{place}/metrics", timeout=1)


def test_without_being_told_it_takes_a_port_that_is_free(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = taken.getsockname()
        monkeypatch.setattr(demo, "LISTEN", place)
        assert demo._free(Console()) == "127.0.0.1:0"
    assert capsys.readouterr().out.startswith(f"Port {place[1]} is taken, so another one is used (--listen HOST:PORT")
    assert demo._free(Console()) == f"127.0.0.1:{place[1]}"
    assert capsys.readouterr().out == ""


async def test_the_canary_begins_when_the_scenario_is_over(tmp_path: Path) -> None:
    told = io.StringIO()
    with simulated(demo.SERVER) as url:
        tree = {
            "targets": {demo.TARGET: {"url": url, "model": demo.SERVER.model}},
            "scenarios": demo.SCENARIOS | {demo.SCENARIO: {"load": {"rate": "20/s"}, "duration": "1s"}},
            "store": {"dir": tmp_path},
            "web": {"listen": "127.0.0.1:0"},
            "shards": "inline",
        }
        showing = asyncio.create_task(demo._show(Settings.model_validate(tree), Console(file=told), stay=True))
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while "A canary goes on" not in told.getvalue():  # noqa: ASYNC110 - the console cannot tell
                await asyncio.sleep(0.05)
            place = re.search(r"^API +(http\S+)", told.getvalue(), re.MULTILINE)
            assert place is not None
            while True:
                async with session.get(place[1]) as response:
                    runs = {run["scenario"]: run for run in (await response.json())["runs"]}
                if len(runs) == 2 and runs[demo.CANARY]["state"] == "running":
                    break
                await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(showing, 30)
    assert runs[demo.SCENARIO]["state"] == "completed"
    assert runs[demo.CANARY]["started"] > runs[demo.SCENARIO]["started"]
