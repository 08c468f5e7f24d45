"""Replicas for a peak: worked out by hand, and refused where the measurement does not support an answer."""

import pytest

import sample_results
from sample_searches import level, searched
from swelld.analysis.recommendation import Recommendation, Spread, Wish, needed_users, recommend


def refused(made: Recommendation) -> str:
    assert not made.answered
    assert (made.capacity, made.replicas, made.gpus, made.monthly_cost, made.expected) == (None,) * 5
    (why,) = made.reasoning
    return why


WISH = Wish(peak=500, headroom=0.2, gpus_per_replica=2, gpu_name="H100", gpu_price=2.5)


def test_by_hand() -> None:
    made = recommend(searched(level(40, True), level(60, True), level(80, True), level(84, False)), WISH)
    assert made.answered
    assert made.needed == 600
    assert made.capacity == Spread(80.0, 80.0, 83.0)
    assert made.replicas == Spread(8.0, 8.0, 8.0)  # 600 / 80 = 7.5; 600 / 83 = 7.2
    assert made.gpus == 16
    assert made.monthly_cost == 16 * 2.5 * 730
    assert made.expected is not None
    assert (made.expected.users, made.expected.measured_at) == (63, 80.0)  # 500 / 8, next level measured
    assert made.expected.request_rate == pytest.approx(12.5 * 500 / 80)
    assert made.expected.good_share == 0.99
    text = " ".join(made.reasoning)
    assert "600 / 80 = 7.50, so 8 replicas" in text
    assert "63 users, 78% of what it carries" in text
    assert "16 GPUs (H100)" in text
    assert "29,200 USD a month" in text


def test_what_is_not_certain_is_an_interval() -> None:
    made = recommend(
        searched(level(40, True), level(80, True, sure=False), level(84, False, sure=False), level(160, False)), WISH
    )
    assert made.capacity == Spread(80.0, 40.0, 159.0)
    assert made.replicas == Spread(8.0, 4.0, 15.0)
    assert "at least 40 and at most 159 users: 4 to 15 replicas" in " ".join(made.reasoning)


def test_one_replica_that_carries_all_is_an_answer_though_its_capacity_is_not_known() -> None:
    made = recommend(searched(level(300, True), level(600, True), ended="max"), WISH)
    assert made.replicas == Spread(1.0, None, 1.0)
    assert "one replica is enough" in " ".join(made.reasoning)


def test_without_gpus_nothing_is_said_of_them() -> None:
    made = recommend(searched(level(80, True), level(84, False)), Wish(peak=100))
    assert made.replicas == Spread(2.0, 2.0, 2.0)
    assert (made.gpus, made.monthly_cost) == (None, None)
    assert "GPU" not in " ".join(made.reasoning)


@pytest.mark.parametrize(
    ("peak", "headroom", "needed"), [(500, 0.2, 600), (10, 0.0, 10), (3, 0.25, 4), (100, 0.1, 110)]
)
def test_needed(peak: int, headroom: float, needed: int) -> None:
    assert needed_users(Wish(peak=peak, headroom=headroom)) == needed


def test_no_level_meets_the_target() -> None:
    why = refused(recommend(searched(level(1, False), ended="nothing"), WISH))
    assert why.startswith("No level meets the target, not even a single user (20.0% of 500 requests were good)")


def test_all_levels_meet_it() -> None:
    why = refused(recommend(searched(level(50, True), level(100, True), ended="max"), WISH))
    assert "the capacity of a replica is not known" in why
    assert "6 replicas are enough" in why


def test_an_invalid_instrument() -> None:
    doubt = level(80, None, sure=False, reason="the load generator was the bottleneck: too slow")
    why = refused(recommend(searched(level(40, True), doubt, ended="doubt"), WISH))
    assert why == (
        "The measurement is not valid at 80 users: the load generator was the bottleneck: too slow. "
        "Measure from a larger machine."
    )


def test_a_moment_of_doubt_that_was_overcome() -> None:
    doubt = level(100, None, sure=False, reason="a busy machine")
    assert recommend(searched(level(80, True), doubt, level(84, False)), WISH).replicas == Spread(8.0, 8.0, 8.0)


def test_too_few_requests() -> None:
    few = level(40, True, sure=False, good=30, total=30)
    why = refused(recommend(searched(few, level(42, False, sure=False, total=30)), WISH))
    assert why.startswith(
        "Too few requests: 30 at most were asked at a level, and at least 52 can show a share of 95.0%"
    )


@pytest.mark.parametrize(
    ("ended", "said"), [("time", "The time of"), ("requests", "The requests of"), ("stopped", "stopped")]
)
def test_a_measurement_that_is_not_over(ended: str, said: str) -> None:
    assert said in refused(recommend(searched(level(40, True), ended=ended), WISH))


def test_another_kind_of_run() -> None:
    with pytest.raises(ValueError, match="is no search for a concurrency"):
        recommend(sample_results.result([sample_results.stage()]), WISH)
