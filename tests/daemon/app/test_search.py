"""Searches as they are carried out: against a simulator, broken off, taken up again."""

import asyncio
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command import swelld
from runs import Kept, carry_out, one_target, settings_for
from sample_results import stage
from swelld.app.search import MOST_FILES, SearchFile
from swelld.app.spec import specify
from swelld.engine.launch import crew
from swelld.export.details import decided, details
from swelld.hub.run import Run
from swelld.result import SearchLevel
from swelld.search.memory import Found
from swelld.sim.batch import capacity
from swelld.sim.options import SimOptions
from swelld.sim.process import simulated

SERVER = SimOptions(mode="realistic", max_num_seqs=4, step_base=0.02, step_per_sequence=0.001, prefix_caching=False)
"""Answers of 8 tokens: 0.02 * 2 + 0.001 * 8 s and a little for the prompt, 20 a second."""
PROMPTS = {"kind": "synthetic", "input_tokens": 16, "output_tokens": 8}
RATE = {"kind": "rate", "from": 8, "max": 100, "precision": "20%"}


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SERVER) as url:
        yield url


async def search(folder: Path, url: str, load: dict[str, Any], **scenario: Any) -> Kept:
    scenario = {"objectives": {"ttft": "300ms", "share": 0.9}, "duration": "6s", "drain": "5s", **scenario}
    return await carry_out(
        settings_for(folder, one_target(url), {"prompts": PROMPTS, "load": load, **scenario}, shards=1)
    )


def left_behind(folder: Path) -> list[Path]:
    return [*folder.glob("searches/test-*.json")]


@pytest.mark.slow
async def test_a_rate_is_found_and_what_is_beyond_is_cut_short(sim: str, tmp_path: Path) -> None:
    kept = await search(tmp_path, sim, {"search": RATE})
    found = kept.result.search
    assert found is not None
    truth = capacity(SERVER, 18, 8).requests_per_second
    assert found.capacity == pytest.approx(truth, rel=0.25)
    missed = [level for level in found.levels if level.accepted is False]
    if found.ended == "doubt":  # this machine was too busy to tell
        missed += [level for level in found.levels if level.accepted is None]
    else:
        assert found.ended == "precise"
        assert max(missed, key=lambda level: level.level).cut_short
    beyond = max(missed, key=lambda level: level.level)
    assert [stage.stage for stage in kept.result.stages] == [level.stage for level in found.levels]
    cut = next(stage for stage in kept.result.stages if stage.stage == beyond.stage)
    assert cut.window_seconds < 6 or not beyond.cut_short
    exported = next(table for table in details(kept.result) if table.title == "Levels of the search")
    assert sorted(row[0] for row in exported.texts()) == sorted(level.stage for level in found.levels)
    shown = {row[0]: (row[1], float(row[3])) for row in exported.texts()}
    for one in found.levels:
        assert shown[one.stage] == (decided(one), one.level)
    asked = defaultdict(set)
    for line in kept.lines():
        asked[line["stage"]].add(line["prompt"])
    several = list(asked.values())
    assert len(set.union(*several)) == sum(map(len, several))  # no prompt was asked at two levels
    assert len(left_behind(tmp_path)) == (found.ended == "doubt")


@pytest.mark.slow
async def test_users_of_two_targets(sim: str, tmp_path: Path) -> None:
    targets = {name: {"url": sim, "model": name, "metrics": "off"} for name in ("a", "b")}
    scenario = {
        "prompts": PROMPTS,
        "load": {"search": {"kind": "concurrency", "max": 4, "precision": 1}},
        "objectives": {"ttft": "10s", "share": 0.9},
        "requests": 20,
    }
    kept = await carry_out(settings_for(tmp_path, targets, scenario))
    found = kept.result.search
    assert found is not None
    assert (found.capacity, found.ended) == (4.0, "max")
    first = [stage for stage in kept.result.stages if "again" not in stage.stage]  # more if this machine is busy
    assert [(s.stage, s.target, s.users) for s in first] == [
        (f"concurrency={users}", target, 2 * users) for users in (1, 2, 4) for target in ("a", "b")
    ]


@pytest.mark.slow
async def test_a_search_that_is_stopped_goes_on_later(sim: str, tmp_path: Path) -> None:
    scenario = {
        "prompts": PROMPTS,
        "load": {"search": {**RATE, "from": 4, "max": 8}},
        "objectives": {"ttft": "1s", "share": 0.9},
        "duration": "3s",
    }
    settings = settings_for(tmp_path, one_target(sim), scenario)
    spec = specify(settings, "test")
    run = Run(spec, crew(spec.plan, "inline"))
    going = asyncio.create_task(run.execute())
    while run.progress().stage_number < 2:  # noqa: ASYNC110 - a run has no event for it
        await asyncio.sleep(0.05)
    run.stop()
    result = await going
    assert result.search is not None
    assert (result.run.state, result.search.ended) == ("cancelled", "stopped")
    assert [level.level for level in result.search.levels] == [4.0]
    kept = await carry_out(settings)
    found = kept.result.search
    assert found is not None
    first, *rest = [(level.level, level.taken_over) for level in found.levels]
    assert (first, set(rest)) == ((4.0, True), {(8.0, False)})  # more than once if this machine is busy
    assert [stage.stage for stage in kept.result.stages] == ["rate=4", "rate=8"]
    assert found.ended == "max"


def found(level: float) -> Found:
    made = SearchLevel(
        level=level, stage=f"rate={level:g}", accepted=True, sure=True, good=9, total=9, low=0.8, high=1.0,
        seconds=3.0, cut_short=False, reason="good",
    )  # fmt: skip
    return Found(made, [stage(stage=made.stage)])


def test_the_file_of_a_search(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "searches"
    file = SearchFile(folder, "nightly", "this one", 60.0)
    assert file.recall() == ()
    file.keep([found(4.0)])
    assert list(file.recall()) == list(SearchFile(folder, "nightly", "this one", 60.0).recall()) == [found(4.0)]
    (path,) = folder.iterdir()
    assert re.fullmatch(r"nightly-[0-9a-f]{12}\.json", path.name)
    notes = json.loads(path.read_bytes())
    path.write_text(json.dumps({**notes, "written": time.time() - 61}))
    assert file.recall() == ()
    path.write_text("{}")
    assert file.recall() == ()
    assert "the search begins anew" in caplog.text
    path.write_text(json.dumps({**notes, "key": "of another search"}))
    assert file.recall() == ()
    file.forget()
    file.forget()
    assert not path.exists()


def test_searches_of_one_name_do_not_disturb_each_other(tmp_path: Path) -> None:
    """As those that are given over the API are."""
    one, other = (SearchFile(tmp_path, "inline", key, 60.0) for key in ("a", "b"))
    one.keep([found(4.0)])
    other.keep([found(8.0)])
    one.keep([found(4.0), found(5.0)])
    assert list(other.recall()) == [found(8.0)]
    other.forget()
    assert list(one.recall()) == [found(4.0), found(5.0)]


def test_files_of_searches_do_not_heap_up(tmp_path: Path) -> None:
    def keep(name: str, key: str, age: float) -> Path:
        before = set(tmp_path.iterdir())
        SearchFile(tmp_path, name, key, 60.0).keep([found(4.0)])
        (path,) = set(tmp_path.iterdir()) - before
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    old, young = keep("night", "old", 61.0), keep("night", "young", 30.0)
    alike = keep("night-0123456789ab", "old", 61.0)
    keep("night", "this one", 0.0)
    assert (old.exists(), young.exists(), alike.exists()) == (False, True, True)
    several = [keep("inline", str(number), 50.0 - number / 2) for number in range(MOST_FILES)]
    keep("inline", "one more", 0.0)
    assert [path.exists() for path in several] == [False] + [True] * (MOST_FILES - 1)


@pytest.mark.slow
def test_recommend_on_the_command_line(sim: str, tmp_path: Path) -> None:
    """With four sequences at a time a fifth user waits for a place: up to 60 ms carry 4 users, or hardly more."""
    asked = ["--peak-concurrency", "10", "--ttft-target", "70", "--goodput-target", "90", "--headroom", "20"]
    more = ["--input-len", "16", "--output-len", "8", "--num-requests", "40", "--gpus-per-replica", "2"]
    done = swelld(
        "recommend", "--server", sim, "--model", "sim", *asked, *more, "--gpu-price", "1", "--output", "r.json",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err + done.out
    made = json.loads((tmp_path / "r.json").read_bytes())
    assert made["needed"] == 12
    assert made["capacity"]["value"] in (4, 5)
    assert made["replicas"]["value"] == 3
    assert made["gpus"] == 6
    assert made["monthly_cost"] == 6 * 730
    assert "3 replicas, 6 GPUs, 4,380 USD a month for 10 users at a time" in done.out


@pytest.mark.slow
def test_recommend_says_when_it_cannot(sim: str, tmp_path: Path) -> None:
    steps = ["--concurrency-steps", "1,2", "--num-requests", "30", "--input-len", "16", "--output-len", "4"]
    done = swelld(
        "recommend", "--server", sim, "--model", "sim", "--peak-concurrency", "50", "--e2e-target", "5000",
        "--goodput-target", "80", *steps, "--no-save", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 3, done.err + done.out
    assert "No recommendation" in done.out
    assert "Every level met the target, up to 2 users" in " ".join(done.out.split())
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "no target: give --ttft-target, --tpot-target or --e2e-target in ms"),
        (["--ttft-target", "5", "--goodput-target", "120"], "--goodput-target 120: write percent, up to 100"),
        (["--ttft-target", "5", "--headroom", "-1"], "--headroom -1: write percent"),
        (["--ttft-target", "5", "--concurrency-steps", "5,3"], "do not rise"),
        (["--ttft-target", "5", "--concurrency-steps", "many"], "--concurrency-steps"),
        (["--ttft-target", "5", "--num-requests", "0"], "--num-requests"),
        (["--ttft-target", "5", "--precision", "0.1"], "--precision"),
        (["--ttft-target", "0"], "--ttft-target"),
    ],
)
def test_questions_that_cannot_be(tmp_path: Path, flags: list[str], said: str) -> None:
    server = ["--server", "http://127.0.0.1:1", "--model", "m", "--peak-concurrency", "5", "--gpus-per-replica", "1"]
    done = swelld("recommend", *server, *flags, cwd=tmp_path)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
