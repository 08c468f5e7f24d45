"""The three kinds of load: what may be written, and the stages that it makes."""

from typing import Any

import pytest
from pydantic import ValidationError

from swelld.load.bounds import Bounds
from swelld.load.closed import Closed
from swelld.load.open import Open
from swelld.load.sequential import Sequential
from swelld.load.stage import ClosedStage, OpenStage

BOUNDS = Bounds(requests=100, duration=60.0, warmup_requests=5, warmup_seconds=2.0, drain_seconds=7.0)
COMMON: dict[str, Any] = {
    "requests": 100,
    "duration": 60.0,
    "warmup_requests": 5,
    "warmup_seconds": 2.0,
    "drain_seconds": 7.0,
}


@pytest.mark.parametrize("written", [[1, 10], (1, 10), "1,10", ["1", 10]])
def test_a_closed_load_has_a_stage_for_each_number_of_users(written: Any) -> None:
    load = Closed.model_validate({"concurrency": written, "ramp_up": "5s", "think_time": "500ms"})
    assert load.stages(BOUNDS) == [
        ClosedStage(label="concurrency=1", users=1, ramp_up=5.0, think_time=0.5, **COMMON),
        ClosedStage(label="concurrency=10", users=10, ramp_up=5.0, think_time=0.5, **COMMON),
    ]


def test_one_number_is_a_list_of_one() -> None:
    assert Closed.model_validate({"concurrency": 50}).concurrency == (50,)
    assert Open.model_validate({"rate": "600/min"}).rate == (10.0,)


def test_an_open_load_has_a_stage_for_each_rate() -> None:
    load = Open.model_validate({"rate": "1/s,150/min", "arrivals": "gamma", "burstiness": 0.5})
    common = {"process": "gamma", "burstiness": 0.5, "max_in_flight": 10000, **COMMON}
    assert load.stages(BOUNDS) == [
        OpenStage(label="rate=1", rate=1.0, **common),
        OpenStage(label="rate=2.5", rate=2.5, **common),
    ]


def test_the_limit_of_requests_in_flight_reaches_the_stage() -> None:
    [stage] = Open.model_validate({"rate": 1}).stages(Bounds(requests=1, max_in_flight=3))
    assert isinstance(stage, OpenStage)
    assert stage.max_in_flight == 3


@pytest.mark.parametrize(
    ("written", "start", "end", "label"),
    [
        ("1/s..20/s", 1.0, 20.0, "rate=1..20"),
        ("1..20/s", 1.0, 20.0, "rate=1..20"),
        ("60..120/min", 1.0, 2.0, "rate=1..2"),
        ("20..1", 20.0, 1.0, "rate=20..1"),
        ({"from": "0.5/s", "to": 2}, 0.5, 2.0, "rate=0.5..2"),
    ],
)
def test_a_ramp_goes_from_one_rate_to_another(written: Any, start: float, end: float, label: str) -> None:
    load = Open.model_validate({"rate": written})
    [stage] = load.stages(BOUNDS)
    assert isinstance(stage, OpenStage)
    assert (stage.rate, stage.rate_end, stage.label) == (start, end, label)
    assert load.ramps()


def test_levels_and_ramps_can_follow_each_other_and_print_back() -> None:
    load = Open.model_validate({"rate": ["5/s", "5/s..30/min"]})
    assert load.levels() == ["rate=5", "rate=5..0.5"]
    assert load.model_dump(mode="json")["rate"] == ["5/s", "5/s..0.5/s"]
    assert Open.model_validate(load.model_dump(mode="json")) == load


def test_a_sequential_load_ends_with_the_prompts() -> None:
    [stage] = Sequential(iterations=10).stages(Bounds(prompts=18))
    assert stage == ClosedStage(label="sequential", users=1, repeat=10, requests=180)


def test_a_sequential_load_on_endless_prompts_needs_another_end() -> None:
    load = Sequential(iterations=10)
    with pytest.raises(ValueError, match="`iterations` needs a finite set of prompts, or `requests`, or `duration`"):
        load.stages(Bounds())
    assert load.stages(Bounds(requests=30))[0].requests == 30
    [by_time] = load.stages(Bounds(duration=5.0))
    assert (by_time.requests, by_time.duration) == (None, 5.0)


@pytest.mark.parametrize(
    ("model", "written", "message"),
    [
        (Closed, {"concurrency": [1, 1]}, "1 is listed twice"),
        (Closed, {"concurrency": []}, "at least 1 item"),
        (Closed, {"concurrency": 0}, "greater than 0"),
        (Open, {"rate": ["60/min", 1]}, "rate=1 is listed twice"),
        (Open, {"rate": "0/s"}, "greater than 0"),
        (Open, {"rate": "1/s.."}, "'' is no rate"),
        (Open, {"rate": 1, "burstiness": 2, "arrivals": "poisson"}, "has no meaning for poisson arrivals"),
        (Sequential, {"iterations": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(model: type[Closed], written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        model.model_validate(written)
