"""What one level shows, from looks made by hand."""

from typing import Any

import msgspec
import pytest

import sample_results
from swelld.load.course import End, Look
from swelld.load.stage import ClosedStage, OpenStage
from swelld.result import LevelChange, StageResult
from swelld.search.judging import Asked, Judge

ASKED = Asked(0.95, 0.95, 0.05)
OPEN = OpenStage(label="rate=50", rate=50.0, duration=30.0)
CLOSED = ClosedStage(label="concurrency=10", users=10, requests=500)


def stage(good: int, total: int, answer: float = 0.5, **changes: Any) -> StageResult:
    e2e = sample_results.statistics(*[answer] * total)
    return sample_results.stage(goodput=sample_results.goodput(good, total), e2e=e2e, **changes)


def watch(judge: Judge, seconds: float, *, rate: float, open_at: Any, share: float = 1.0, **more: Any) -> End | None:
    """Looks every quarter of a second at `rate` answers per second; `open_at(moment)` requests are open."""
    end: End | None = None
    for place in range(1, int(seconds * 4)):
        moment = place / 4
        total = int(rate * moment)
        end = judge.look(Look([stage(round(share * total), total, **more)], moment, round(open_at(moment))))
        if end is not None:
            break
    return end


def test_a_level_that_holds_is_accepted_early_but_not_at_once() -> None:
    judge = Judge(OPEN, ASKED, 1, far=True)
    assert watch(judge, 9, rate=50, open_at=lambda _: 25) is None
    assert watch(judge, 30, rate=50, open_at=lambda _: 25) == "drain"
    found = judge.over([])
    assert found.accepted
    assert found.sure
    assert found.early
    assert found.good == found.total == 500  # after 10 s, a third of 30
    assert "100.0% of 500 requests were good (at least 99.5% with 95% confidence)" in found.reason


def test_random_arrivals_are_given_their_time_near_the_edge() -> None:
    level = msgspec.structs.replace(OPEN, process="poisson")
    assert watch(Judge(level, ASKED, 1, far=False), 29, rate=50, open_at=lambda _: 25) is None
    assert watch(Judge(level, ASKED, 1, far=True), 29, rate=50, open_at=lambda _: 25) == "drain"


def test_a_queue_that_grows_is_cut_short_though_every_answer_was_good() -> None:
    judge = Judge(OPEN, ASKED, 1, far=True)
    assert watch(judge, 30, rate=40, open_at=lambda moment: 25 + 10 * moment) == "cancel"
    found = judge.over([])
    assert found.accepted is False
    assert found.sure
    assert found.reason == "the queue grows: 20.1% of the arrivals were left behind"
    assert found.total < 40 * 8  # long before its 30 s were over


def test_a_queue_that_grows_slowly_is_told_at_the_end() -> None:
    judge = Judge(OPEN, ASKED, 1, far=True)
    assert watch(judge, 30, rate=48, open_at=lambda moment: 25 + 2.5 * moment) is None
    found = judge.over([stage(1440, 1440)])
    assert (found.accepted, found.sure, found.early) == (False, True, False)


def test_a_ramp_is_no_queue() -> None:
    """Answers take six seconds: for so long the number of open requests rises by itself."""
    judge = Judge(OPEN, ASKED, 1, far=True)
    assert watch(judge, 24, rate=45, open_at=lambda moment: 50 * min(6.0, moment), answer=6.0) != "cancel"


def test_users_that_miss_the_objective_are_cut_short() -> None:
    judge = Judge(CLOSED, ASKED, 1, far=True)
    assert watch(judge, 30, rate=20, open_at=lambda _: 10, share=0.6) == "cancel"
    found = judge.over([])
    assert (found.accepted, found.sure) == (False, True)
    assert found.total < 60


def test_users_are_accepted_after_three_rounds() -> None:
    judge = Judge(msgspec.structs.replace(CLOSED, users=100), ASKED, 1, far=True)
    assert watch(judge, 14, rate=20, open_at=lambda _: 100) is None
    assert watch(judge, 16, rate=20, open_at=lambda _: 100) == "drain"
    assert judge.over([]).total == 300


@pytest.mark.parametrize(
    ("good", "total", "accepted", "sure"),
    [
        (95, 100, True, False),
        (94, 100, False, False),
        (500, 500, True, True),
        (80, 100, False, True),
        (0, 0, False, False),
    ],
)
def test_at_the_end(good: int, total: int, accepted: bool, sure: bool) -> None:
    found = Judge(CLOSED, ASKED, 1, far=True).over([stage(good, total)])
    assert (found.accepted, found.sure, found.good, found.total) == (accepted, sure, good, total)


def test_the_target_that_fares_worst_decides() -> None:
    both = [stage(500, 500, target="a"), stage(60, 100, target="b")]
    found = Judge(CLOSED, ASKED, 2, far=True).over(both)
    assert (found.accepted, found.good, found.total) == (False, 60, 100)


def test_without_thresholds_an_answer_is_good() -> None:
    answered = sample_results.stage()
    failed = sample_results.open_stage(goodput=None)
    judge = Judge(CLOSED, ASKED, 1, far=True)
    assert judge.over([answered])[:4] == (True, True, 100, 100)
    assert judge.over([failed])[:4] == (True, False, 95, 100)


def test_a_load_generator_that_was_the_bottleneck_puts_a_miss_in_doubt_and_takes_the_certainty_from_a_hit() -> None:
    slow = sample_results.validity(valid=False, reasons=["too slow"])
    judge = Judge(CLOSED, ASKED, 1, far=True)
    missed = judge.over([stage(80, 100, validity=slow)])
    assert (missed.accepted, missed.reason) == (None, "the load generator was the bottleneck: too slow")
    met = judge.over([stage(500, 500, validity=slow)])
    assert (met.accepted, met.sure) == (True, False)


def test_a_load_that_was_held_back_says_nothing_of_a_miss() -> None:
    judge = Judge(CLOSED, ASKED, 1, far=True)
    assert judge.over([stage(80, 100, withheld={"budget": 3})]).accepted is None
    assert judge.over([stage(80, 100, changes=[LevelChange(1.0, concurrency=3)])]).accepted is None


def test_a_level_in_doubt_is_not_cut_short() -> None:
    """A short moment in which the machine was busy is little of a level, but much of its first seconds."""
    slow = sample_results.validity(valid=False, reasons=["1 of 10 windows"])
    judge = Judge(OPEN, ASKED, 1, far=True)
    assert watch(judge, 8, rate=40, open_at=lambda moment: 25 + 10 * moment, validity=slow) is None
    assert watch(judge, 12, rate=40, open_at=lambda moment: 25 + 10 * moment) == "cancel"
    assert judge.over([]).accepted is False
    assert watch(Judge(OPEN, ASKED, 1, far=True), 30, rate=50, open_at=lambda _: 25, validity=slow) is None
    hopeless = Judge(OPEN, ASKED, 1, far=True)
    assert watch(hopeless, 30, rate=40, open_at=lambda moment: 25 + 40 * moment, validity=slow) == "cancel"
    assert (hopeless.over([]).accepted, hopeless.over([]).doubted) == (None, True)


def test_a_load_that_was_held_back_says_nothing_even_if_all_was_good() -> None:
    judge = Judge(OPEN, ASKED, 1, far=True)
    assert judge.over([stage(100, 100, withheld={"budget": 3})]).accepted is None
    assert judge.over([stage(100, 100, changes=[LevelChange(1.0, rate=3)])]).accepted is None
