"""What a run leaves in its directory: every format, and without an end in files of bounded size."""

import asyncio
import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from runs import carry_out, one_target, settings_for
from swelld.app.daemon import Daemon
from swelld.result import Progress
from swelld.sim import SimOptions, simulated
from swelld.store.results import load_result

PROMPTS = {"kind": "synthetic", "input_tokens": 16, "output_tokens": 2}


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it did not come about within a minute")


async def test_every_format_holds_every_request(tmp_path: Path) -> None:
    scenario = {"prompts": PROMPTS, "load": {"concurrency": 4}, "requests": 40}
    files = {"files": {"formats": ["jsonl", "csv", "parquet"]}}
    with simulated(SimOptions(ttft=0.002, itl=0.001)) as url:
        kept = await carry_out(settings_for(tmp_path, one_target(url), scenario, exporters=files))
    with (kept.path / "requests.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table(kept.path / "requests.parquet").to_pylist()
    lines = kept.lines()
    assert len(lines) == 40
    assert [row["ttft"] for row in rows] == [str(line["ttft"]) for line in lines]
    assert [(row["index"], row["itl_p50"]) for row in table] == [(line["index"], line["itl"]["p50"]) for line in lines]


@pytest.mark.parametrize("max_size", ["8KiB", None])
async def test_a_run_without_an_end_is_recorded_in_files_of_bounded_size(tmp_path: Path, max_size: str | None) -> None:
    scenario = {"prompts": PROMPTS, "load": {"concurrency": 2}, "schedule": "continuous"}
    files = {"max_size": max_size, "keep": 2} if max_size else {}
    with simulated(SimOptions(ttft=0.002, itl=0.001)) as url:
        settings = settings_for(
            tmp_path / "results", one_target(url), scenario, web={"listen": "127.0.0.1:0"}, exporters={"files": files}
        )
        daemon = Daemon(settings, ["swelld"])
        serving = asyncio.create_task(daemon.serve(lambda _: None))
        await until(lambda: (progress := daemon.progress("test")) is not None and progress.done > 20)
        await until(lambda: not max_size or any(tmp_path.rglob("requests.2.jsonl")))
        daemon.stop()
        await serving
    if max_size is None:
        assert {file.name for file in (tmp_path / "results").iterdir()} == {"swelld.db", "schedules.json"}
        return
    (folder,) = (path for path in (tmp_path / "results").iterdir() if path.is_dir())
    sizes = {path.name: path.stat().st_size for path in folder.glob("requests*")}
    assert sorted(sizes) == ["requests.1.jsonl", "requests.2.jsonl", "requests.jsonl"]
    assert min(sizes["requests.1.jsonl"], sizes["requests.2.jsonl"]) >= 8192  # full, and by one batch more
    order = ["requests.2.jsonl", "requests.1.jsonl", "requests.jsonl"]
    lines = [json.loads(line) for name in order for line in (folder / name).read_bytes().splitlines()]
    ends = [line["end"] for line in lines]
    assert ends == sorted(ends)
    assert load_result(folder).stages[0].requests.ok >= len(lines) > 20


async def test_a_directory_that_is_gone_at_the_end_costs_no_result(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scenario = {"prompts": PROMPTS, "load": {"concurrency": 2}, "requests": 30}

    def remove(_: Progress) -> None:
        for folder in tmp_path.glob("results/*Z"):
            shutil.rmtree(folder)

    with simulated(SimOptions(ttft=0.1, itl=0.01)) as url:
        kept = await carry_out(settings_for(tmp_path / "results", one_target(url), scenario), remove)
    assert kept.result.run.state == "completed"
    assert kept.stage().requests.ok == 30
    assert "the result could not be written to" in caplog.text
