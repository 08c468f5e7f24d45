"""The image: what goes in, what it runs as, how it says that it is well, and that its lock is not stale."""

import json
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from command import started
from swelld.sim import SimOptions, simulated

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "compose"
EXTRAS = ("postgres", "checks")
"""What the image has besides the dependencies that every installation has."""
IMAGE_PYTHON = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux", "extra": ""}


DAEMON = {"SWELLD_TARGET__URL": "http://127.0.0.1:1", "SWELLD_WEB__LISTEN": "127.0.0.1:0", "SWELLD_STORE__DIR": "."}


def instructions() -> Iterator[tuple[int, str, str]]:
    """Stage, instruction, and the rest of the line."""
    stage = -1
    text = "\n".join(line for line in (COMPOSE / "Dockerfile").read_text().splitlines() if not line.startswith("#"))
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if found := re.match(r"([A-Z]+) +(.*)", line):
            stage += found[1] == "FROM"
            yield stage, found[1], " ".join(found[2].split())


def of(instruction: str, stage: int = 1) -> list[str]:
    return [rest for at, name, rest in instructions() if name == instruction and at == stage]


def health(port: int, test: list[str]) -> int:
    """The exit status of a health check, aimed at another port."""
    script = re.sub(r"(?<=',)\d+(?=\),)", str(port), test[-1])
    assert str(port) in script
    return subprocess.run(
        [sys.executable, *test[2:-1], script], capture_output=True, check=False, timeout=30
    ).returncode


def pins(name: str) -> dict[str, str]:
    """Version by package of a lock."""
    text = (COMPOSE / name).read_text()
    return {canonicalize_name(n): v for n, v in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)}


def test_it_runs_as_nobody_and_stops_by_draining() -> None:
    assert of("USER") == ["65532:65532"]
    assert of("STOPSIGNAL") == ["SIGTERM"]
    assert of("VOLUME") == ["/var/lib/swelld"]
    assert json.loads(of("ENTRYPOINT")[0]) == ["/usr/local/bin/swelld"]
    assert json.loads(of("CMD")[0]) == ["daemon", "/etc/swelld/swelld.yaml"]
    assert of("RUN") == [], "the image that runs has no shell"


def test_both_images_are_named_in_full_and_can_be_given_by_digest() -> None:
    arguments = dict(rest.split("=") for rest in of("ARG", -1))
    assert arguments == {
        "BUILD_IMAGE": "docker.io/library/python:3.13-trixie",
        "RUN_IMAGE": "gcr.io/distroless/python3-debian13:nonroot",
    }
    assert [rest.split()[0] for at in (0, 1) for rest in of("FROM", at)] == ["${BUILD_IMAGE}", "${RUN_IMAGE}"]


def test_nothing_is_installed_but_what_the_locks_name() -> None:
    for line in of("RUN", 0):
        for pip in re.findall(r"pip install ([^&]*)", line):
            assert "--no-deps" in pip
            assert "--require-hashes" in pip or "--no-index" in pip


def test_only_what_is_copied_reaches_the_builder() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line[0] == "!"}
    copied = {source for rest in of("COPY", 0) for source in rest.split()[:-1]}
    assert allowed == copied
    assert all((ROOT / source).exists() for source in copied)
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert all(any(package.startswith(source) for source in copied) for package in wheel["packages"])


@pytest.mark.parametrize("lock", ["requirements.lock", "build.lock"])
def test_every_pin_has_hashes_and_no_host(lock: str) -> None:
    text = (COMPOSE / lock).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    entries = re.split(r"\n(?=\S)", text.partition("make lock\n")[2].strip())
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert len(entries) == len(pins(lock))


def _wanted() -> Iterator[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in (*project["dependencies"], *(line for e in EXTRAS for line in project["optional-dependencies"][e])):
        yield Requirement(text)


def test_the_lock_is_not_stale() -> None:
    locked = pins("requirements.lock")
    for requirement in _wanted():
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in the lock: run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}: run `make lock`"


def test_the_lock_is_closed() -> None:
    """What locked packages need is locked, too, as far as the versions installed here tell."""
    from importlib.metadata import PackageNotFoundError, requires, version

    locked = pins("requirements.lock")
    looked_at = 0
    extras: dict[str, set[str]] = {canonicalize_name(r.name): r.extras for r in _wanted()}
    for name, pinned in locked.items():
        try:
            if version(name) != pinned:
                continue
        except PackageNotFoundError:
            continue
        looked_at += 1
        for text in requires(name) or ():
            requirement = Requirement(text)
            for extra in ("", *extras.get(name, ())):
                if requirement.marker is None or requirement.marker.evaluate(IMAGE_PYTHON | {"extra": extra}):
                    assert canonicalize_name(requirement.name) in locked, f"{name} needs {requirement}: run `make lock`"
    assert looked_at > 0


def test_what_builds_is_locked() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    locked = pins("build.lock")
    assert all(requirement.specifier.contains(locked[requirement.name]) for requirement in map(Requirement, build))


def test_hadolint_has_nothing_to_say(tool: Callable[[str], str]) -> None:
    done = subprocess.run([tool("hadolint"), str(COMPOSE / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_health_check_tells_up_from_down(tmp_path: Path) -> None:
    (line,) = of("HEALTHCHECK")
    test = ["CMD", *json.loads(line.partition("CMD ")[2])]
    found: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["services"]["simulator"]
    with simulated(SimOptions()) as url:
        port = int(url.rpartition(":")[2])
        assert health(port, found["healthcheck"]["test"]) == 0
        assert health(port, test) != 0, "the simulator has no /-/healthy: 404"
    assert health(port, found["healthcheck"]["test"]) != 0
    with started("daemon", cwd=tmp_path, env=DAEMON) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        port = int(said.rpartition(":")[2].removesuffix("/metrics\n"))
        assert health(port, test) == 0
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert health(port, test) != 0
