"""Every command of docs/coming-from-other-tools.md, carried out against a simulated server."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

import sample_results
from command import started
from stored import opened, result, row
from swelld.analysis.verdict import verdict
from swelld.cli.application import app
from swelld.sim import SimOptions, simulated

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/coming-from-other-tools.md").read_text()
COMMANDS = list(dict.fromkeys(re.findall(r"`(swelld [^`]+)`", PAGE)))

SMALLER = {
    "--num-prompts": "3",
    "--num-requests": "3",
    "--duration": "0.4",
    "--ramp-up": "0.1",
    "--iterations": "1",
    "--warmup": "1",
    "--concurrency-steps": "1,2,4",
}
"""Values of flags with which a command is over in a moment."""
RUN = "20261114-102030-3fa9"
CLOSED = "http://127.0.0.1:1"
"""Instead of a Pushgateway: a run does not fail with it."""


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.001, itl=0.0002, tokens=8)) as url:
        yield url


@pytest.fixture
def place(sim: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands find what the page says is there: a file of settings, one of prompts, kept runs."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SWELLD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SWELLD_SHARDS", "inline")
    settings = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)[0]
    settings = re.sub(r"http://127\.0\.0\.1:800\d", sim, settings)
    settings = re.sub(r"requests: \d+", "requests: 4", settings)
    (tmp_path / "swelld.yaml").write_text(f"web: {{listen: '127.0.0.1:0'}}\n{settings}")
    shutil.copy(ROOT / "tests/testdata/prompts/conversations.json", tmp_path)
    (tmp_path / "trace.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + TRACE)
    stages = [sample_results.stage(stage=f"concurrency={users}", users=users) for users in (1, 10, 50)]
    kept = msgspec.structs.replace(sample_results.result(stages, verdict(stages)), run=result(RUN).run)
    for name in ("before", "after"):
        (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode(kept))
    asyncio.run(fill(tmp_path))
    return tmp_path


async def fill(folder: Path) -> None:
    """One run in the store, with its single requests beside it."""
    results = folder / "results"
    results.mkdir()
    async with opened(results, f"sqlite:///{results / 'swelld.db'}") as runs:
        kept = result(RUN)
        await runs.begin(row(kept))
        await runs.finish(kept)


def swelld(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def bounded(command: str, sim: str) -> list[str]:
    """The arguments, for the simulated server and soon over."""
    text = re.sub(r"http://127\.0\.0\.1:800\d", sim, command).replace("http://127.0.0.1:9091", CLOSED)
    arguments = shlex.split(text)[1:]
    for place, flag in enumerate(arguments):
        if flag in SMALLER:
            arguments[place + 1] = SMALLER[flag]
    if arguments[0] == "recommend":  # fewer show nothing
        arguments[arguments.index("--num-requests") + 1] = "60"
    if arguments[0] == "run" and "--config" not in arguments and not {"--duration", "--iterations"} & set(arguments):
        arguments += ["--num-prompts", SMALLER["--num-prompts"]]
    return arguments


TRACE = "".join(f"2023-11-16 18:17:03.{moment:07},20,4\n" for moment in range(0, 5_000_000, 1_000_000))


def test_the_page_is_a_table_of_commands() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what")]
    assert all("`swelld " in line for line in rows)
    assert len(COMMANDS) >= 45


@pytest.mark.parametrize("command", [command for command in COMMANDS if " daemon " not in command])
def test_every_command_does_what_it_says(command: str, sim: str, place: Path) -> None:
    name = command.split()[1]
    arguments = bounded(command, sim)
    if arguments[:3] == ["export", "latest", "--format"] and "requests" in arguments:
        assert swelld("run", "-s", sim, "-m", "m", "--concurrency", "1", "-n", "3").exit_code == 0
    done = swelld(*arguments)
    no_gpu = name == "gpu" and "libnvidia-ml" in done.output
    unlimited = name == "recommend" and "Every level met the target" in done.output  # the simulator is a fast one
    alone = name == "validate" and "Not compared" in done.output  # this run has no figures of its server
    assert done.exit_code == (1 if no_gpu or alone else 3 if unlimited else 0), done.output
    for flag in ("--output", "--results-dir"):
        if flag in arguments:
            written = place / arguments[arguments.index(flag) + 1]
            assert any(written.iterdir()) if written.is_dir() else written.stat().st_size > 0
    if name == "run" and "--list-targets" not in arguments:
        assert "Verdict: " in done.stdout


def test_the_daemon(place: Path) -> None:
    commands = [command for command in COMMANDS if " daemon " in command]
    assert commands == ["swelld daemon swelld.yaml"]
    with started(*shlex.split(commands[0])[1:], cwd=place) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"swelld serves (http://127\.0\.0\.1:\d+/metrics)\n", line)
        assert found is not None, line
        with urllib.request.urlopen(found[1], timeout=30) as page:
            assert b"swelld_build_info" in page.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
