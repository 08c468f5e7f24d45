"""A rate that is changed while a stage goes on, and a load of which only a part is let through."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.load.arrivals import MOST_TURNS, Arrival, Curve, Schedule, Turn, arrivals, passes, pick
from swelld.load.stage import OpenStage

LONGEST = 400


def turns_of(stage: OpenStage, changes: list[tuple[float, float]]) -> list[Turn]:
    """What a hub tells the shards of such changes, (moment, rate) each."""
    curve = Curve(stage)
    found = []
    for at, rate in sorted(changes):
        found.append(curve.turn_at(at, rate))
        curve.turn(found[-1])
    return found


def walk(schedule: Schedule, turns: list[Turn], lead: float) -> list[tuple[int, Arrival]]:
    """All arrivals of a shard that hears of every turn `lead` before it comes, while it waits for an arrival."""
    found: list[tuple[int, Arrival]] = []
    to_come = list(turns)
    arrival = schedule.next()
    while len(found) < LONGEST:
        if to_come and (arrival is None or arrival.due >= to_come[0].at - lead):
            schedule.turn(to_come.pop(0))
            arrival = schedule.present()
        elif arrival is None:
            break
        else:
            found.append((schedule.place, arrival))
            arrival = schedule.next()
    return found


stages = st.builds(
    lambda process, rate, end, duration, warmup: OpenStage(
        label="s",
        rate=rate,
        rate_end=end,
        duration=duration,
        warmup_seconds=warmup,
        process=process[0],
        burstiness=process[1],
    ),
    st.sampled_from([("constant", 1.0), ("poisson", 1.0), ("gamma", 0.5)]),
    st.floats(0.05, 50.0),
    st.none() | st.floats(0.5, 50.0),
    st.floats(0.5, 8.0),
    st.sampled_from([0.0, 1.0]),
)
changes = st.lists(
    st.tuples(st.floats(0.1, 9.0), st.floats(0.05, 50.0)), max_size=3, unique_by=lambda change: round(change[0], 3)
)


@given(stage=stages, made=changes, seed=st.integers(0, 3), parts=st.integers(1, 5), lead=st.floats(0.0, 0.1))
def test_all_parts_together_are_the_whole_schedule_whatever_turns_there_are(
    stage: OpenStage, made: list[tuple[float, float]], seed: int, parts: int, lead: float
) -> None:
    turns = turns_of(stage, made)
    whole = walk(Schedule(stage, seed), turns, lead)
    shares = [walk(Schedule(stage, seed, part, parts), turns, lead) for part in range(parts)]
    for part, share in enumerate(shares):
        assert [place % parts for place, _ in share] == [part] * len(share)
    together = sorted(itertools.chain(*shares))
    assert [place for place, _ in together[: len(whole)]] == list(range(len(whole)))
    if len(whole) < LONGEST:
        assert together == whole
    dues = [arrival.due for _, arrival in whole]
    assert all(before <= after + 1e-9 for before, after in itertools.pairwise(dues))


@given(stage=stages, made=changes, seed=st.integers(0, 3))
def test_a_shard_that_is_told_of_all_turns_at_first_has_the_same_arrivals(
    stage: OpenStage, made: list[tuple[float, float]], seed: int
) -> None:
    turns = turns_of(stage, made)
    heard = walk(Schedule(stage, seed), turns, 0.05)
    told = walk(Schedule(stage, seed, turns=turns), [], 0.0)
    assert told == heard


def test_the_rate_is_another_from_the_turn_on() -> None:
    stage = OpenStage(label="s", rate=10.0, duration=10.0)
    dues = [arrival.due for _, arrival in walk(Schedule(stage, 0), turns_of(stage, [(4.0, 2.0)]), 0.05)]
    assert dues == pytest.approx([*(i / 10 for i in range(41)), *(4.0 + i / 2 for i in range(1, 12))])


def test_a_turn_brings_arrivals_back_that_lay_beyond_the_end() -> None:
    stage = OpenStage(label="s", rate=0.01, duration=10.0)
    found = walk(Schedule(stage, 0), turns_of(stage, [(5.0, 1.0)]), 0.05)
    assert [arrival.due for _, arrival in found] == pytest.approx([0.0, 5.95, 6.95, 7.95, 8.95, 9.95])


def test_a_turn_in_the_warm_up_does_not_move_the_window() -> None:
    stage = OpenStage(label="s", rate=0.1, duration=2.0, warmup_seconds=10.0)
    found = walk(Schedule(stage, 0), turns_of(stage, [(5.0, 10.0)]), 0.05)
    warm = [arrival for _, arrival in found if arrival.warmup]
    measured = [arrival for _, arrival in found if not arrival.warmup]
    assert (len(warm), len(measured)) == (51, 20)
    assert [arrival.number for arrival in measured] == list(range(20))
    assert (measured[0].due, measured[-1].due) == pytest.approx((10.05, 11.95))


def test_a_ramp_ends_at_the_turn() -> None:
    stage = OpenStage(label="s", rate=1.0, rate_end=21.0, duration=10.0)
    curve = Curve(stage)
    assert (curve.rate(5.0), curve.reached(5.0)) == (11.0, 30.0)
    curve.turn(curve.turn_at(5.0, 3.0))
    assert [curve.rate(moment) for moment in (4.9, 5.0, 9.0)] == pytest.approx([10.8, 3.0, 3.0])
    assert [curve.reached(moment) for moment in (2.5, 5.0, 9.0)] == pytest.approx([8.75, 30.0, 42.0])
    assert [curve.moment(progress) for progress in (8.75, 30.0, 42.0)] == pytest.approx([2.5, 5.0, 9.0])


def test_thousands_of_turns_take_no_memory_and_leave_the_schedule_right() -> None:
    stage = OpenStage(label="s", rate=1.0)
    curve = Curve(stage)
    for second in range(1, 3001):
        curve.turn(curve.turn_at(float(second), 1.0 + second % 2))
    assert len(curve.turns) == MOST_TURNS
    assert curve.reached(3000.0) == 4500.0
    assert Curve(stage, curve.turns).moment(curve.reached(3100.0)) == pytest.approx(3100.0)


@given(
    factor=st.floats(0.0, 1.0),
    start=st.integers(0, 10**9),
    count=st.integers(1, 500),
    parts=st.sampled_from([1, 2, 3, 8]),
)
def test_of_any_stretch_of_arrivals_the_part_is_let_through_in_every_shard(
    factor: float, start: int, count: int, parts: int
) -> None:
    through = sum(passes(place, factor) for place in range(start, start + count * parts, parts))
    assert abs(through - factor * count) <= 8.0


def test_all_or_nothing() -> None:
    assert all(passes(place, 1.0) for place in range(100))
    assert not any(passes(place, 0.0) for place in range(100))


def test_what_is_let_through_is_evenly_spread_and_grows_with_the_factor() -> None:
    few, many = ({place for place in range(400) if passes(place, factor)} for factor in (0.25, 0.5))
    assert few < many
    gaps = [after - before for before, after in itertools.pairwise(sorted(few))]
    assert set(gaps) <= {2, 3, 5}
    assert abs(len(few) - 100) <= 1


def test_every_target_gets_its_share_of_what_is_let_through() -> None:
    weights = (0.3, 0.7)
    first = [pick(weights, place) for place in range(4000) if passes(place, 0.2)].count(0)
    assert first / 800 == pytest.approx(0.3, abs=0.02)


def test_without_turns_a_schedule_is_what_arrivals_gives() -> None:
    stage = OpenStage(label="s", rate=30.0, duration=2.0, process="poisson", warmup_requests=3)
    assert [arrival for _, arrival in walk(Schedule(stage, 5), [], 0.0)] == list(arrivals(stage, 5))
