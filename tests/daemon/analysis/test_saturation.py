"""Where a server bends: on curves whose bend is known, and on stages."""

from typing import Any

import pytest

from sample_results import NOTHING, goodput, spread, stage, validity
from swelld.analysis.saturation import bend, saturation, telling
from swelld.result import ErrorCount, Requests, Saturation, StageResult


def test_bend_of_a_curve_that_bends() -> None:
    levels = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert bend(levels, [min(level, 8.0) for level in levels]) == 8.0
    assert bend(levels, [min(level, 8.0) - max(0.0, level - 8) * 0.2 for level in levels]) == 8.0
    assert bend(levels, [4.0, 4.9, 5.1, 5.2, 5.2, 5.1]) == 4.0  # the lowest with 95 % of 5.2


@pytest.mark.parametrize("rates", [[5.0, 5.0, 5.0], [8.0, 7.0, 6.0]], ids=["flat", "falling"])
def test_a_server_that_is_saturated_from_the_first_level(rates: list[float]) -> None:
    assert bend([1.0, 2.0, 4.0], rates) == 1.0


@pytest.mark.parametrize("rates", [[1.0, 2.0, 4.0, 8.0, 16.0], [0.1, 0.2, 0.5, 4.0, 16.0]], ids=["straight", "steeper"])
def test_what_does_not_bend(rates: list[float]) -> None:
    assert bend([1.0, 2.0, 4.0, 8.0, 16.0], rates) is None


def test_levels_that_lie_too_close_together_do_not_tell() -> None:
    assert bend([8.0, 16.0, 32.0, 33.0], [8.0, 16.0, 32.0, 33.0]) is None  # both of the last are carried
    assert bend([8.0, 16.0, 32.0, 33.0], [8.0, 16.0, 32.0, 28.0]) is None
    assert bend([8.0, 16.0, 32.0, 36.0], [8.0, 16.0, 32.0, 32.0]) == 32.0


def test_too_few_levels_for_a_bend() -> None:
    assert bend([1.0, 2.0], [2.0, 2.0]) is None
    assert bend([], []) is None
    assert bend([1.0, 2.0, 4.0], [0.0, 0.0, 0.0]) is None


def test_stages_in_any_order_all_targets_together() -> None:
    stages = [
        stage(stage="rate=8", target="a", request_rate=4.0, errors={"http_503": ErrorCount(2, "throttled")}),
        stage(stage="rate=8", target="b", request_rate=4.0),
        stage(stage="rate=2", target="a", request_rate=1.0),
        stage(stage="rate=2", target="b", request_rate=1.0),
        stage(stage="rate=4", target="a", request_rate=3.0, errors={"truncated": ErrorCount(1, "truncated")}),
        stage(stage="rate=4", target="b", request_rate=3.0),
        stage(stage="concurrency=64", target="a", request_rate=90.0),
    ]
    assert saturation(stages, "rate") == Saturation(bend=None, best=8.0, best_rate=8.0, errors_begin=8.0)
    flat = [*stages, stage(stage="rate=16", target="a", request_rate=4.1)]
    flat += [stage(stage="rate=16", target="b", request_rate=4.1)]
    assert saturation(flat, "rate").bend == 8.0
    assert saturation(stages, "concurrency").best == 64.0


def test_good_answers_count_where_there_is_an_objective() -> None:
    stages = [
        stage(stage="rate=2", request_rate=2.0, goodput=goodput(80, 80)),
        stage(stage="rate=4", request_rate=4.0, goodput=goodput(40, 80)),
    ]
    found = saturation(stages, "rate")
    assert (found.best, found.best_rate) == (2.0, 10.0)


def test_nothing_measured() -> None:
    nothing = Saturation(bend=None, best=None, best_rate=None, errors_begin=None)
    assert saturation([], "rate") == nothing
    assert saturation([stage(stage="rate=1", request_rate=None)], "rate") == nothing


def unanswered(rate: int, **changes: Any) -> StageResult:
    """100 requests in 8 seconds, and no answer before the end of them."""
    cancelled = Requests(scheduled=100, started=100, ok=0, failed=0, dropped=0, cancelled=100)
    return stage(**{"stage": f"rate={rate}", "request_rate": 0.0, "e2e": NOTHING, "requests": cancelled, **changes})


def test_a_level_without_any_answer_is_the_most_saturated_of_all() -> None:
    carried = [stage(stage=f"rate={rate}", request_rate=float(rate)) for rate in (2, 4, 8)]
    assert saturation(carried, "rate").bend is None
    assert saturation([*carried, unanswered(16)], "rate").bend == 8.0
    late = stage(stage="rate=16", request_rate=0.0, e2e=spread(20.0, 5))
    assert saturation([*carried, late], "rate").bend == 8.0
    beside = [stage(stage=f"rate={rate}", target="b", request_rate=float(rate)) for rate in (2, 4, 8, 16)]
    assert saturation([*carried, unanswered(16), *beside], "rate").bend == 8.0  # 16 of both, and 16 before


@pytest.mark.parametrize(
    "changes",
    [
        {"window_seconds": 1.5},  # shorter than an answer: it was stopped at once
        {"requests": Requests(scheduled=0, started=0, ok=0, failed=0, dropped=0)},
        {"request_rate": None},
    ],
    ids=["stopped", "no load", "no window"],
)
def test_no_answer_that_says_nothing_of_the_server(changes: dict[str, Any]) -> None:
    carried = [stage(stage=f"rate={rate}", request_rate=float(rate)) for rate in (2, 4, 8)]
    assert telling([*carried, unanswered(16, **changes)]) == carried
    assert saturation([*carried, unanswered(16, **changes)], "rate").bend is None


def test_where_nothing_was_answered_at_all_nothing_bends() -> None:
    assert saturation([unanswered(rate) for rate in (2, 4, 8)], "rate").bend is None


def test_what_is_no_level_is_left_out() -> None:
    alone = stage(stage="rate=16 solo=local", solo_of="rate=16", request_rate=90.0)
    found = saturation([stage(stage="rate=8", request_rate=8.0), alone], "rate")
    assert (found.best, found.best_rate) == (8.0, 8.0)


def test_a_level_that_was_measured_again_counts_once() -> None:
    doubted = validity(valid=False, reasons=["late"])
    first = stage(stage="rate=8", request_rate=3.0, validity=doubted)
    again = stage(stage="rate=8 again=2", request_rate=7.0)
    late = stage(stage="rate=8 again=3", request_rate=5.0, validity=doubted)
    found = saturation([first, again, late, stage(stage="rate=1e+06", request_rate=2.0)], "rate")
    assert (found.best, found.best_rate) == (8.0, 7.0)
    assert saturation([first], "rate").best_rate == 3.0
