"""`swelld analyze` on runs that were kept before."""

import asyncio
import os
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from stored import opened, result, row
from swelld.cli.application import app
from swelld.sim import SimOptions, simulated

RUN = "20261114-aa"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory with one result in a file, the place where commands run."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SWELLD_")]:
        monkeypatch.delenv(name)
    (tmp_path / "kept.json").write_bytes(msgspec.json.encode(result(RUN)))
    return tmp_path


def swelld(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["analyze", *arguments])


def test_a_file_without_a_model(folder: Path) -> None:
    done = swelld("kept.json", "--output", "report.md")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"# Analysis of run {RUN}\n\n*Written by rules")
    assert "FAIL goodput" not in done.stdout  # this result carries no verdict
    assert "Goodput at rate=10 on local: 87.0% (87 of 100), asked for: 95.0%." in done.stdout
    assert done.stdout.endswith("\nReport in report.md\n")
    assert (folder / "report.md").read_text() == done.stdout.removesuffix("\nReport in report.md\n")


def test_in_korean() -> None:
    done = swelld("kept.json", "--language", "ko")
    assert done.stdout.startswith(f"# 실행 {RUN} 분석\n")


def test_a_run_of_the_store(folder: Path) -> None:
    async def fill() -> None:
        async with opened(folder / "results", f"sqlite:///{folder / 'results/swelld.db'}") as runs:
            run = result(RUN)
            await runs.begin(row(run))
            await runs.finish(run)

    (folder / "results").mkdir()
    asyncio.run(fill())
    for name in ("latest", "202611", RUN):
        assert swelld(name).stdout.startswith(f"# Analysis of run {RUN}\n")


def test_a_model_that_talks_nonsense() -> None:
    with simulated(SimOptions(tokens=12)) as url:
        done = swelld("kept.json", "--with", url, "--model", "sim")
    assert done.exit_code == 0, done.output
    assert "*Written by the model sim from the figures of the run" in done.stdout
    assert done.stdout.count("\n## ") == 7
    assert "waves swell" in done.stdout


def test_a_model_that_is_not_there() -> None:
    done = swelld("kept.json", "--with", "http://127.0.0.1:1", "--model", "m")
    assert done.exit_code == 0, done.output
    assert "> The model m gave no report: Cannot connect to host 127.0.0.1:1" in done.stdout
    assert done.stdout.count("\n## ") == 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.json"], "cannot read nothing.json"),
        (["2026"], "there is no run 2026"),
        (["kept.json", "--model", "m"], "--model is for a model: say where it is with --with URL"),
        (["kept.json", "--with", "http://h"], "--with http://h: say which model to use there with --model NAME"),
        (["kept.json", "--with", "h:80", "--model", "m"], "h:80 is no address of a model: write http://HOST:PORT"),
        (
            ["kept.json", "--with", "http://h", "-m", "m", "--api-key-env", "NO_KEY"],
            "--api-key-env NO_KEY: this environment variable is not set",
        ),
        (["kept.json", "--with", "http://h", "-m", "m", "--extra-body", "{"], "--extra-body {: this is no JSON"),
        (["kept.json", "--with", "http://h", "-m", "m", "--extra-body", "[]"], "--extra-body []: write an object"),
        (["kept.json", "--with", "http://h", "-m", "m", "--timeout", "soon"], "'soon' is no duration"),
        (["kept.json", "--language", "1"], "'1' is no language: write a code such as en, ko or de"),
        (["kept.json", "-o", "kept.json"], "kept.json exists already and is not overwritten"),
    ],
)
def test_what_cannot_be(arguments: list[str], said: str) -> None:
    done = swelld(*arguments)
    assert done.exit_code == 2
    assert f"swelld: {said}" in done.stderr
    assert "Traceback" not in done.stderr
