"""A scenario: its defaults, and what it says when its parts do not fit."""

from typing import Any

import pytest
from pydantic import ValidationError

from swelld.load.stage import ClosedStage, OpenStage
from swelld.prompts.synthetic import Synthetic
from swelld.scenario import Scenario
from swelld.schedule.model import Schedule


def scenario(**keys: Any) -> Scenario:
    return Scenario.model_validate({"load": "10/s", "duration": "1m"} | keys)


def test_the_defaults_are_those_of_a_canary_by_hand() -> None:
    made = scenario()
    assert made.targets is None
    assert made.mix == "each"
    assert made.prompts == Synthetic(input_tokens=128, output_tokens=64)
    assert made.schedule == Schedule(kind="at_start")
    assert (made.drain, made.max_in_flight, made.seed) == (30.0, 10000, None)
    assert made.objectives.thresholds() == {}
    assert made.objectives.share == 0.99


def test_the_bounds_reach_the_stages() -> None:
    made = scenario(warmup={"requests": 3, "duration": "5s"}, drain="10s", max_in_flight=7, requests=100)
    assert made.stages() == [
        OpenStage(
            label="rate=10",
            rate=10.0,
            requests=100,
            duration=60.0,
            warmup_requests=3,
            warmup_seconds=5.0,
            drain_seconds=10.0,
            max_in_flight=7,
        )
    ]


def test_the_size_of_the_prompt_set_reaches_a_sequential_load() -> None:
    made = Scenario.model_validate({"load": {"iterations": 2}, "prompts": "suite"})
    assert made.stages(prompts=18) == [ClosedStage(label="sequential", users=1, repeat=2, requests=36)]


@pytest.mark.parametrize(
    ("targets", "mix"),
    [
        ("a,b", "each"),
        (["a", {"target": "b"}], "each"),
        ([{"target": "a", "weight": 0.3}, {"target": "b", "weight": 0.7}], "weighted"),
    ],
)
def test_the_mix_follows_from_the_weights(targets: Any, mix: str) -> None:
    made = scenario(targets=targets)
    assert made.mix == mix
    assert [share.target for share in made.targets or ()] == ["a", "b"]


def test_equal_weights_need_not_be_written() -> None:
    assert scenario(targets="a,b", mix="weighted").mix == "weighted"


def test_objectives_are_thresholds_in_seconds() -> None:
    made = scenario(objectives={"ttft": "500ms", "e2e": "10s"})
    assert made.objectives.thresholds() == {"ttft": 0.5, "e2e": 10.0}


def test_a_continuous_scenario_of_one_stage_needs_no_end() -> None:
    [stage] = Scenario.model_validate({"load": "1/s", "schedule": "continuous"}).stages()
    assert (stage.requests, stage.duration) == (None, None)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"duration": None}, "has no end; set `requests`, `duration` or `schedule: continuous`"),
        (
            {"load": "1/s,2/s", "duration": None, "schedule": "continuous"},
            r"would never leave its first stage \(rate=1\); set `requests` or `duration`",
        ),
        ({"load": "1..2/s", "duration": None, "requests": 5}, "load.rate: a ramp needs to know how long it lasts"),
        ({"targets": [{"target": "a", "weight": 1}], "mix": "each"}, "mix: each target gets the whole load"),
        ({"targets": "a,b,a"}, "'a' is listed twice"),
        ({"targets": ["a", {"target": "b", "weight": 1}]}, "'a' has no weight, but others have"),
    ],
)
def test_what_does_not_fit_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        scenario(**keys)


def test_contradictions_are_told_together() -> None:
    with pytest.raises(ValidationError) as caught:
        scenario(load="1..2/s", duration=None, targets=[{"target": "a", "weight": 1}], mix="each")
    message = str(caught.value)
    assert "has no end" in message
    assert "a ramp needs" in message
    assert "weights have no meaning" in message
