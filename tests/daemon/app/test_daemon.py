"""`swelld daemon` as a process: from a file or from the environment alone, watched over HTTP, stopped by a signal."""

import json
import re
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from command import started, swelld
from daemon_process import document, listening, page, runs, samples, stop, until
from sim_client import ask, truth
from swelld.sim import SimOptions, simulated

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.002, itl=0.001, tokens=6)) as url:
        yield url


@pytest.fixture
def sim(process: str) -> str:
    ask(process, "/sim/reset")
    return process


def test_a_file(sim: str, tmp_path: Path) -> None:
    (tmp_path / "swelld.yaml").write_text(
        f"targets: {{here: {{url: '{sim}', model: m, api_key: sk-secret}}}}\n"
        "scenarios:\n"
        "  sweep: {load: {concurrency: '1,2'}, requests: 20, objectives: {ttft: 5s}}\n"
        "  canary: {load: 20/s, schedule: continuous}\n"
        "  nightly: {load: 1/s, duration: 1h, schedule: manual}\n"
        "web: {listen: '127.0.0.1:0'}\n"
    )
    with started("daemon", "swelld.yaml", cwd=tmp_path) as process:
        url = listening(process)
        assert page(f"{url}/-/healthy") == (200, "swelld is healthy\n")
        assert page(f"{url}/-/ready") == (200, "swelld is ready\n")
        assert page(f"{url}/nothing")[0] == 404

        def finished() -> list[dict[str, Any]]:
            return [run for run in document(f"{url}/api/v1/runs")["runs"] if run["state"] == "completed"]

        (sweep,) = until(finished)
        assert sweep["scenario"] == "sweep"
        detail = document(f"{url}/api/v1/runs/{sweep['id']}")
        assert (detail["run"]["state"], detail["run"]["ok"]) == ("completed", 40)
        result = detail["result"]
        jsonschema.validate(result, json.loads((ROOT / "docs/result.schema.json").read_bytes()))
        assert [stage["requests"]["ok"] for stage in result["stages"]] == [20, 20]
        counted = samples(url, "swelld_requests_total")
        of_sweep = {labels: value for labels, value in counted.items() if 'scenario="sweep"' in labels and value}
        assert sorted(of_sweep.values()) == [20.0, 20.0]
        assert all('outcome="ok"' in labels for labels in of_sweep)
        tokens = samples(url, "swelld_output_tokens_total")
        assert sum(value for labels, value in tokens.items() if 'scenario="sweep"' in labels) == sum(
            stage["tokens"]["output"] for stage in result["stages"]
        )
        firsts = samples(url, "swelld_time_to_first_token_seconds_count")
        assert sum(value for labels, value in firsts.items() if 'scenario="sweep"' in labels) == 40
        assert samples(url, "swelld_slo_events_total")

        def canary() -> float:
            counts = samples(url, "swelld_requests_total")
            return sum(value for labels, value in counts.items() if 'scenario="canary"' in labels)

        before = until(canary)
        assert until(lambda: canary() > before + 10)
        states = samples(url, "swelld_run_state")
        assert [labels for labels, value in states.items() if value and "canary" in labels] == [
            '{scenario="canary",state="running"}'
        ]
        names = {scenario["name"]: scenario["state"] for scenario in document(f"{url}/api/v1/scenarios")["scenarios"]}
        assert names == {"sweep": "idle", "canary": "running", "nightly": "idle"}
        pages = ("/", "/api/v1/status/config", "/api/v1/targets", "/metrics")
        everything = "".join(page(url + path)[1] for path in pages)
        assert "sk-secret" not in everything
        err = stop(process)
    assert "sk-secret" not in err
    assert {file.name for file in (tmp_path / "results").iterdir()} == {"swelld.db", "schedules.json"}
    page_of_truth = truth(sim)["requests"]
    assert page_of_truth["running"] == page_of_truth["aborted_by_client"] == 0  # it drained


def test_the_environment_alone(sim: str, tmp_path: Path) -> None:
    environment = {
        "SWELLD_TARGET__URL": sim,
        "SWELLD_TARGET__MODEL": "beside",
        "SWELLD_SCENARIO__LOAD__RATE": "20/s",
        "SWELLD_SCENARIO__SCHEDULE": "continuous",
        "SWELLD_SCENARIO__OBJECTIVES__TTFT": "500ms",
        "SWELLD_WEB__LISTEN": "127.0.0.1:0",
    }
    with started("daemon", cwd=tmp_path, env=environment) as process:
        url = listening(process)

        def done() -> float:
            return sum(samples(url, "swelld_requests_total").values())

        assert until(lambda: done() > 5)
        labels = next(iter(samples(url, "swelld_time_to_first_token_seconds_count")))
        assert 'model="beside"' in labels
        assert 'stage="rate=20"' in labels
        assert set(samples(url, "swelld_slo_threshold_seconds").values()) == {0.5}
        (run,) = until(lambda: document(f"{url}/api/v1/runs")["runs"])
        assert run["state"] == "running"
        stop(process)


def test_a_slow_answer_is_waited_for_and_a_second_signal_forces(sim: str, tmp_path: Path) -> None:
    environment = {
        "SWELLD_TARGET__URL": sim,
        "SWELLD_TARGET__EXTRA_BODY": '{"sim": {"fault": "stall", "after": 0}}',
        "SWELLD_SCENARIO__LOAD__CONCURRENCY": "2",
        "SWELLD_SCENARIO__SCHEDULE": "continuous",
        "SWELLD_WEB__LISTEN": "127.0.0.1:0",
        "SWELLD_SHARDS": "1",
    }
    with started("daemon", cwd=tmp_path, env=environment) as process:
        url = listening(process)
        until(lambda: truth(sim)["requests"]["started"] == 2)
        process.send_signal(signal.SIGTERM)
        until(lambda: page(f"{url}/-/ready")[0] == 503)
        assert page(f"{url}/-/healthy")[0] == 200
        time.sleep(0.3)
        assert process.poll() is None
        began = time.monotonic()
        stop(process)
        assert time.monotonic() - began < 10


def test_a_scenario_that_cannot_run_does_not_end_the_others(sim: str, tmp_path: Path) -> None:
    (tmp_path / "swelld.yaml").write_text(
        f"target: {{url: '{sim}', model: m}}\n"
        "scenarios:\n"
        "  broken: {load: 1/s, duration: 1s, prompts: {kind: jsonl, file: gone.jsonl}}\n"
        "  sound: {load: {concurrency: 1}, requests: 3}\n"
        "web: {listen: '127.0.0.1:0'}\n"
    )
    with started("daemon", "swelld.yaml", cwd=tmp_path) as process:
        url = listening(process)
        until(lambda: samples(url, "swelld_run_state").get('{scenario="broken",state="failed"}'))
        until(lambda: samples(url, "swelld_run_state").get('{scenario="sound",state="completed"}'))
        assert page(f"{url}/-/healthy")[0] == 200
        err = stop(process)
    assert "gone.jsonl" in err


def test_why_a_run_could_not_begin_is_kept(sim: str, tmp_path: Path) -> None:
    (tmp_path / "swelld.yaml").write_text(
        "targets:\n"
        f"  here: {{url: '{sim}', model: m, ceiling: {{rate: 5/s}}}}\n"
        "scenarios:\n"
        "  prompts: {targets: here, load: 1/s, duration: 1s, prompts: {kind: jsonl, file: gone.jsonl}}\n"
        "  too-much: {targets: here, load: 50/s, duration: 1s}\n"
        "web: {listen: '127.0.0.1:0'}\n"
    )
    why = {"prompts": "gone.jsonl", "too-much": "but the load asks for 50/s: lower it"}
    with started("daemon", "swelld.yaml", cwd=tmp_path) as process:
        url = listening(process)
        for name, text in why.items():
            run = until(partial(runs, url, scenario=name, state="failed"))[0]
            known = document(f"{url}/api/v1/runs/{run['id']}")
            assert text in known["run"]["reason"]
            assert known["result"]["run"]["reason"] == known["run"]["reason"] == run["reason"]
            assert (known["run"]["state"], known["result"]["run"]["state"]) == ("failed", "failed")
        stop(process)
    shown = swelld("runs", "show", "latest", cwd=tmp_path)
    assert re.search(r"It failed: .*(gone\.jsonl|ceiling of 5/s)", shown.out), shown.out
    assert shown.code == 0


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "targets"),
        ({"SWELLD_TARGET__URL": "nowhere"}, "SWELLD_TARGET__URL"),
        (
            {
                "SWELLD_TARGET__URL": "http://127.0.0.1:1",
                "SWELLD_WEB__LISTEN": "203.0.113.1:1",
                "SWELLD_WEB__OPEN_READING": "true",
            },
            "203.0.113.1",
        ),
    ],
)
def test_what_cannot_be_ends_at_once(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    with started("daemon", cwd=tmp_path, env=environment) as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert said in err
    assert "Traceback" not in err
