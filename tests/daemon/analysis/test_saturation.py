"""Where a server bends: on curves whose bend is known, and on stages."""

import pytest

from sample_results import goodput, stage
from swelld.analysis.saturation import bend, saturation
from swelld.result import ErrorCount, Saturation


def test_bend_of_a_curve_that_bends() -> None:
    levels = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert bend(levels, [min(level, 8.0) for level in levels]) == 8.0
    assert bend(levels, [min(level, 8.0) - max(0.0, level - 8) * 0.2 for level in levels]) == 8.0


@pytest.mark.parametrize(
    "rates",
    [[1.0, 2.0, 4.0, 8.0, 16.0], [5.0, 5.0, 5.0, 5.0, 5.0], [8.0, 7.0, 6.0, 5.0, 4.0], [0.1, 0.2, 0.5, 4.0, 16.0]],
    ids=["straight", "flat", "falling", "ever steeper"],
)
def test_what_does_not_bend(rates: list[float]) -> None:
    assert bend([1.0, 2.0, 4.0, 8.0, 16.0], rates) is None


def test_too_few_levels_for_a_bend() -> None:
    assert bend([1.0, 2.0, 3.0], [1.0, 2.0, 2.0]) is None


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
