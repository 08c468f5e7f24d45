"""A trace replayed against a server of known timing: every request in its place, and a prefix cache that hits."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runs import carry_out, one_target, settings_for
from sim_client import ask
from swelld.app.spec import specify
from swelld.engine.fleet import Fleet
from swelld.hub.run import Run
from swelld.settings import ConfigError
from swelld.sim import SimOptions, simulated


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.005, itl=0.001, tokens=4)) as url:
        yield url


def trace(folder: Path, gaps: list[float], **columns: Any) -> Path:
    moments = [sum(gaps[: place + 1]) for place in range(len(gaps))]
    rows = [
        {"timestamp": round(at * 1000), "input_length": 20 + place, "output_length": 3, **columns}
        for place, at in enumerate(moments)
    ]
    file = folder / "trace.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


GAPS = [0.0, 1.0, 0.0, 0.0, 3.0, 0.5] * 10


@pytest.mark.parametrize("shards", ["inline", 2])
async def test_every_request_at_its_moment(sim: str, tmp_path: Path, shards: int | str) -> None:
    prompts = {"kind": "trace", "file": str(trace(tmp_path, GAPS))}
    scenario = {"prompts": prompts, "load": {"replay": "20x,40x"}}
    kept = await carry_out(settings_for(tmp_path, one_target(sim), scenario, shards=shards))
    for stage, speed in zip(kept.result.stages, (20.0, 40.0), strict=True):
        assert (stage.stage, stage.requests.scheduled, stage.requests.ok) == (f"speed={speed:g}", 60, 60)
        lines = sorted((line for line in kept.lines() if line["stage"] == stage.stage), key=lambda line: line["index"])
        assert [line["prompt"] for line in lines] == [f"trace-{number}" for number in range(60)]
        dues = [line["due"] - lines[0]["due"] for line in lines]
        assert dues == pytest.approx([sum(GAPS[: number + 1]) / speed for number in range(60)], abs=1e-4)
        assert stage.phases.note == "the rate changes all the time"


async def test_the_first_requests_warm_up_and_keep_their_prompts(sim: str, tmp_path: Path) -> None:
    prompts = {"kind": "trace", "file": str(trace(tmp_path, GAPS)), "limit": 20}
    scenario = {"prompts": prompts, "load": {"replay": "50x"}, "warmup": {"requests": 5}}
    kept = await carry_out(settings_for(tmp_path, one_target(sim), scenario))
    lines = sorted(kept.lines(), key=lambda line: line["due"])
    assert sorted((line["warmup"], line["prompt"]) for line in lines) == sorted(
        (number < 5, f"trace-{number}") for number in range(20)
    )
    assert kept.stage().requests.scheduled == 15


async def test_a_prefix_cache_hits_what_the_trace_says_is_shared(tmp_path: Path) -> None:
    blocks = [[number // 4, 100 + number] for number in range(12)]
    file = tmp_path / "trace.jsonl"
    rows = [
        {"timestamp": 50 * n, "input_length": 1000, "output_length": 2, "hash_ids": ids} for n, ids in enumerate(blocks)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with simulated(SimOptions(mode="realistic")) as url:
        scenario = {"prompts": {"kind": "trace", "file": str(file)}, "load": "replay"}
        kept = await carry_out(settings_for(tmp_path, one_target(url), scenario))
        page = ask(url, "/metrics", method="GET").body.decode()
    lines = sorted(kept.lines(), key=lambda line: line["index"])
    cached = [line["cached_tokens"] or 0 for line in lines]
    assert [number for number, count in enumerate(cached) if count < 100] == [0, 4, 8], page[:100]
    assert all(count > 300 for number, count in enumerate(cached) if number % 4)


async def test_the_rate_is_seen_and_scaled_on_the_way(sim: str, tmp_path: Path) -> None:
    prompts = {"kind": "trace", "file": str(trace(tmp_path, [0.05] * 400))}
    scenario = {"prompts": prompts, "load": {"replay": {"loop": True}}, "duration": "4s"}
    fleet = Fleet(2)
    spec = specify(settings_for(tmp_path, one_target(sim), scenario), "test")
    run = Run(spec, fleet.crew(spec.plan))
    result = asyncio.create_task(run.execute())
    try:
        async with asyncio.timeout(30):
            while run.progress().done < 30:  # noqa: ASYNC110 - it is looked at
                await asyncio.sleep(0.05)
            assert run.progress().offered_rate == pytest.approx(20.0, rel=0.25)
            run.change(scale=4.0)
            (stage,) = (await result).stages
    finally:
        result.cancel()
        await asyncio.gather(result, return_exceptions=True)
        await fleet.aclose()
    (change,) = stage.changes
    assert (change.scale, change.rate) == (4.0, None)
    assert stage.requests.scheduled == pytest.approx(20 * change.at + 80 * (4.0 - change.at), abs=4)


def test_only_a_trace_can_be_replayed(tmp_path: Path) -> None:
    with pytest.raises((ConfigError, ValueError), match="are no trace that could be replayed"):
        settings_for(tmp_path, one_target("http://127.0.0.1:1"), {"load": "replay"})
    loop = {"load": {"replay": {"loop": True}}, "prompts": {"kind": "trace", "file": "t.csv"}}
    with pytest.raises((ConfigError, ValueError), match="has no end"):
        settings_for(tmp_path, one_target("http://127.0.0.1:1"), loop)
