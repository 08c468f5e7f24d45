"""A daemon over time: reloads, pauses, crashes, and being steered over HTTP."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon_process import daemon, document, page, post, runs, samples, scenario, stop, until, write
from postgres_server import Postgres, postgres_server
from sim_client import ask, truth
from swelld.sim import SimOptions, simulated

__all__ = ["postgres_server"]

KILLS = int(os.environ.get("SWELLD_TEST_KILLS", "3"))
"""How often a daemon is killed; `make soak` asks for 50."""


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.002, itl=0.001, tokens=6)) as url:
        yield url


@pytest.fixture
def sim(process: str) -> str:
    ask(process, "/sim/reset")
    return process


CANARY = {"load": "10/s", "schedule": "continuous"}


def test_a_reload_touches_only_what_has_changed(sim: str, tmp_path: Path) -> None:
    scenarios = {"same": CANARY, "other": CANARY, "gone": CANARY}
    write(tmp_path, sim, scenarios)
    with daemon(tmp_path) as (url, process):
        until(lambda: all(scenario(url, name)["run_id"] for name in scenarios))
        before = {name: scenario(url, name)["run_id"] for name in scenarios}
        assert '{scenario="gone",state="running"}' in samples(url, "swelld_run_state")
        write(tmp_path, sim, {"same": CANARY, "other": {**CANARY, "load": "20/s"}, "new": CANARY})
        process.send_signal(signal.SIGHUP)
        until(lambda: page(f"{url}/api/v1/scenarios/new")[0] == 200)
        until(lambda: page(f"{url}/api/v1/scenarios/other")[0] == 200 and scenario(url, "other")["run_id"])
        assert scenario(url, "same")["run_id"] == before["same"]
        assert scenario(url, "other")["run_id"] != before["other"]
        assert scenario(url, "other")["config"]["load"] == {"rate": ["20/s"], "arrivals": "constant", "burstiness": 1.0}
        assert page(f"{url}/api/v1/scenarios/gone")[0] == 404
        until(lambda: [v for k, v in samples(url, "swelld_requests_total").items() if '"other"' in k and v > 5])
        until(lambda: 'scenario="gone"' not in page(f"{url}/metrics")[1])
        until(lambda: {run["state"] for run in runs(url, scenario="gone")} == {"completed"})
        assert samples(url, "swelld_config_last_reload_successful") == {"": 1.0}

        (tmp_path / "swelld.yaml").write_text("targets: {}\nscenario: {loda: 1/s}\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: samples(url, "swelld_config_last_reload_successful") == {"": 0.0})
        assert scenario(url, "same")["run_id"] == before["same"]
        assert any("loda" in error for error in document(f"{url}/api/v1/status")["reload_errors"])
        err = stop(process)
    assert "added: new; changed: other; removed: gone" in err
    assert "everything stays as it was" in err


def test_a_file_that_is_watched(sim: str, tmp_path: Path) -> None:
    write(tmp_path, sim, {"one": CANARY}, watch="100ms")
    with daemon(tmp_path) as (url, process):
        write(tmp_path, sim, {"one": CANARY, "two": CANARY}, watch="100ms")
        until(lambda: page(f"{url}/api/v1/scenarios/two")[0] == 200)
        stop(process)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_daemon_finds_its_runs_interrupted(
    sim: str, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    store: dict[str, Any] = {"checkpoint": "200ms", "instance": "here"}
    if kind == "postgresql":
        server: Postgres = request.getfixturevalue("postgres_server")
        store["url"] = server.new_database()
    scenarios = {
        "steady": {**CANARY, "load": "50/s"},
        "often": {"load": {"concurrency": 1}, "requests": 2, "schedule": {"every": "1s"}},
        "held": {**CANARY, "schedule": {"cron": "* * * * *"}, "duration": "1s"},
    }
    write(tmp_path, sim, scenarios, store=store)
    killed: list[str] = []
    for _ in range(KILLS):
        with daemon(tmp_path) as (url, process):
            assert {run["state"] for run in runs(url, scenario="steady", limit="500") if run["id"] in killed} <= {
                "interrupted"
            }
            killed.append(until(lambda: scenario(url, "steady")["run_id"]))
            post(f"{url}/api/v1/scenarios/held/pause")
            until(
                lambda: any(run["id"] == killed[-1] and (run["ok"] or 0) > 20 for run in runs(url, scenario="steady"))
            )
            until(lambda: scenario(url, "held")["paused"])
            time.sleep(1.2)  # schedules are written once a second
            process.kill()
            process.wait(10)
    with daemon(tmp_path) as (url, process):
        assert scenario(url, "held")["paused"]
        found = {run["id"]: run for run in runs(url, scenario="steady", limit="500")}
        assert [found[run_id]["state"] for run_id in killed] == ["interrupted"] * KILLS
        for run_id in killed:
            stages = document(f"{url}/api/v1/runs/{run_id}")["result"]["stages"]
            assert stages[0]["requests"]["ok"] == found[run_id]["ok"] > 20
        ended = len(runs(url, scenario="often", state="completed", limit="500"))
        until(lambda: len(runs(url, scenario="often", state="completed", limit="500")) > ended)
        stop(process)


def test_runs_are_started_changed_and_ended_over_http(sim: str, tmp_path: Path) -> None:
    write(tmp_path, sim, {"load": {"load": "10/s", "duration": "1h", "schedule": "manual"}})
    with daemon(tmp_path) as (url, process):
        status, run = post(f"{url}/api/v1/runs", {"scenario": "load", "note": "by hand", "labels": {"who": "me"}})
        assert (status, run["scenario"], run["note"], run["labels"]) == (201, "load", "by hand", {"who": "me"})
        here = f"{url}/api/v1/runs/{run['id']}"
        until(lambda: truth(sim)["requests"]["completed"] > 5)
        status, refused = post(f"{url}/api/v1/runs", {"scenario": "load"})
        assert (status, refused["title"]) == (409, "Conflict")
        assert post(f"{here}/change", {"rate": 100})[0] == 200
        until(lambda: document(here)["progress"]["offered_rate"] == 100)
        until(lambda: truth(sim)["requests"]["completed"] > 100)
        assert post(f"{here}/change", {"concurrency": 3})[0] == 422
        assert post(f"{url}/api/v1/scenarios/load/pause")[0] == 200
        until(lambda: document(here)["progress"]["throttle"] == 0.0)
        until(lambda: truth(sim)["requests"]["running"] == 0)
        paused = truth(sim)["requests"]["started"]
        time.sleep(0.5)
        assert truth(sim)["requests"]["started"] == paused
        assert post(f"{url}/api/v1/scenarios/load/resume")[0] == 200
        until(lambda: truth(sim)["requests"]["started"] > paused + 20)
        assert post(f"{here}/cancel")[0] in (200, 202)
        until(lambda: document(here)["run"]["state"] == "cancelled")
        detail = document(here)
        assert detail["result"]["stages"][0]["changes"][0]["rate"] == 100
        assert detail["result"]["stages"][0]["requests"]["ok"] == truth(sim)["requests"]["completed"]
        assert (detail["run"]["note"], detail["run"]["labels"]) == ("by hand", {"who": "me"})
        assert post(here, {"note": "kept"}, "PATCH")[1]["note"] == "kept"
        assert post(here, method="DELETE")[0] == 401  # who has no token is no administrator
        stop(process)


def test_a_scenario_that_comes_with_a_request(sim: str, tmp_path: Path) -> None:
    write(tmp_path, sim, {})
    with daemon(tmp_path) as (url, process):
        wanted = {"targets": {"new": {"url": sim, "model": "n"}}, "load": {"concurrency": 2}, "requests": 6}
        status, run = post(f"{url}/api/v1/runs", {"scenario": wanted})
        assert (status, run["scenario"], run["targets"]) == (201, "inline", [{"name": "new", "model": "n"}])
        until(lambda: document(f"{url}/api/v1/runs/{run['id']}")["run"]["state"] == "completed")
        assert truth(sim)["requests"]["completed"] == 6
        forbidden = {**wanted, "targets": {"new": {"url": "http://169.254.169.254/latest"}}}
        assert post(f"{url}/api/v1/runs", {"scenario": forbidden})[0] == 403
        stop(process)


def test_forty_scenarios_at_once(sim: str, tmp_path: Path) -> None:
    scenarios: dict[str, Any] = {f"canary-{n}": {"canary": "wedge", "load": "2/s", "targets": "sim"} for n in range(20)}
    scenarios |= {
        f"often-{n}": {"load": {"concurrency": 2}, "requests": 4, "schedule": {"every": f"{2 + n % 3}s"}}
        for n in range(19)
    }
    scenarios["dead"] = {**CANARY, "targets": "nowhere"}
    targets = {"sim": {"url": sim, "model": "m"}, "nowhere": {"url": "http://127.0.0.1:1"}}
    scenarios = {name: {"targets": "sim", **one} for name, one in scenarios.items()}
    write(tmp_path, sim, scenarios, targets=targets)
    with daemon(tmp_path) as (url, process):
        until(lambda: all(len(runs(url, scenario=f"often-{n}", state="completed")) >= 2 for n in range(19)), 60)
        ok = samples(url, "swelld_requests_total")
        for number in range(20):
            assert sum(v for k, v in ok.items() if f'"canary-{number}"' in k and 'outcome="ok"' in k) >= 2
        assert sum(v for k, v in ok.items() if '"dead"' in k and 'outcome="unreachable"' in k) > 5
        assert set(samples(url, "swelld_schedule_missed_total").values()) == {0.0}
        assert page(f"{url}/-/healthy")[0] == 200
        stop(process)
    assert truth(sim)["requests"]["running"] == 0


def test_targets_that_are_found_and_go_again(sim: str, tmp_path: Path) -> None:
    place = sim.removeprefix("http://")

    def found(*names: str) -> None:
        groups = [{"targets": [place], "labels": {"name": name, "model": "m"}} for name in names]
        (tmp_path / "next.json").write_text(json.dumps(groups))
        (tmp_path / "next.json").replace(tmp_path / "targets.json")

    found("first")
    scenarios = {"all": {**CANARY, "targets": "*"}, "own": {**CANARY, "targets": "sim"}}
    write(tmp_path, sim, scenarios, discovery=[{"file_sd": ["targets.json"], "refresh": "1s"}])
    with daemon(tmp_path) as (url, process):
        own = until(lambda: scenario(url, "own")["run_id"])

        def ok() -> set[str]:
            counted = samples(url, "swelld_requests_total")
            good = [labels for labels, value in counted.items() if '"all"' in labels and '"ok"' in labels and value]
            return {labels.partition('target="')[2].partition('"')[0] for labels in good}

        until(lambda: ok() == {"sim", "first"})
        found("second", "third")
        until(lambda: ok() == {"sim", "second", "third"}, 30)
        assert '"first"' not in page(f"{url}/metrics")[1]
        assert {one["name"] for one in document(f"{url}/api/v1/targets")["targets"]} == {"sim", "second", "third"}
        assert scenario(url, "own")["run_id"] == own
        status, text = page(f"{url}/probe?target=second")
        assert status == 200
        assert "\nswelld_probe_success 1" in text
        stop(process)
    assert truth(sim)["requests"]["running"] == 0


def test_nobody_reads_the_log(sim: str, tmp_path: Path) -> None:
    write(tmp_path, sim, {"one": CANARY})
    with daemon(tmp_path) as (url, process):
        for _ in range(700):  # each is told in some 200 bytes; a pipe holds 65,536
            assert post(f"{url}/api/v1/runs/none", method="DELETE")[0] in (401, 429)
        assert page(f"{url}/-/healthy")[0] == 200
        ok = sum(samples(url, "swelld_requests_total").values())
        until(lambda: sum(samples(url, "swelld_requests_total").values()) > ok)
        assert "none" in stop(process)
