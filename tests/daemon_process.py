"""`swelld daemon` as a process, looked at over HTTP."""

import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from command import started


def listening(process: "subprocess.Popen[str]") -> str:
    """The URL that it announces."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"swelld serves (http://127\.0\.0\.1:\d+)/metrics\n", line)
    assert found, (line, process.poll())
    return found[1]


def page(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def samples(url: str, name: str) -> dict[str, float]:
    """Values of one metric by their labels, as text."""
    status, text = page(f"{url}/metrics")
    assert status == 200
    found = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def until(true: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return found


def document(url: str) -> Any:
    return json.loads(page(url)[1])


def stop(process: "subprocess.Popen[str]") -> str:
    """SIGTERM, and what it said about itself."""
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    return err


def runs(url: str, **wanted: str) -> list[dict[str, Any]]:
    """The latest runs that match, the newest first."""
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    found: list[dict[str, Any]] = document(f"{url}/api/v1/runs?{query}")["runs"]
    return found


def scenario(url: str, name: str) -> dict[str, Any]:
    """What a scenario is doing."""
    found: dict[str, Any] = document(f"{url}/api/v1/scenarios/{name}")
    return found


def post(url: str, body: Any = None, method: str = "POST") -> tuple[int, Any]:
    """Status and answer of a request that changes something."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "X-Swelld-Request": "1"}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            content = response.read()
            return response.status, json.loads(content) if content else None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def write(path: Path, sim: str, scenarios: dict[str, Any], **more: Any) -> None:
    """A configuration whose web server takes orders from this machine."""
    web = {"listen": "127.0.0.1:0", "allow_unauthenticated_control": True, "inline_targets": ["127.0.0.0/8"]}
    data = {"targets": {"sim": {"url": sim, "model": "m"}}, "scenarios": scenarios, "web": web, "shards": 1, **more}
    (path / "swelld.yaml").write_text(yaml.safe_dump(data))


@contextmanager
def daemon(path: Path, env: Mapping[str, str] | None = None) -> "Iterator[tuple[str, subprocess.Popen[str]]]":
    """One with the configuration in this directory, and its URL."""
    with started("daemon", "swelld.yaml", cwd=path, env=env) as process:
        yield listening(process), process
