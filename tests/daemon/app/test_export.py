"""`swelld export` and `swelld plot` on runs that were kept before."""

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from typer.testing import CliRunner, Result

from measurements import measured
from stored import opened
from stored import row as run_row
from swelld.analysis.saturation import SATURATED
from swelld.analysis.sweep import ERRORS, LIMIT
from swelld.cli.application import app
from swelld.clock import WallClock
from swelld.export.as_xlsx import MOST_REQUESTS
from swelld.export.forms import Form
from swelld.measurement import Measurement
from swelld.plots.comparison import Source, comparison_sheets
from swelld.result import Result as RunResult
from swelld.store.metadata import describe
from swelld.store.results import RunDirectory, write_output
from swelld_exporters.files import RequestsFile
from swept import LEVELS, sweep_result

FIRST, SECOND = "20261114-1020-aa", "20261115-1020-bb"


def of(run_id: str, started: str) -> RunResult:
    swept = sweep_result()
    run = msgspec.structs.replace(swept.run, id=run_id, started=started, finished=started)
    return msgspec.structs.replace(swept, run=run)


def keep(root: Path, found: RunResult, *, requests: int = 20) -> Path:
    """A results directory with a few requests of every stage."""
    run = found.run
    directory = RunDirectory.create(root, datetime.fromisoformat(run.started))
    if requests:
        stages = [stage.stage for stage in found.stages]
        with RequestsFile(
            directory.requests, stages=stages, targets=[("local", "tiny")], origin=0.0, wall=WallClock()
        ) as file:
            for stage in range(len(stages)):
                file.write([answer(stage, index) for index in range(requests)])
    directory.write_metadata(describe(run_id=run.id, started=run.started, finished=run.finished, command=(), config={}))
    directory.write_result(found)
    return directory.path


def answer(stage: int, index: int) -> Measurement:
    return measured(
        stage=stage, index=index, sent=1.0, tokens_at=(1.25, 1.5, 2.0), end=2.0, input_tokens=100 + 10 * index,
        output_tokens=3, category="short/simple/math",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Two runs: one only in the store, the other only in a directory, and a copy of that one's result in a file."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SWELLD_")]:
        monkeypatch.delenv(name)
    (tmp_path / "results").mkdir()
    asyncio.run(fill(tmp_path / "results"))
    second = of(SECOND, "2026-11-15T10:20:30+00:00")
    keep(tmp_path / "results", second)
    write_output(tmp_path / "copy.json", second)
    return tmp_path


async def fill(root: Path) -> None:
    async with opened(root, f"sqlite:///{root / 'swelld.db'}") as runs:
        first = of(FIRST, "2026-11-14T10:20:30+00:00")
        await runs.begin(run_row(first))
        await runs.finish(first)


def swelld(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def refused(arguments: Sequence[str]) -> str:
    done = swelld(*arguments)
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    return " ".join(done.output.split())


@pytest.mark.parametrize(
    ("name", "run_id"),
    [
        ("results/2026-11-15T10-20-30Z", SECOND),
        ("results/2026-11-15T10-20-30Z/result.json", SECOND),
        ("copy.json", SECOND),
        (FIRST, FIRST),
        ("20261114", FIRST),
        (SECOND, SECOND),
        ("20261115", SECOND),
    ],
)
def test_a_run_is_found_by_its_place_and_by_its_id(name: str, run_id: str) -> None:
    done = swelld("export", name, "--format", "json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["run"]["id"] == run_id


def test_latest_is_the_newest_wherever_it_is_kept(folder: Path) -> None:
    assert json.loads(swelld("export", "latest", "-f", "json").stdout)["run"]["id"] == SECOND
    for file in (folder / "results/2026-11-15T10-20-30Z").iterdir():
        file.unlink()
    assert json.loads(swelld("export", "latest", "-f", "json").stdout)["run"]["id"] == FIRST


def test_the_file_says_the_format(folder: Path) -> None:
    done = swelld("export", SECOND, "-o", "report.html")
    assert (done.exit_code, done.stdout) == (0, "Written to report.html\n")
    page = (folder / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "Latency by length of the prompt" in page  # made of the requests, found by the run's id


def test_documents_for_no_terminal_go_to_a_file(folder: Path) -> None:
    assert swelld("export", FIRST, "-f", "xlsx").stdout == f"Written to {FIRST}.xlsx\n"
    assert (folder / f"{FIRST}.xlsx").read_bytes().startswith(b"PK")
    assert f"{FIRST}.xlsx exists already" in refused(["export", FIRST, "-f", "xlsx"])
    assert swelld("export", FIRST, "-f", "xlsx", "-o", "-").stdout_bytes.startswith(b"PK")


def test_a_file_is_replaced_only_by_force(folder: Path) -> None:
    (folder / "r.md").write_text("mine")
    assert "r.md exists already" in (said := refused(["export", FIRST, "-o", "r.md"]))
    assert "--force replaces it" in said
    assert (folder / "r.md").read_text() == "mine"
    assert swelld("export", FIRST, "-o", "r.md", "--force").exit_code == 0
    assert (folder / "r.md").read_text().startswith("## ")


def test_the_single_requests_are_a_table() -> None:
    done = swelld("export", "copy.json", "-f", "csv", "--what", "requests")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 20 * len(LEVELS)
    assert (rows[0]["stage"], rows[0]["ttft"], rows[-1]["stage"]) == ("concurrency=8", "0.25", "concurrency=128")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no run nowhere in results, nor a file or directory of that name"),
        (["nowhere.json"], "cannot read nowhere.json"),
        (["results"], "cannot read results/result.json"),
        (["2026"], f"2 runs begin with 2026: {FIRST}, {SECOND}; write more of it"),
        ([FIRST, "--what", "requests"], f"the single requests of run {FIRST} were not kept"),
        ([FIRST, "--what", "everything"], "use summary or requests"),
        ([FIRST, "--what", "requests", "-f", "md"], "use --format csv or json"),
        ([FIRST, "-f", "pdf"], "--format pdf: use one of json, csv, xlsx, md, html, text"),
        ([FIRST, "-o", "no/such/dir/r.csv"], "the directory no/such/dir does not exist"),
    ],
)
def test_what_cannot_be_is_refused_with_its_remedy(arguments: list[str], said: str) -> None:
    form = [] if {"-f", "-o"} & set(arguments) else ["-f", "csv"]
    assert said in refused(["export", *arguments, *form])


def test_no_format_is_asked_for() -> None:
    assert "which format?" in refused(["export", FIRST])
    assert "which format?" in refused(["export", FIRST, "-o", "report.docx"])


def test_two_runs_of_one_beginning_in_directories(folder: Path) -> None:
    keep(folder / "results", of(SECOND + "2", "2026-11-16T10:20:30+00:00"), requests=0)
    assert f"2 runs in results begin with 20261115: {SECOND}, {SECOND}2" in refused(["export", "20261115", "-f", "md"])
    assert json.loads(swelld("export", SECOND, "-f", "json").stdout)["run"]["id"] == SECOND


def test_plots_of_a_run_are_drawn_from_its_files(folder: Path) -> None:
    done = swelld("plot", "results/2026-11-15T10-20-30Z", "--only", "saturation", "--only", "latency-by-prompt-length")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == ["plots/saturation.png", "plots/latency-by-prompt-length.png"]
    assert (folder / "plots/saturation.png").read_bytes().startswith(b"\x89PNG")


def test_several_runs_have_names_of_their_own(folder: Path) -> None:
    done = swelld("plot", FIRST, f"after={SECOND}", "-o", "p", "-f", "svg", "--only", "saturation", "--only", "success")
    assert done.stdout.splitlines() == [f"p/saturation-{FIRST}.svg", "p/saturation-after.svg", "p/success.svg"]
    assert b"<svg" in (folder / "p/success.svg").read_bytes()


def test_what_is_not_drawn_is_said() -> None:
    done = swelld("plot", FIRST, "--only", "category")
    assert (done.exit_code, done.stdout) == (
        1, "category: not drawn: needs the single requests: `requests.jsonl` beside the result\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([FIRST, "-f", "gif"], "--format gif: use one of png, svg, pdf"),
        ([FIRST, "--only", "ttf"], "--only ttf: there is no such plot; there are saturation, latency"),
        (["nowhere"], "there is no run nowhere"),
        ([FIRST, "-o", "copy.json"], "cannot create copy.json"),
    ],
)
def test_plots_that_cannot_be_are_refused(arguments: list[str], said: str) -> None:
    assert said in refused(["plot", *arguments])


def test_commands_that_draw_nothing_do_not_load_what_draws() -> None:
    modules = ("cli.application", "app.export", "app.plot", "export.forms", "plots.drawing")
    imports = f"import sys, {', '.join(f'swelld.{name}' for name in modules)}"
    code = f"{imports}; print({{'matplotlib', 'xlsxwriter'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_the_pages_name_every_format_and_every_picture() -> None:
    docs = Path(__file__).parents[3] / "docs"
    formats = re.findall(r"^\| `(\w+)` \|", (docs / "exporting.md").read_text(), re.MULTILINE)
    assert formats == list(get_args(Form))
    assert f"(the first {MOST_REQUESTS:,})" in (docs / "exporting.md").read_text()
    pictures = re.findall(r"^\| `([a-z-]+)` \|", (docs / "plots.md").read_text(), re.MULTILINE)
    assert pictures == [sheet.name for sheet in comparison_sheets([Source("a", sweep_result())])]


def test_the_page_states_the_rules_of_a_sweep() -> None:
    page = (Path(__file__).parents[3] / "docs/plots.md").read_text()
    assert f"at least {SATURATED * 100:.0f} % of the highest" in page
    assert f"left more than {ERRORS * 100:.0f} % without an answer" in page
    assert f"| {LIMIT[0] * 100:.0f} to {LIMIT[1] * 100:.0f} % of the request rate" in page
