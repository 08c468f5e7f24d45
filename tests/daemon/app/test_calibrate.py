"""`swelld calibrate` from end to end, on ladders with tiny rungs."""

import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from swelld.analysis.capacity import limit
from swelld.app.calibrate import LADDERS, Steps, climb, run
from swelld.load.stage import ClosedStage, OpenStage
from swelld.sim import SimOptions
from swelld.store.files import StoreError

QUICK = SimOptions(ttft=0.02, itl=0.005, tokens=11)
SHORT = SimOptions(ttft=0.01, itl=0.005, tokens=2)


@pytest.mark.parametrize("shards", ["1", "inline"])
def test_tables_and_rungs(shards: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "capacity.json"
    others = psutil.Process().children()  # a server that other tests share
    ladders = (Steps("streams", (2,), QUICK), Steps("rate", (40,), SHORT))
    assert run(0.9, shards, output, ladders) == 0
    printed = capsys.readouterr()
    assert printed.err.splitlines()[0] == "streams=2 for 0.9 s ..."
    assert "rate=40 for 0.9 s ..." in printed.err.splitlines()
    assert f"Rungs in {output}" in printed.out
    found = json.loads(output.read_text())
    assert (found["schema"], found["shards"]) == ("swelld.capacity/1", 1)
    streams, rate = found["rungs"]
    assert [(r["ladder"], r["level"], r["failed"]) for r in (streams, rate)] == [("streams", 2, 0), ("rate", 40, 0)]
    assert streams["expected_rate"] == pytest.approx(2 / 0.07)
    assert streams["request_rate"] == pytest.approx(2 / 0.07, rel=0.3)
    assert streams["token_rate"] == pytest.approx(2 * 11 / 0.07, rel=0.3)
    assert rate["request_rate"] == pytest.approx(40, rel=0.15)
    assert streams["lag"] == {"p50": None, "p99": None}
    assert rate["lag"]["p50"] > 0
    for rung, ttft in ((streams, 0.02), (rate, 0.01)):
        true, reported = rung["simulator"]["ttft"]["p50"], rung["ttft"]["p50"]
        assert ttft <= true < ttft + 0.02
        assert abs(reported - true) < 0.01
        assert 1e-6 < rung["cpu_per_token"] < rung["cpu_per_request"] < 0.1
    reach = "up to 2 streams" if limit_of(found, 0) is None else "fewer than 2 streams"
    assert reach in printed.out
    assert "with an error under 1 ms" in " ".join(printed.out.split())
    assert psutil.Process().children() == others


def limit_of(found: Any, number: int) -> Any:
    """What the file says of a rung; it must agree with the rest of the file."""
    verdict = found["limits"][number]
    assert (verdict is None) == (found["streams"] == 2)
    return verdict


async def test_a_late_simulator_ends_the_ladder_and_gets_the_blame() -> None:
    told: list[str] = []
    late = SimOptions(ttft=0.02, itl=0.005, tokens=4, jitter=0.2)
    rungs, shards = await climb([Steps("streams", (2, 4), late)], 0.9, "inline", told.append)
    assert ([rung.level for rung in rungs], shards) == ([2], 1)
    found = limit(rungs[0])
    assert found is not None
    assert found.who == "simulator"
    assert told == ["streams=2 for 0.9 s ...", "... once more: a moment in which the machine was busy is no limit"]


async def test_broken_answers_are_no_capacity() -> None:
    broken = SimOptions(ttft=0.005, itl=0.001, tokens=4, faults={"cut": {"rate": 0.5, "after": 1}})  # type: ignore[dict-item]
    (rung,), _ = await climb([Steps("rate", (40, 80), broken)], 0.6, "inline", lambda _: None)
    assert 0 < rung.failed < 24
    assert rung.failure is not None
    assert rung.request_rate < 0.8 * rung.expected_rate
    assert limit(rung) is not None


def test_the_ladders_take_some_forty_seconds() -> None:
    longest = sum(3.0 + steps.answer_seconds for steps in LADDERS for _ in steps.levels)
    assert 35 < longest < 46
    streams, rate = (steps.stage(steps.levels[0], 3.0) for steps in LADDERS)
    assert isinstance(streams, ClosedStage)
    assert isinstance(rate, OpenStage)
    assert (streams.label, streams.users) == ("streams=25", 25)
    assert streams.ramp_up == pytest.approx(0.68)
    assert (rate.label, rate.rate) == ("rate=100", 100.0)
    assert [stage.warmup_seconds + (stage.duration or 0) for stage in (streams, rate)] == pytest.approx([3.0, 3.0])


@pytest.mark.parametrize(
    ("seconds", "shards", "reason"),
    [(0.0, "auto", "--seconds 0"), (61.0, "auto", "at most 60"), (1.0, "many", "no number of shards")],
)
def test_bad_arguments_are_named(seconds: float, shards: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        run(seconds, shards, None)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    taken = tmp_path / "taken.json"
    taken.write_text("mine")
    with pytest.raises(StoreError, match="not overwritten"):
        run(1.0, "inline", taken)
    assert taken.read_text() == "mine"
