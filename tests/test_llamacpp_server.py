"""The fixture itself: its server is real, reports on itself, and never outlives those who started it."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import llamacpp_server
from conftest import StartLlamaCpp

pytestmark = pytest.mark.llamacpp


def test_a_server_with_its_own_settings(start_llamacpp: StartLlamaCpp) -> None:
    with start_llamacpp(layers=2, slots=2, context=512) as server:
        assert (server.slots, server.context) == (2, 512)
        assert server.get("/slots").count(b'"n_ctx":512') == 2
        assert server.metrics()["requests_processing"] == 0
    assert server.process.poll() is not None
    assert not psutil.pid_exists(server.process.pid)


def test_it_ends_with_its_parent(tiny_gguf: Callable[[int], Path]) -> None:
    parent = textwrap.dedent(f"""
        import os, sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(llamacpp_server.__file__).parent)!r})
        import llamacpp_server
        with llamacpp_server.running(Path({str(tiny_gguf(1))!r}), slots=1) as server:
            print(server.process.pid, flush=True)
            os._exit(3)
    """)
    ended = subprocess.run([sys.executable, "-c", parent], capture_output=True, timeout=60, check=False)
    assert ended.returncode == 3, ended.stderr.decode()
    child = int(ended.stdout)
    deadline = time.monotonic() + 30
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the server outlived its parent"
        time.sleep(0.02)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        pytest.raises(RuntimeError, match=r"(?s)ended with code .* before it listened: .*nothing\.gguf"),
        llamacpp_server.running(tmp_path / "nothing.gguf", log=log),
    ):
        pass


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_missing_packages_are_said_and_fail_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(outcome, match=r"xllamacpp.*pip install -e '\.\[test\]'"):
        llamacpp_server.require()
