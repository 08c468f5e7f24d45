"""Whole runs in one process against a scripted server: who is asked what, when, and what is counted."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runs import Kept, carry_out, one_target, settings_for
from sim_client import truth
from swelld.load.arrivals import arrivals
from swelld.load.stage import OpenStage
from swelld.result import Requests, StageResult
from swelld.sim import SimOptions, simulated

PROMPTS = {"kind": "synthetic", "input_tokens": 8, "output_tokens": 2}
QUESTIONS = {"kind": "inline", "prompts": ["one", "two", "three"]}


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.0, itl=0.001, tokens=2)) as url:
        yield url


async def run(folder: Path, known: dict[str, Any], **scenario: Any) -> Kept:
    return await carry_out(settings_for(folder, known, {"prompts": PROMPTS, **scenario}))


def two_targets(url: str) -> dict[str, Any]:
    return {name: {"url": url, "model": f"model-{name}"} for name in ("a", "b")}


def by_target(kept: Kept) -> dict[str, list[tuple[int, str]]]:
    """(index, prompt) of every exchange, by target."""
    found: dict[str, list[tuple[int, str]]] = {}
    for line in kept.lines():
        found.setdefault(line["target"], []).append((line["index"], line["prompt"]))
    return {name: sorted(asked) for name, asked in found.items()}


@pytest.mark.parametrize(
    ("load", "count"), [({"load": {"concurrency": 3}, "requests": 20}, 20), ({"load": "40/s", "duration": "500ms"}, 20)]
)
async def test_each_target_gets_the_same(sim: str, tmp_path: Path, load: dict[str, Any], count: int) -> None:
    kept = await run(tmp_path, two_targets(sim), **load)
    asked = by_target(kept)
    assert asked["a"] == asked["b"] == [(n, f"synthetic-{n}") for n in range(count)]
    assert [(s.target, s.model, s.requests.ok) for s in kept.result.stages] == [
        ("a", "model-a", count),
        ("b", "model-b", count),
    ]
    if "requests" not in load:
        moments = [sorted(line["due"] for line in kept.lines() if line["target"] == name) for name in ("a", "b")]
        assert moments[0] == moments[1]


@pytest.mark.parametrize("load", [{"load": {"concurrency": 3}, "requests": 200}, {"load": "400/s", "duration": "0.5s"}])
async def test_weights_divide_one_load(sim: str, tmp_path: Path, load: dict[str, Any]) -> None:
    shares = [{"target": "a", "weight": 0.3}, {"target": "b", "weight": 0.7}]
    kept = await run(tmp_path, two_targets(sim), targets=shares, **load)
    asked = by_target(kept)
    assert sorted(asked["a"] + asked["b"]) == [(n, f"synthetic-{n}") for n in range(200)]
    assert abs(len(asked["a"]) - 60) <= 2
    assert [s.requests.scheduled for s in kept.result.stages] == [len(asked["a"]), len(asked["b"])]


async def test_stages_follow_each_other(sim: str, tmp_path: Path) -> None:
    kept = await run(tmp_path, one_target(sim), load={"concurrency": "1,3"}, requests=15)
    assert [(s.stage, s.requests.ok) for s in kept.result.stages] == [("concurrency=1", 15), ("concurrency=3", 15)]
    first, second = ([line for line in kept.lines() if line["stage"] == s.stage] for s in kept.result.stages)
    assert max(line["end"] for line in first) < min(line["sent"] for line in second)
    assert [sorted(line["index"] for line in lines) for lines in (first, second)] == [list(range(15))] * 2


async def test_as_many_at_a_time_as_there_are_users(sim: str, tmp_path: Path) -> None:
    target = one_target(sim, extra_body={"sim": {"ttft": 0.02}})
    kept = await run(tmp_path, target, load={"concurrency": 4}, requests=40)
    lines = kept.lines()
    moments = sorted([(line["sent"], 1) for line in lines] + [(line["end"], -1) for line in lines])
    level, most = 0, 0
    for _, step in moments:
        level += step
        most = max(most, level)
    assert most == 4


async def test_warm_up_is_outside(sim: str, tmp_path: Path) -> None:
    kept = await run(
        tmp_path,
        one_target(sim),
        load={"concurrency": 2},
        requests=20,
        warmup={"requests": 6},
        objectives={"e2e": "1s"},
    )
    lines = kept.lines()
    warm, measured = ([line for line in lines if line["warmup"] is before] for before in (True, False))
    assert (len(warm), len(measured)) == (6, 20)
    assert not {line["prompt"] for line in warm} & {line["prompt"] for line in measured}
    stage = kept.stage()
    assert stage.requests == Requests(scheduled=20, started=20, ok=20, failed=0, dropped=0)
    assert stage.e2e.count == 20
    assert stage.goodput is not None
    assert stage.goodput.total == 20
    window = max(line["end"] for line in measured) - min(line["sent"] for line in measured)
    assert stage.window_seconds == pytest.approx(window, abs=1e-4)
    assert stage.request_rate == pytest.approx(20 / window, rel=1e-3)
    assert stage.output_token_rate == pytest.approx(40 / window, rel=1e-3)


async def test_warm_up_by_time_is_outside(sim: str, tmp_path: Path) -> None:
    kept = await run(tmp_path, one_target(sim), load="20/s", duration="500ms", warmup={"duration": "500ms"})
    assert Counter(line["warmup"] for line in kept.lines()) == {True: 10, False: 10}
    assert kept.stage().window_seconds == pytest.approx(0.5)
    assert kept.stage().requests.scheduled == 10


async def test_answers_after_the_window_count_as_good_but_not_in_its_rates(sim: str, tmp_path: Path) -> None:
    target = one_target(sim, extra_body={"sim": {"ttft": 0.3, "tokens": 1}})
    stage = (await run(tmp_path, target, load="5/s", duration="1s")).stage()
    assert stage.requests == Requests(scheduled=5, started=5, ok=5, failed=0, dropped=0)
    assert (stage.window_seconds, stage.request_rate, stage.output_token_rate) == pytest.approx((1.0, 4.0, 4.0))
    assert stage.mean_in_flight == pytest.approx(4 * 0.3 + 0.2, abs=0.2)


async def test_what_does_not_end_is_cancelled_by_the_deadline_of_the_drain(sim: str, tmp_path: Path) -> None:
    target = one_target(sim, extra_body={"sim": {"fault": "stall", "after": 0}})
    kept = await run(tmp_path, target, load={"concurrency": 3}, duration="300ms", drain="200ms")
    stage = kept.stage()
    assert stage.requests == Requests(scheduled=3, started=3, ok=0, failed=0, dropped=0, cancelled=3)
    assert stage.errors["cancelled"].count == 3
    assert stage.window_seconds == pytest.approx(0.3)
    assert stage.mean_in_flight == pytest.approx(3.0, abs=0.5)
    assert kept.result.run.state == "completed"
    assert kept.result.run.duration_seconds < 10


async def test_arrivals_beyond_the_limit_are_dropped_and_bad(sim: str, tmp_path: Path) -> None:
    target = one_target(sim, extra_body={"sim": {"ttft": 0.4}})
    kept = await run(
        tmp_path, target, load="40/s", duration="1s", max_in_flight=4, objectives={"ttft": "10s", "share": 0.9}
    )
    stage = kept.stage()
    assert stage.requests.scheduled == 40
    assert stage.requests.ok + stage.requests.dropped == 40
    assert stage.requests.started == stage.requests.ok
    assert 4 <= stage.requests.ok <= 16
    assert stage.goodput is not None
    assert (stage.goodput.good, stage.goodput.total) == (stage.requests.ok, 40)
    assert stage.validity.offered_rate == pytest.approx(40.0)
    assert stage.validity.achieved_rate == pytest.approx(stage.requests.ok)
    dropped = [line for line in kept.lines() if line["outcome"] == "dropped"]
    assert {(line["sent"], line["error_type"]) for line in dropped} == {(None, None)}
    assert any(finding.subject == "dropped" and finding.level != "PASS" for finding in kept.result.verdict)


async def test_one_at_a_time_and_every_prompt_several_times(sim: str, tmp_path: Path) -> None:
    kept = await run(tmp_path, two_targets(sim), prompts=QUESTIONS, load={"iterations": 4})
    assert [(s.stage, s.requests.ok) for s in kept.result.stages] == [("sequential", 12)] * 2
    for name in ("a", "b"):
        lines = [line for line in kept.lines() if line["target"] == name]
        assert [line["prompt"] for line in lines] == ["inline-1"] * 4 + ["inline-2"] * 4 + ["inline-3"] * 4
        assert all(before["end"] <= after["sent"] for before, after in pairwise(lines))


async def test_a_ramp_changes_the_rate(sim: str, tmp_path: Path) -> None:
    kept = await run(tmp_path, one_target(sim), load="10/s..50/s", duration="1s")
    stage = OpenStage(label="rate=10..50", rate=10.0, rate_end=50.0, duration=1.0)
    due = [arrival.due for arrival in arrivals(stage, 0)]
    found = [line["due"] for line in sorted(kept.lines(), key=lambda line: line["index"])]
    assert [moment - found[0] for moment in found] == pytest.approx(due, abs=1e-5)
    assert kept.stage().stage == "rate=10..50"
    assert kept.stage().requests.scheduled == len(due) == 30


async def test_users_come_one_by_one(sim: str, tmp_path: Path) -> None:
    target = one_target(sim, extra_body={"sim": {"ttft": 1.0}})
    kept = await run(tmp_path, target, load={"concurrency": 4, "ramp_up": "400ms"}, requests=4)
    sent = [line["sent"] for line in kept.lines()]
    assert [moment - min(sent) for moment in sorted(sent)] == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=0.08)


async def test_users_think(sim: str, tmp_path: Path) -> None:
    kept = await run(tmp_path, one_target(sim), load={"concurrency": 1, "think_time": "40ms"}, requests=25)
    lines = sorted(kept.lines(), key=lambda line: float(line["sent"]))
    pauses = [after["sent"] - before["end"] for before, after in pairwise(lines)]
    assert 0.015 < sum(pauses) / len(pauses) < 0.12
    assert min(pauses) < 0.02 < max(pauses)


async def test_every_fault_is_counted_once_in_a_run(tmp_path: Path) -> None:
    rates = {"status": 0.1, "cut": 0.1, "reset": 0.1, "garbage_event": 0.1, "error_event": 0.1, "close_after": 0.2}
    faults = {name: {"rate": rate, "after": 1} for name, rate in rates.items()}
    options = SimOptions(ttft=0.0, itl=0.0, tokens=3, faults=faults)  # type: ignore[arg-type]
    with simulated(options) as url:
        stage = (await run(tmp_path, one_target(url), load={"concurrency": 8}, requests=400)).stage()
        page = truth(url)["requests"]
    hit = page["faults"]
    assert page["started"] == 400
    assert counts(stage) == {
        "http_503": hit["status"],
        "truncated": hit["cut"] + hit["reset"],
        "protocol": hit["garbage_event"],
        "http_5xx": hit["error_event"],
    }
    assert stage.requests.ok == page["completed"]
    assert stage.requests.ok + stage.requests.failed == 400


def counts(stage: StageResult) -> dict[str, int]:
    return {kind: error.count for kind, error in stage.errors.items()}
