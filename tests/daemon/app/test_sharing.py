"""Several `swelld run` that share a load: between them they send what one alone would, request by request."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from command import swelld
from swelld.sim import SimOptions, simulated

DAEMONS = 3
SCENARIOS: dict[str, Any] = {
    "even": {"load": {"rate": "90/s"}, "requests": 100, "warmup": {"requests": 7}},
    "random": {"load": {"rate": "90/s", "arrivals": "poisson"}, "duration": "1s", "warmup": {"duration": "300ms"}},
    "users": {"load": {"concurrency": "3,7"}, "requests": 50, "warmup": {"requests": 4}},
}


RECORDED = ("stage", "warmup", "index", "prompt", "input_tokens", "due")


class Asked(NamedTuple):
    """One request of a run, as its own record of it says."""

    stage: str
    warmup: bool
    number: int
    prompt: str
    input_tokens: int
    due: float | None


def asked(folder: Path, share: str, shards: int) -> list[Asked]:
    """What one `swelld run` with that share asked, by its own record."""
    folder.mkdir()
    options = ("--config", "../swelld.yaml", "--shards", str(shards), "--results-dir", "kept")
    done = swelld("run", *options, cwd=folder, env={"SWELLD_SHARE": share})
    assert done.code == 0, done.err
    lines = [
        json.loads(line) for file in folder.glob("kept/**/requests.jsonl") for line in file.read_text().splitlines()
    ]
    assert {line["outcome"] for line in lines} == {"ok"}
    return [Asked(*(line[name] for name in RECORDED)) for line in lines]


def in_order(requests: list[Asked]) -> list[tuple[Any, ...]]:
    """All but the moments, which are compared by themselves: they are rounded."""
    return sorted(one[:-1] for one in requests)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_together_they_ask_what_one_alone_would(scenario: str, tmp_path: Path) -> None:
    with simulated(SimOptions(ttft=0.002, itl=0.001)) as url:
        prompts = {"kind": "synthetic", "input_tokens": {"kind": "uniform", "min": 4, "max": 400}, "output_tokens": 2}
        settings = {
            "target": {"url": url, "model": "m", "metrics": "off"},
            "scenario": {**SCENARIOS[scenario], "prompts": prompts},
            "seed": 11,
        }
        (tmp_path / "swelld.yaml").write_text(yaml.safe_dump(settings))
        whole = asked(tmp_path / "whole", "0/1", 1)
        with ThreadPoolExecutor(DAEMONS) as at_once:
            parts = list(at_once.map(lambda k: asked(tmp_path / str(k), f"{k}/{DAEMONS}", 1 + k % 2), range(DAEMONS)))
    together = [one for part in parts for one in part]
    assert in_order(together) == in_order(whole), "every request once, with its prompt"
    assert len({one[:3] for one in together}) == len(together) >= 90
    due = {one[:3]: one.due for one in whole}
    for part in parts:
        later = {one[:3]: one.due - (due[one[:3]] or 0.0) for one in part if one.due is not None}
        assert len(later) == (0 if scenario == "users" else len(part))
        assert max(later.values(), default=0.0) == pytest.approx(min(later.values(), default=0.0), abs=5e-6)
    assert max(map(len, parts)) - min(map(len, parts)) <= 2 * len({one.stage for one in whole})
