"""`swelld demo`: a result, the places to look at, and nothing left behind."""

import re
import signal
import urllib.request
from pathlib import Path

import pytest

from command import started
from swelld.app import demo


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
    assert re.search(r"^Verdict: (PASS|WARNING|FAIL)", out, re.MULTILINE)
    assert re.search(r"^Metrics +http://127\.0\.0\.1:\d+/metrics$", out, re.MULTILINE)
    assert re.search(r"^API +http://127\.0\.0\.1:\d+/api/v1/runs$", out, re.MULTILINE)
    assert re.search(r"demo rate=\d+", err)  # progress
    assert list(tmp_path.iterdir()) == [temporary]
    assert not list(temporary.iterdir())


def test_ctrl_c_in_the_middle_ends_it_cleanly(tmp_path: Path, temporary: Path) -> None:
    with started("demo", "--listen", "127.0.0.1:0", cwd=tmp_path, env={"TMPDIR": str(temporary)}) as process:
        assert process.stderr is not None
        assert "demo rate=4" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert not list(temporary.iterdir())


def test_a_port_that_is_taken_is_said(tmp_path: Path, temporary: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with started("demo", "--listen", place, cwd=tmp_path, env={"TMPDIR": str(temporary)}) as process:
            _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert place.rpartition(":")[2] in err
    assert "Traceback" not in err
    assert not list(temporary.iterdir())
    with pytest.raises(OSError, match=r"refused"):
        urllib.request.urlopen(f"http://{place}/metrics", timeout=1)
