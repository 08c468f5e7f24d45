"""Ranges of levels, and the loads that decide on theirs while they go on."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from swelld.components import Load
from swelld.load.closed import Closed
from swelld.load.levels import parse_levels
from swelld.load.open import Open
from swelld.load.search import Searching
from swelld.load.stage import ClosedStage, OpenStage
from swelld.load.sweep import Sweeping
from swelld.scenario import Scenario

LOAD: TypeAdapter[Any] = TypeAdapter(Load)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("1..100 step 30", (1, 31, 61, 91)),
        ("1..256 x4", (1, 4, 16, 64, 256)),
        ("1,5, 10..20 step 5", (1, 5, 10, 15, 20)),
        ([2, "4..16 x2"], (2, 4, 8, 16)),
        ("7..7 step 1", (7,)),
    ],
)
def test_ranges_of_users(text: Any, levels: tuple[int, ...]) -> None:
    assert Closed.model_validate({"concurrency": text}).concurrency == levels


def test_ranges_of_rates() -> None:
    assert Open.model_validate({"rate": "60/min..240/min x2"}).rate == (1.0, 2.0, 4.0)
    assert Open.model_validate({"rate": "0.1/s..0.3/s step 0.1"}).levels() == ["rate=0.1", "rate=0.2", "rate=0.3"]
    assert Open.model_validate({"rate": "1..20/s"}).ramps()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1..100 step", "is no range of levels"),
        ("1..100 x", "is no range of levels"),
        ("9..3 step 1", "goes nowhere"),
        ("1..9 x1", "goes nowhere"),
        ("1..9 step 0", "goes nowhere"),
        ("0..9 x2", "goes nowhere"),
        ("1..5000 step 1", "more than 1000 levels"),
    ],
)
def test_ranges_that_are_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_levels(text)


def test_auto_is_a_sweep() -> None:
    load = LOAD.validate_python({"rate": "auto", "arrivals": "poisson"})
    assert isinstance(load, Sweeping)
    assert (load.sweep.kind, load.sweep.arrivals, load.sweep.count, load.sweep.users) == ("rate", "poisson", 6, 64)
    assert LOAD.validate_python("auto") == LOAD.validate_python({"sweep": "rate"})
    assert LOAD.validate_python({"concurrency": "auto"}).sweep.kind == "concurrency"
    assert load.levels() == ["concurrency=1", "concurrency=64"]


def test_a_search_as_it_is_written() -> None:
    load = LOAD.validate_python(
        {"search": {"kind": "rate", "max": "40/s", "precision": "10%", "at_most": {"requests": 900, "duration": "5m"}}}
    )
    assert isinstance(load, Searching)
    search = load.search
    assert (search.first, search.last, search.precision, search.confidence) == (1.0, 40.0, 0.1, 0.95)
    assert (search.at_most.requests, search.at_most.duration) == (900, 300.0)
    assert load.levels() == ["rate=1", "rate=40"]
    assert LOAD.validate_python(LOAD.dump_python(load, mode="json", by_alias=True)) == load


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"kind": "rate", "from": 9, "max": 3}, "is above `max`"),
        ({"kind": "rate", "levels": [3, 2]}, "do not rise"),
        ({"kind": "concurrency", "max": 10.5}, "no whole number; write 10"),
        ({"kind": "concurrency", "arrivals": "poisson"}, "of an open loop"),
        ({"kind": "rate", "think_time": "1s"}, "of a closed loop"),
        ({"kind": "rate", "burstiness": 2}, "has no meaning for constant arrivals"),
        ({"kind": "rate", "precision": "much"}, "precision"),
        ({"kind": "rate", "precision": "x%"}, "is no share"),
        ({"kind": "tokens"}, "kind"),
    ],
)
def test_searches_that_cannot_be(search: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Searching.model_validate({"search": search})


def test_a_search_for_users_needs_something_to_go_by() -> None:
    scenario: dict[str, Any] = {"load": {"search": {"kind": "concurrency"}}, "requests": 100}
    with pytest.raises(ValidationError, match="objectives: are what the search goes by"):
        Scenario.model_validate(scenario)
    assert Scenario.model_validate({**scenario, "objectives": {"ttft": "1s"}}).objectives.ttft == 1.0


def test_stages_of_a_search() -> None:
    scenario = Scenario.model_validate(
        {"load": {"search": {"kind": "concurrency"}}, "requests": 50, "objectives": {"ttft": 1}}
    )
    assert isinstance(scenario.load, Searching)
    search, bounds = scenario.load.search, scenario.bounds()
    first = search.stage(4, bounds, None)
    assert first == ClosedStage(label="concurrency=4", users=4, requests=50)
    later = search.stage(40, bounds, 1.5, place=3)
    assert later == ClosedStage(
        label="concurrency=40",
        users=40,
        requests=200,  # five of each user
        ramp_up=3.0,
        warmup_seconds=6.0,
        first_prompt=30_000_000,
    )


def test_a_warmup_that_is_given_is_kept() -> None:
    scenario = Scenario.model_validate(
        {"load": {"search": {"kind": "rate"}}, "duration": "20s", "warmup": {"duration": "7s"}}
    )
    assert isinstance(scenario.load, Searching)
    stage = scenario.load.search.stage(2.5, scenario.bounds(), 1.5, place=1)
    assert stage == OpenStage(label="rate=2.5", rate=2.5, duration=20.0, warmup_seconds=7.0, first_prompt=10_000_000)
