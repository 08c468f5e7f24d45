"""`swelld compare` and `swelld validate` on results that are kept."""

import json
import os
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner
from typer.testing import Result as Done

from sample_results import result, spread, stage
from swelld.cli.application import app
from swelld.result import Finding, Result, ServerCheck, ServerResult, ServerTimeline, StandardError


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    for name in [name for name in os.environ if name.startswith("SWELLD_")]:
        monkeypatch.delenv(name)
    return tmp_path


def keep(name: str, ttft: float, error: float = 0.01) -> None:
    made = stage(ttft=spread(ttft))
    assert made.ttft.p50 is not None
    known = {"ttft.p50": StandardError(error * made.ttft.p50, 11)}
    write(name, result([msgspec.structs.replace(made, precision=known)]))


def write(name: str, made: Result) -> None:
    Path(name).write_bytes(msgspec.json.encode(made))


def swelld(*arguments: str) -> Done:
    return CliRunner().invoke(app, arguments)


def test_a_regression_ends_with_one() -> None:
    keep("old.json", 0.1)
    keep("new.json", 0.12)
    done = swelld("compare", "old.json", "new.json")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "Verdict: regression (1 of 8 thresholds exceeded, 2 unclear)"
    assert swelld("compare", "new.json", "old.json").exit_code == 0
    assert swelld("compare", "old.json", "new.json", "--fail-if", "ttft.p50 > +25%").exit_code == 0
    assert swelld("compare", "old.json", "new.json", "--fail-if", "ttft.p50 > +10ms").exit_code == 1


def test_what_is_unclear_fails_only_if_asked_to() -> None:
    keep("old.json", 0.1, error=0.1)
    keep("new.json", 0.12, error=0.1)
    assert swelld("compare", "old.json", "new.json").exit_code == 0
    assert swelld("compare", "old.json", "new.json", "--strict").exit_code == 1


def test_runs_can_be_named() -> None:
    keep("old.json", 0.1)
    done = swelld("compare", "before=old.json", "after=old.json", "again=old.json", "--json")
    assert [series["name"] for series in json.loads(done.stdout)["series"]] == ["before", "after", "again"]
    done = swelld("compare", "old.json", "old.json", "--json")
    assert [series["name"] for series in json.loads(done.stdout)["series"]] == ["old #1", "old #2"]


def test_forms() -> None:
    keep("old.json", 0.1)
    assert swelld("compare", "old.json", "old.json", "--markdown").stdout.startswith("### No regression: ")
    assert swelld("compare", "old.json", "old.json", "--csv").stdout.startswith("base,series,base_stage,")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("old.json",), "one run is nothing to compare"),
        (("old.json", "gone.json"), "cannot read gone.json"),
        (("old.json", "old.json", "--fail-if", "ttft > +5%"), "'ttft' is no figure that runs are compared by"),
        (("old.json", "old.json", "--by", "colour"), "--by colour: use one of stage, target, model"),
        (("old.json", "old.json", "--json", "--csv"), "give one of --json, --markdown and --csv"),
    ],
)
def test_bad_input_ends_with_two(arguments: tuple[str, ...], why: str) -> None:
    keep("old.json", 0.1)
    done = swelld("compare", *arguments)
    assert done.exit_code == 2
    assert why in done.stderr


def server(*checks: ServerCheck, note: str | None = None) -> ServerResult:
    nothing = dict.fromkeys(("requests_waiting", "requests_running", "kv_cache_usage"))
    columns = dict.fromkeys((*nothing, "prefix_cache_queries", "prefix_cache_hits", "preemptions", "output_tokens"))
    figures = ("prefix_cache_queries", "prefix_cache_hits", "prefix_cache_hit_ratio", "preemptions", "requests")
    return ServerResult(
        target="local",
        engine="vllm",
        url="http://127.0.0.1:8000/metrics",
        looks=3,
        failed_looks=0,
        restarts=0,
        tolerance=0.05,
        checks=list(checks),
        note=note,
        timeline=ServerTimeline(at=[], **columns),
        **nothing,
        **dict.fromkeys((*figures, "input_tokens", "output_tokens", "ttft_mean", "e2e_mean")),
    )


def test_client_and_server_agree() -> None:
    checks = ServerCheck("requests", 40.0, 40.0, True), ServerCheck("ttft", 0.0505, 0.05, True)
    write("run.json", msgspec.structs.replace(result(), server=[server(*checks)]))
    done = swelld("validate", "run.json")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[2].split() == ["local", "vllm", "requests", "40", "40", "+0.0%", "5%", "PASS"]
    assert lines[3].split() == ["local", "vllm", "mean", "TTFT", "50.5", "ms", "50.0", "ms", "+1.0%", "5", "ms", "PASS"]
    assert lines[-1] == "Validation: PASS"


def test_client_and_server_disagree() -> None:
    finding = Finding("WARNING", "server tokens", "...", target="local", reason="one of them counts wrongly")
    check = ServerCheck("output tokens", 1000.0, 2000.0, False)
    write("run.json", msgspec.structs.replace(result(findings=[finding]), server=[server(check)]))
    done = swelld("validate", "run.json")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[2].split()[-3:] == ["-50.0%", "5%", "WARNING"]
    assert "local: tokens: one of them counts wrongly" in done.stdout
    data = json.loads(swelld("validate", "run.json", "--json").stdout)
    assert data[0]["checks"] == [{"figure": "output tokens", "client": 1000.0, "server": 2000.0, "agrees": False}]


@pytest.mark.parametrize(
    ("servers", "why"),
    [
        (None, "Not compared: no target has metrics that could be read"),
        ([server(note="its counters began anew")], "local: not compared: its counters began anew"),
    ],
)
def test_what_cannot_be_compared_is_no_pass(servers: list[ServerResult] | None, why: str) -> None:
    write("run.json", msgspec.structs.replace(result(), server=servers))
    done = swelld("validate", "run.json")
    assert done.exit_code == 1
    assert why in done.stdout
    assert done.stdout.splitlines()[-1] == "Validation: WARNING"


def test_either_a_run_or_a_server() -> None:
    for arguments in ((), ("run.json", "--server", "http://127.0.0.1:1")):
        done = swelld("validate", *arguments)
        assert done.exit_code == 2
        assert "give a RUN that is kept, or --server URL" in done.stderr
