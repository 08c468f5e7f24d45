"""`swelld runs` on a store that was filled before."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stored import opened, result, row
from swelld.app.history import moment, store_settings
from swelld.cli.application import app
from swelld.store.results import RunDirectory
from swelld.store.settings import Store


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A directory with three runs in its store, the place where commands run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    for name in [name for name in os.environ if name.startswith("SWELLD_")]:
        monkeypatch.delenv(name)
    asyncio.run(fill(tmp_path / "results"))
    return tmp_path


async def fill(folder: Path) -> None:
    async with opened(folder, f"sqlite:///{folder / 'swelld.db'}", instance="here") as runs:
        for number, name in enumerate(("chat", "batch", "chat"), start=1):
            run = result(f"2026111{number}-aa", f"2026-11-1{number}T00:00:00+00:00", scenario=name)
            await runs.begin(row(run, labels={"branch": "main"} if number == 1 else {}))
            await runs.finish(run)


def swelld(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["runs", *arguments])


def listed(*arguments: str) -> list[str]:
    done = swelld("list", "--json", *arguments)
    assert done.exit_code == 0, done.output
    data: dict[str, Any] = json.loads(done.stdout)
    return [run["id"] for run in data["runs"]]


def test_the_latest_runs_come_first_with_their_figures() -> None:
    done = swelld()
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["Run", "Scenario", "State"]
    assert [line.split()[0] for line in lines[2:]] == ["20261113-aa", "20261112-aa", "20261111-aa"]
    assert lines[2].split()[1:3] == ["chat", "completed"]
    assert "200" in lines[2].split()
    assert "branch=main" in lines[4]


def test_a_list_is_filtered() -> None:
    assert listed("--scenario", "chat") == ["20261113-aa", "20261111-aa"]
    assert listed("--label", "branch=main") == ["20261111-aa"]
    assert listed("--label", "branch") == ["20261111-aa"]
    assert listed("--since", "2026-11-12T00:00:00+00:00", "--until", "2026-11-13T00:00:00+00:00") == ["20261112-aa"]
    assert listed("--text", "BATCH") == ["20261112-aa"]
    assert listed("--state", "failed") == []
    assert swelld("list", "--state", "failed").stdout == "No run matches.\n"


def test_one_page_leads_to_the_next() -> None:
    done = swelld("list", "--limit", "2")
    assert "2 of 3 runs; the next ones: --after " in done.stdout
    assert listed("--limit", "2", "--after", done.stdout.split()[-1]) == ["20261111-aa"]


def test_a_run_is_shown_by_the_beginning_of_its_id_or_as_the_latest() -> None:
    assert json.loads(swelld("show", "20261112", "--json").stdout)["result"]["run"]["scenario"] == "batch"
    assert json.loads(swelld("show", "latest", "--json").stdout)["run"]["id"] == "20261113-aa"
    shown = swelld("show", "20261111-aa").stdout
    assert "concurrency=10" in shown
    assert "Run 20261111-aa on here, seed 7, swelld 0.1.0" in shown
    assert "Labels: branch=main" in shown


def test_notes_and_labels_are_written() -> None:
    assert swelld("note", "latest", "before the upgrade").exit_code == 0
    assert swelld("label", "latest", "gpu=h200", "team=search").exit_code == 0
    assert swelld("label", "latest", "--remove", "team", "gpu=b200").exit_code == 0
    found = json.loads(swelld("show", "latest", "--json").stdout)["run"]
    assert (found["note"], found["labels"]) == ("before the upgrade", {"gpu": "b200"})


def test_a_run_is_deleted_once_that_is_confirmed() -> None:
    assert CliRunner().invoke(app, ["runs", "delete", "20261111-aa"], input="n\n").exit_code == 1
    assert len(listed()) == 3
    assert swelld("delete", "20261111-aa", "20261112-aa", "--yes").exit_code == 0
    assert listed() == ["20261113-aa"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "2025"), "there is no run 2025: `swelld runs` lists those that are kept"),
        (("show", "202611"), "3 runs begin with 202611: 20261113-aa, 20261112-aa, ...; write more of the id"),
        (("delete", "nobody", "--yes"), "there is no run nobody"),
        (("label", "latest"), "nothing to do: give NAME=VALUE or --remove NAME"),
        (("label", "latest", "branch"), "'branch' is no label: write NAME=VALUE"),
        (("list", "--since", "yesterday"), "'yesterday' is no moment: write 7d or 12h (ago), 2026-11-14"),
        (("list", "--after", "x"), "is no place in a list: give the `next` of the page before"),
        (
            ("list", "--store", "elsewhere"),
            "no runs are kept in elsewhere/swelld.db yet: use `swelld run`, start a daemon",
        ),
        (("list", "--store", "mysql://h/d"), "is no URL of a database"),
    ],
)
def test_what_cannot_be_is_told_with_its_remedy(arguments: tuple[str, ...], said: str) -> None:
    done = swelld(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_where_runs_are_is_said_by_flag_file_or_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store_settings(None, None) == Store()
    monkeypatch.setenv("SWELLD_STORE__DIR", "there")
    assert store_settings(None, None).dir == Path("there")
    assert store_settings(None, "here").dir == Path("here")
    assert store_settings(None, "postgresql://h/d").database() == "postgresql://h/d"
    file = folder / "swelld.yaml"
    file.write_text("targets: {a: {url: http://a}}\nstore: {dir: file, instance: x}\n")
    monkeypatch.delenv("SWELLD_STORE__DIR")
    assert (store_settings(file, None).dir, store_settings(file, None).instance) == (Path("file"), "x")


def test_moments_are_dates_or_a_while_ago() -> None:
    assert moment(None) is None
    assert moment("2026-11-14T00:00:00+00:00") == 1794614400.0
    ago = moment("7d")
    assert ago is not None
    assert 0 <= time.time() - 7 * 86400 - ago < 60


def kept_in_a_directory(root: Path, name: str, *, day: int) -> RunDirectory:
    """As `swelld run` leaves it."""
    run = result(name, f"2026-11-{day}T00:00:00+00:00")
    directory = RunDirectory.create(root, datetime.fromisoformat(run.run.started))
    directory.write_result(run)
    return directory


def test_runs_of_the_command_line_are_entered_once_somebody_asks(folder: Path) -> None:
    kept_in_a_directory(folder / "results", "single", day=20)
    broken = kept_in_a_directory(folder / "results", "broken", day=21)
    (broken.path / "result.json").write_text("{")
    assert listed("--limit", "1") == ["single"]
    assert json.loads(swelld("show", "single", "--json").stdout)["run"]["requests"] == 200
    assert swelld("note", "single", "by hand").exit_code == 0
    assert json.loads(swelld("show", "latest", "--json").stdout)["run"]["note"] == "by hand"
    assert swelld("delete", "--yes", "single").exit_code == 0
    assert "single" not in listed()


def test_they_need_no_daemon_and_go_nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (alone := tmp_path / "alone").mkdir()
    monkeypatch.chdir(alone)
    kept_in_a_directory(alone / "results", "single", day=20)
    assert listed("--store", f"sqlite:///{tmp_path / 'results' / 'swelld.db'}", "--limit", "1") == ["20261113-aa"]
    assert listed() == ["single"]
    assert (alone / "results" / "swelld.db").exists()


def test_runs_that_a_daemon_has_stored_are_not_entered_again(folder: Path) -> None:
    kept_in_a_directory(folder / "results", "of-a-daemon", day=20).mark_stored()
    assert "of-a-daemon" not in listed()


def test_a_store_that_takes_nothing_shows_what_it_has(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept_in_a_directory(folder / "results", "single", day=20)
    with sqlite3.connect(folder / "results" / "swelld.db") as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(FAIL, 'no more'); END")
    assert listed("--limit", "1") == ["20261113-aa"]
    assert "runs stay in their directories: the store " in caplog.text
    with sqlite3.connect(folder / "results" / "swelld.db") as other:
        other.execute("DROP TRIGGER full")
    assert listed("--limit", "1") == ["single"]


def test_nothing_of_a_database_is_loaded_before_it_is_needed() -> None:
    loaded = "[m for m in ('sqlalchemy', 'alembic') if m in sys.modules]"
    code = f"import sys, swelld.cli.application, swelld.app.once; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
