"""Targets alone and together in one run, against a simulator that they share."""

from pathlib import Path
from typing import Any

import pytest

from command import swelld
from runs import carry_out, settings_for
from swelld.app.spec import specify
from swelld.sim.options import SimOptions
from swelld.sim.process import simulated, simulating

PROMPTS = {"kind": "synthetic", "input_tokens": 16, "output_tokens": 8}


def scenario(**more: Any) -> dict[str, Any]:
    return {"targets": ["a", "b"], "prompts": PROMPTS, "contention": "solo_first", **more}


async def test_what_two_targets_lose_to_each_other_on_one_server(tmp_path: Path) -> None:
    """The server takes 4 sequences at a time: with 4 users each, two targets wait for each other half of the time."""
    options = SimOptions(mode="realistic", max_num_seqs=4, max_batched_tokens=256, step_base=0.01)
    async with simulating(options) as url:
        targets = {name: {"url": url, "model": "sim", "metrics": "off"} for name in ("a", "b")}
        load = {"load": {"concurrency": 4}, "duration": "3s", "warmup": {"duration": "500ms"}}
        kept = await carry_out(settings_for(tmp_path, targets, scenario(mix="each", **load)))
    result = kept.result
    assert [(stage.stage, stage.target, stage.solo_of) for stage in result.stages] == [
        ("concurrency=4 solo=a", "a", "concurrency=4"),
        ("concurrency=4 solo=b", "b", "concurrency=4"),
        ("concurrency=4", "a", None),
        ("concurrency=4", "b", None),
    ]
    assert result.contention is not None
    for lost in result.contention:
        tokens, ttft = lost.figures["output_token_rate"].loss, lost.figures["ttft.p50"].loss
        assert tokens is not None
        assert ttft is not None
        assert 0.35 < tokens < 0.65
        assert ttft > 1.0
    subjects = [finding.level for finding in result.verdict if finding.subject == "contention loss"]
    assert subjects == ["WARNING", "WARNING"]
    assert {(line["stage"], line["target"]) for line in kept.lines()} == {(s.stage, s.target) for s in result.stages}


async def test_alone_a_target_gets_the_rate_that_it_has_in_the_mix(tmp_path: Path) -> None:
    async with simulating(SimOptions(ttft=0.01, itl=0.001)) as url:
        targets = {name: {"url": url, "model": "sim", "metrics": "off"} for name in ("a", "b")}
        weights = [{"target": "a", "weight": 0.25}, {"target": "b", "weight": 0.75}]
        run = scenario(targets=weights, load={"rate": "40/s"}, requests=80)
        kept = await carry_out(settings_for(tmp_path, targets, run))
    scheduled = {(stage.stage, stage.target): stage.requests.scheduled for stage in kept.result.stages}
    assert scheduled["rate=40 solo=a", "a"] == 20
    assert scheduled["rate=40 solo=b", "b"] == 60
    assert scheduled["rate=40", "a"] + scheduled["rate=40", "b"] == 80
    prompts = {(line["stage"], line["prompt"]) for line in kept.lines() if line["target"] == "a"}
    assert len({prompt for _, prompt in prompts}) == len(prompts)  # none is asked twice: no cache hides what is lost


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"targets": ["a"]}, "needs at least two targets"),
        ({"load": {"search": {"kind": "rate"}}}, "needs levels that are known beforehand"),
        ({"duration": None, "schedule": "continuous"}, "would never leave its first target"),
    ],
)
def test_where_it_cannot_be_measured(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    targets = {name: {"url": "http://127.0.0.1:1", "model": "sim"} for name in ("a", "b")}
    whole = {"load": {"rate": "5/s"}, "duration": "5s", **changes}
    with pytest.raises(ValueError, match=why):
        settings_for(tmp_path, targets, scenario(**{k: v for k, v in whole.items() if v is not None}))


def test_a_lone_target_is_told_when_all_are_meant(tmp_path: Path) -> None:
    targets = {"a": {"url": "http://127.0.0.1:1", "model": "sim"}}
    run = {"load": {"rate": "5/s"}, "duration": "5s", "contention": "solo_first"}
    with pytest.raises(ValueError, match=r"scenario test: .* needs two targets at least, and a is alone"):
        specify(settings_for(tmp_path, targets, run), "test")


def test_validate_makes_a_run_of_its_own(tmp_path: Path) -> None:
    with simulated(SimOptions(mode="realistic")) as url:
        done = swelld("validate", "--server", url, "--model", "sim", "-n", "8", cwd=tmp_path)
    assert (done.code, done.err.count("Traceback")) == (0, 0), done.err + done.out
    figures = [line.split()[2:-1] for line in done.out.splitlines() if line.endswith("PASS") and "%" in line]
    assert figures[0] == ["requests", "8", "8", "+0.0%", "5%"]
    assert [figure[0] for figure in figures] == ["requests", "input", "output", "mean", "mean"]
    assert list(tmp_path.iterdir()) == []  # nothing is kept of it
