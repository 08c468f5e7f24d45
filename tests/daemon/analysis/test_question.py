"""A question becomes a wish and a scenario, and says itself what it cannot be."""

from typing import Any

import msgspec
import pytest

from swelld.analysis.question import Peak, Question
from swelld.analysis.recommendation import Wish
from swelld.load.search import Searching
from swelld.scenario import Scenario


def test_gpus_that_were_seen_are_those_of_a_replica_unless_their_number_is_given() -> None:
    peak = Peak(peak_concurrency=500, gpu_price=2.5)
    assert peak.wish(["H100", "H100"]) == Wish(peak=500, gpus_per_replica=2, gpu_name="H100", gpu_price=2.5)
    assert peak.wish(["H100", "L4"]).gpu_name == "H100, L4"
    assert peak.wish() == Wish(peak=500, gpu_price=2.5)
    given = Peak(peak_concurrency=500, headroom=0.5, gpus_per_replica=0)
    assert given.wish(["H100"]) == Wish(peak=500, headroom=0.5, gpus_per_replica=0)


def test_its_scenario_tries_no_more_users_than_are_needed() -> None:
    asked = Question(
        peak_concurrency=10, headroom=0.25, e2e_target=5.0, goodput_target=0.9, precision=0.1, at_most=60.0
    )
    scenario = Scenario.model_validate(asked.scenario())
    assert isinstance(scenario.load, Searching)
    search = scenario.load.search
    assert (search.kind, search.first, search.last, search.precision) == ("concurrency", 1.0, 13.0, 0.1)
    assert (search.at_most.duration, scenario.requests) == (60.0, 100)
    assert (scenario.objectives.thresholds(), scenario.objectives.share) == ({"e2e": 5.0}, 0.9)


@pytest.mark.parametrize(
    "wrong", [{"headroom": 20}, {"headroom": "nan"}, {"goodput_target": 95}, {"tpot_target": 50}, {"gpu_price": -1}]
)
def test_what_looks_like_percent_or_milliseconds_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{name}"):
        msgspec.convert({"peak_concurrency": 1, **wrong}, Question, strict=False)
