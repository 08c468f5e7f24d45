"""Whole searches against the simulator's batch on a virtual clock, whose capacity is known."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

import sample_results
from swelld.analysis.sweep import read, sweeps
from swelld.load.bounds import Bounds
from swelld.load.course import Look
from swelld.load.search import Search
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld.result import SearchResult, StageResult
from swelld.search.memory import Forgetful, Found
from swelld.search.searching import CapacitySearch
from swelld.sim.batch import capacity
from swelld.sim.options import SimOptions
from virtual_server import Clock, carry_out, good_share

SERVER = SimOptions(mode="realistic", max_num_seqs=16, step_base=0.008, prefix_caching=False)
LENGTHS = (64, 32)


class Kept:
    """A memory that can be looked into."""

    def __init__(self, found: Sequence[Found] = ()) -> None:
        self.found = found
        self.forgotten = False

    def recall(self) -> Sequence[Found]:
        return self.found

    def keep(self, found: Sequence[Found]) -> None:
        self.found = list(found)

    def forget(self) -> None:
        self.forgotten = True


def searching(
    memory: Any = None, bounds: Bounds | None = None, clock: Clock | None = None, **search: Any
) -> CapacitySearch:
    settings = Search.model_validate({"kind": "rate", "from": 8, **search})
    return CapacitySearch(settings, bounds or Bounds(duration=12.0), 0.95, 1, memory or Forgetful(), clock or Clock())


def search(thresholds: dict[str, float], bounds: Bounds | None = None, memory: Any = None, **more: Any) -> SearchResult:
    clock = Clock()
    course = searching(memory, bounds, clock, **more)
    return course.result(carry_out(course, SERVER, LENGTHS, thresholds, 0.95, clock))


def test_a_rate_is_found_within_five_percent() -> None:
    found = search({"ttft": 0.3})
    assert found.capacity is not None
    truth = capacity(SERVER, *LENGTHS).requests_per_second
    assert found.capacity == pytest.approx(truth, rel=0.05)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= truth * 1.02
    assert truth <= found.high <= found.low * 1.06
    assert found.ended == "precise"
    assert found.limit == (0.7 * found.capacity, 0.8 * found.capacity)
    assert found.saturation.bend == pytest.approx(truth, rel=0.1)


def test_a_level_far_beyond_is_cut_short() -> None:
    found = search({"ttft": 5.0})  # so patient that nothing but the queue tells
    beyond = max(found.levels, key=lambda level: level.level)
    assert beyond.level == 64
    assert (beyond.accepted, beyond.cut_short) == (False, True)
    assert beyond.seconds < 8
    assert "the queue grows" in beyond.reason


def test_random_arrivals() -> None:
    found = search({"ttft": 0.3}, Bounds(duration=20.0), arrivals="poisson")

    def meets(rate: float) -> bool:
        stage = OpenStage(label="truth", rate=rate, process="poisson", warmup_seconds=5.0, duration=200.0)
        return good_share(stage, SERVER, LENGTHS, {"ttft": 0.3}) >= 0.95

    assert found.capacity is not None
    assert meets(found.capacity * 0.94)
    assert not meets(found.capacity * 1.06)


def test_users_by_their_time_per_token() -> None:
    """A step of n sequences takes 8 ms + 0.1 ms n (and prefill): 9.5 ms a token are 13 or 14 users."""
    found = search({"tpot": 0.0095}, Bounds(requests=60), kind="concurrency", **{"from": 1})

    def meets(users: int) -> bool:
        stage = ClosedStage(label="truth", users=users, ramp_up=2.0, warmup_seconds=5.0, duration=60.0)
        return good_share(stage, SERVER, LENGTHS, {"tpot": 0.0095}) >= 0.95

    truth = max(users for users in range(1, 20) if meets(users))
    assert found.capacity is not None
    assert abs(found.capacity - truth) <= 1
    assert found.request_rate is not None
    assert found.request_rate == pytest.approx(found.capacity / (32 * 0.0098), rel=0.25)


def test_not_even_the_first_level() -> None:
    found = search({"ttft": 0.0001})
    assert (found.capacity, found.low, found.high, found.ended) == (None, None, 8.0, "nothing")
    assert found.lines[0] == "Not even 8 requests/s met the objective: begin at a lower level, or look at the server."
    assert found.limit is None


def test_the_highest_level_there_may_be() -> None:
    found = search({"ttft": 1.0}, max=20)
    assert (found.capacity, found.high, found.ended) == (20.0, None, "max")
    assert "at least so much, raise `max`" in found.lines[1]


def test_it_ends_when_its_time_is_used_up() -> None:
    found = search({"ttft": 0.3}, at_most={"duration": "30s"})
    assert found.ended == "time"
    assert sum(level.seconds for level in found.levels) < 31
    assert found.capacity is not None
    assert any("its time was used up" in line for line in found.lines)


def test_it_ends_when_its_requests_are_used_up() -> None:
    found = search({"ttft": 0.3}, at_most={"requests": 300})
    assert found.ended == "requests"
    assert 300 <= sum(level.total for level in found.levels) < 300 + 64


def test_a_search_goes_on_where_it_was_broken_off() -> None:
    whole = search({"ttft": 0.3})
    first = Kept()
    broken = search({"ttft": 0.3}, memory=first, at_most={"duration": "30s"})
    assert not first.forgotten
    assert len(first.found) == len(broken.levels) >= 2
    second = Kept(first.found)
    rest = search({"ttft": 0.3}, memory=second)
    assert second.forgotten
    assert rest.capacity == whole.capacity
    names = [level.stage for level in rest.levels]
    assert len(names) == len(set(names))
    assert [name for name in names if "again" in name] == [f"rate={rest.high:g} again=2"]
    assert [level.level for level in rest.levels if level.taken_over] == [level.level for level in broken.levels]


def test_every_level_asks_other_prompts() -> None:
    clock = Clock()
    course = searching(clock=clock)
    seen = []
    number = course.next([])
    assert number is not None
    seen.append(number.first_prompt)
    done = [sample_results.stage(stage=number.label, goodput=sample_results.goodput(100, 100))]
    later = course.next(done)
    assert later is not None
    assert later.first_prompt > seen[0] + 1_000_000


def test_a_stopped_search_says_so() -> None:
    course = searching()
    stage = course.next([])
    assert stage is not None
    look = Look([sample_results.stage(goodput=sample_results.goodput(1, 1))], 0.1, 1)
    assert course.look(look) is None
    assert course.result([]).ended == "stopped"
    assert course.result([]).lines == ["No level was decided: there is nothing to say about the capacity."]


def doubted(level: Stage) -> StageResult:
    slow = sample_results.validity(valid=False, reasons=["a busy machine"])
    return sample_results.stage(stage=level.label, goodput=sample_results.goodput(1, 500), validity=slow)


def doubted_good(level: Stage) -> StageResult:
    slow = sample_results.validity(valid=False, reasons=["a busy machine"])
    return sample_results.stage(stage=level.label, goodput=sample_results.goodput(500, 500), validity=slow)


def held_back(level: Stage) -> StageResult:
    return sample_results.stage(stage=level.label, goodput=sample_results.goodput(500, 500), withheld={"yield": 3})


def decided(level: Stage, good: int) -> StageResult:
    return sample_results.stage(stage=level.label, goodput=sample_results.goodput(good, 500))


def run_of(course: CapacitySearch, *shows: Callable[[Stage], StageResult]) -> tuple[list[str], SearchResult]:
    """The levels that are tried if they show this one after another, and what is found."""
    done: list[StageResult] = []
    labels = []
    for show in shows:
        stage = course.next(done)
        assert stage is not None
        labels.append(stage.label.partition("=")[2])
        done.append(show(stage))
    assert course.next(done) is None
    return labels, course.result(done)


def good(stage: Stage) -> StageResult:
    return decided(stage, 500)


def bad(stage: Stage) -> StageResult:
    return decided(stage, 5)


def test_a_moment_of_doubt_is_no_limit() -> None:
    course = searching(kind="concurrency", levels=[2, 10])
    labels, found = run_of(course, good, doubted, bad, good, good, good, good, bad)
    assert labels == ["2", "10", "10 again=2", "4", "6", "8", "9", "10 again=3"]
    assert (found.capacity, found.high, found.ended) == (9.0, 10.0, "precise")


def test_a_level_that_one_measurement_rejected_is_measured_again() -> None:
    course = searching(kind="concurrency", levels=[2, 4, 8])
    labels, found = run_of(course, good, bad, good, good, good, good)
    assert labels == ["2", "4", "3", "4 again=2", "4 again=3", "8"]
    assert (found.capacity, found.high, found.ended) == (8.0, None, "max")
    assert "did not meet" not in " ".join(found.lines)
    decided_once = [level.accepted for level in found.levels if level.level == 4]
    assert decided_once == [False, True, True]


def test_a_capacity_that_was_accepted_in_doubt_is_measured_again() -> None:
    course = searching(kind="concurrency", levels=[2, 4])
    labels, found = run_of(course, doubted_good, doubted_good, good)
    assert labels == ["2", "4", "4 again=2"]
    assert (found.capacity, found.low, [level.doubted for level in found.levels]) == (4.0, 4.0, [True, True, False])
    assert found.request_rate == 12.5  # of one measurement, not of both
    course = searching(kind="concurrency", levels=[4])
    labels, found = run_of(course, doubted_good, doubted_good, doubted_good)
    assert (found.capacity, found.low, found.ended) == (4.0, None, "max")
    assert "The load generator was the bottleneck at 4 users: use more load processes" in " ".join(found.lines)


def test_a_load_that_was_held_back_shows_nothing() -> None:
    course = searching(kind="concurrency", levels=[4])
    labels, found = run_of(course, held_back, good)
    assert labels == ["4", "4 again=2"]
    assert [level.accepted for level in found.levels] == [None, True]


def test_nothing_else_says_anything_else_of_a_search() -> None:
    """The stages of a search are read by other parts, too: what they are told is what the search has found."""
    course = searching(kind="concurrency", levels=[2, 4, 8])
    shows = (good, bad, good, good, bad)
    done: list[StageResult] = []
    for show in shows:
        stage = course.next(done)
        assert stage is not None
        done.append(show(stage))
    assert course.next(done) is None
    whole = course.complete(sample_results.result(done))
    assert whole.search is not None
    assert whole.search.capacity == 3.0
    (sweep,) = sweeps(whole)
    found = read(sweep)
    assert sweep.levels == (2.0, 3.0, 4.0)
    assert [stage.stage for stage in sweep.stages] == ["concurrency=2", "concurrency=3", "concurrency=4 again=3"]
    assert found.lines == tuple(whole.search.lines)
    assert found.carried is not None
    assert found.carried.stage == "concurrency=3"
    bends = whole.search.saturation.bend
    assert bends is not None
    assert found.saturation is not None
    assert found.saturation.stage == f"concurrency={bends:g}"


def test_doubt_ends_it_with_what_was_known() -> None:
    shows = [good, doubted, doubted, doubted, good, good, good, doubted, doubted, doubted]
    labels, found = run_of(searching(kind="concurrency", levels=[1, 10]), *shows)
    assert labels == ["1", "10", "10 again=2", "10 again=3", "3", "5", "7", "8", "8 again=2", "8 again=3"]
    assert (found.capacity, found.high, found.ended) == (7.0, None, "doubt")
    assert "a busy machine" in " ".join(found.lines)


def test_beyond_a_level_in_doubt_nothing_has_to_be_known() -> None:
    course = searching(kind="concurrency", levels=[2, 10])
    labels, found = run_of(course, good, doubted, doubted, doubted, good, bad, good, bad)
    assert labels == ["2", "10", "10 again=2", "10 again=3", "4", "6", "5", "6 again=2"]
    assert (found.capacity, found.high, found.ended) == (5.0, 6.0, "precise")


def test_doubt_of_the_first_level() -> None:
    labels, found = run_of(searching(), doubted, doubted, doubted)
    assert labels == ["8", "8 again=2", "8 again=3"]
    assert (found.capacity, found.ended) == (None, "doubt")


def test_the_verdict_is_of_the_capacity_and_of_what_met_the_objective() -> None:
    course = searching(max=16)
    first = course.next([])
    assert first is not None
    good = sample_results.stage(stage=first.label, goodput=sample_results.goodput(500, 500))
    second = course.next([good])
    assert second is not None
    bad = sample_results.stage(stage=second.label, goodput=sample_results.goodput(1, 500))
    third = course.next([good, bad])
    assert third is not None
    made = sample_results.result([good, bad])
    whole = course.complete(made)
    assert whole.search is not None
    assert [(f.level, f.subject) for f in whole.verdict][:1] == [("WARNING", "capacity")]
    assert {f.stage for f in whole.verdict} <= {None, first.label}
    assert msgspec.json.decode(msgspec.json.encode(whole), type=type(whole)) == whole
