"""Stages of each target alone, with the load that it has beside the others."""

import pytest

from swelld.load.solo import FIRST_PROMPT, solo_first
from swelld.load.stage import ClosedStage, OpenStage, Replayed, Solo, Stage

RATE = OpenStage(label="rate=10", rate=10.0, rate_end=20.0, duration=30.0, requests=100, warmup_requests=10)
USERS = ClosedStage(label="concurrency=10", users=10, requests=200, ramp_up=5.0)


def labels(stages: list[Stage]) -> list[str]:
    return [stage.label for stage in stages]


def test_every_target_is_alone_before_all_are_together() -> None:
    found = solo_first([RATE, USERS], ("a", "b"), (1.0, 1.0))
    assert labels(found) == [
        "rate=10 solo=a",
        "rate=10 solo=b",
        "rate=10",
        "concurrency=10 solo=a",
        "concurrency=10 solo=b",
        "concurrency=10",
    ]
    assert [stage.solo for stage in found[:3]] == [Solo(0, "rate=10"), Solo(1, "rate=10"), None]
    assert (found[2], found[5]) == (RATE, USERS)


def test_alone_a_target_has_its_part_of_the_load() -> None:
    small, large, _ = solo_first([RATE], ("small", "large"), (0.3, 0.7))
    assert isinstance(small, OpenStage)
    assert isinstance(large, OpenStage)
    assert (small.rate, small.rate_end, small.requests, small.warmup_requests) == (3.0, 6.0, 30, 3)
    assert (large.rate, large.rate_end, large.requests, large.duration) == (7.0, 14.0, 70, 30.0)


def test_users_are_shared_out_and_never_none() -> None:
    found = solo_first([USERS], ("a", "b"), (0.04, 0.96))
    assert [(stage.users, stage.requests) for stage in found if isinstance(stage, ClosedStage)] == [
        (1, 8),
        (10, 192),
        (10, 200),
    ]


def test_alone_it_is_asked_other_prompts() -> None:
    """Or a prefix cache would make the figures together look better than they are."""
    found = solo_first([RATE], ("a", "b"), (1.0, 1.0))
    assert [stage.first_prompt for stage in found] == [FIRST_PROMPT, FIRST_PROMPT, 0]


def test_a_part_of_a_trace_cannot_be_had() -> None:
    trace = OpenStage(label="trace", rate=1.0, replay=Replayed())
    assert labels(solo_first([trace], ("a", "b"), (1.0, 1.0))) == ["trace solo=a", "trace solo=b", "trace"]
    with pytest.raises(ValueError, match="set `mix: each`, or use a rate"):
        solo_first([trace], ("a", "b"), (0.3, 0.7))
