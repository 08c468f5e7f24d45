"""Rates that change over time: arrivals are as many as the integral says, wherever one looks."""

import math
import statistics
from datetime import datetime
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swelld.load.arrivals import Curve, Schedule, arrivals
from swelld.load.integral import KEPT, Integral
from swelld.load.shapes import Constant, Day, Points, Product, Shape, Sine, Sum, square
from swelld.load.stage import OpenStage

rates = st.just(0.0) | st.floats(0.05, 30.0)
periods = st.floats(2.0, 40.0)
sines = st.builds(
    lambda mean, share, period, phase: Sine(mean, mean * share, period, phase),
    rates, st.floats(0.0, 1.0), periods, st.floats(0.0, 50.0),
)  # fmt: skip
squares = st.builds(square, rates, rates, periods, st.floats(0.05, 0.95), st.floats(0.0, 50.0))
points = st.builds(
    lambda gaps, levels, lines, again: Points(
        tuple(sum(gaps[: place + 1]) for place in range(4)), tuple(levels), lines, sum(gaps) + 1.0 if again else None
    ),
    st.lists(st.floats(0.1, 5.0), min_size=4, max_size=4),
    st.lists(rates, min_size=4, max_size=4),
    st.booleans(),
    st.booleans(),
)
simple = st.builds(Constant, rates) | sines | squares | points
factors = st.builds(Constant, st.sampled_from([0.0, 0.5, 2.0])) | st.builds(lambda p: Sine(0.5, 0.5, p), periods)
shapes: st.SearchStrategy[Shape] = (
    simple
    | st.builds(lambda one, other: Sum((one, other)), simple, simple)
    | st.builds(lambda one, factor: Product((one, factor)), simple, factors)
)


def summed(shape: Shape, start: float, end: float) -> float:
    """The integral, by many small steps within the smooth pieces."""
    total, begin = 0.0, start
    while begin < end - 1e-6:
        until = min(end, shape.until(begin + 1e-6))
        step = (until - begin) / 64
        total += math.fsum(shape.rate(begin + (place + 0.5) * step) for place in range(64)) * step
        begin = until
    return total


@given(shape=shapes, first=st.floats(0.0, 60.0), length=st.floats(0.0, 60.0))
@settings(max_examples=300)
def test_the_integral_is_that_of_the_rate(shape: Shape, first: float, length: float) -> None:
    integral = Integral(shape)
    found = integral.reached(first + length) - integral.reached(first)
    assert found == pytest.approx(summed(shape, first, first + length), rel=2e-3, abs=2e-3)


@given(shape=shapes, interval=st.tuples(st.floats(0.0, 60.0), st.floats(0.0, 60.0)))
@settings(max_examples=300)
def test_in_any_interval_arrivals_are_as_many_as_the_integral_to_within_one(
    shape: Shape, interval: tuple[float, float]
) -> None:
    start, end = sorted(interval)
    stage = OpenStage(label="s", rate=0.0, shape=shape, duration=60.0)
    dues = [arrival.due for arrival in arrivals(stage, 1)]
    integral = Integral(shape)
    assert abs(sum(start <= due < end for due in dues) - (integral.reached(end) - integral.reached(start))) <= 1 + 1e-6
    assert abs(len(dues) - integral.reached(60.0)) <= 1 + 1e-9  # the integral is a float
    assert all(one <= other for one, other in pairwise(dues))


@given(shape=shapes, progress=st.lists(st.floats(0.0, 60.0), min_size=1, max_size=12))
def test_the_moment_of_a_number_is_when_it_is_reached_in_whatever_order_one_asks(
    shape: Shape, progress: list[float]
) -> None:
    integral = Integral(shape)
    for number in progress:
        moment = integral.moment(number)
        if moment < 1e6:
            assert integral.reached(moment) == pytest.approx(number, rel=1e-9, abs=1e-6)
            assert Integral(shape).moment(number) == pytest.approx(moment, rel=1e-9, abs=1e-6)


@given(shape=shapes, parts=st.integers(1, 5), process=st.sampled_from(["constant", "poisson"]))
def test_the_shares_of_all_shards_are_the_whole_schedule(shape: Shape, parts: int, process: str) -> None:
    stage = OpenStage(label="s", rate=0.0, shape=shape, duration=20.0, process=process)
    stage = msgspec.msgpack.decode(msgspec.msgpack.encode(stage), type=OpenStage)  # as it goes to a shard
    whole = list(arrivals(stage, 3))
    found = []
    for part in range(parts):
        schedule = Schedule(stage, 3, part, parts)
        found += list(iter(schedule.next, None))
    assert sorted(found, key=lambda arrival: arrival.number) == whole


def test_poisson_arrivals_have_the_mean_of_the_integral_in_every_quarter() -> None:
    shape = Sine(20.0, 15.0, 40.0)
    stage = OpenStage(label="s", rate=0.0, shape=shape, duration=40.0, process="poisson")
    quarters: list[list[int]] = [[], [], [], []]
    for seed in range(200):
        dues = [arrival.due for arrival in arrivals(stage, seed)]
        for place, counts in enumerate(quarters):
            counts.append(sum(10 * place <= due < 10 * place + 10 for due in dues))
    for place, counts in enumerate(quarters):
        expected = summed(shape, 10.0 * place, 10.0 * place + 10.0)
        assert statistics.mean(counts) == pytest.approx(expected, abs=4 * math.sqrt(expected / 200))
        if place:  # the first arrival is at the start, not drawn
            assert statistics.variance(counts) == pytest.approx(expected, rel=0.4)


def test_a_sine_is_exact() -> None:
    shape = Sine(10.0, 10.0, 8.0)
    integral = Integral(shape)
    for moment in (0.7, 2.0, 5.9, 8.0, 77.3):
        exact = 10 * moment + 10 * 8 / math.tau * (1 - math.cos(math.tau * moment / 8))
        assert integral.reached(moment) == pytest.approx(exact, rel=1e-13)


def test_a_square_sends_nothing_while_it_is_low() -> None:
    stage = OpenStage(label="s", rate=0.0, shape=square(0.0, 10.0, 2.0, 0.5), duration=6.0)
    assert [a.due for a in arrivals(stage, 0)] == pytest.approx(
        [start + number / 10 for start in (0.0, 2.0, 4.0) for number in range(10)]
    )


def test_steps_that_begin_and_end_with_nothing() -> None:
    stage = OpenStage(label="s", rate=0.0, shape=Points((0.0, 5.0, 7.0), (0.0, 2.0, 0.0)), duration=100.0)
    assert [a.due for a in arrivals(stage, 0)] == [5.0, 5.5, 6.0, 6.5]


def test_what_never_coincides_never_comes() -> None:
    apart = Product((square(0.0, 1.0, 2.0, 0.5), square(0.0, 1.0, 2.0, 0.5, phase=1.0)))
    assert Integral(apart).moment(0.0) == math.inf


def test_lines_lead_from_point_to_point_and_around() -> None:
    shape = Points((1.0, 3.0), (0.0, 4.0), lines=True, period=5.0)
    assert [shape.rate(moment) for moment in (1.0, 2.0, 3.0, 4.5, 5.0, 6.0)] == pytest.approx([0, 2, 4, 2, 4 / 3, 0])


def test_a_week_of_seconds_takes_no_memory() -> None:
    integral = Integral(square(1.0, 3.0, 60.0, 0.5))
    assert integral.reached(7 * 86400.0) == pytest.approx(2 * 7 * 86400.0)
    assert len(integral._pieces) == KEPT
    assert integral.moment(10.0) == pytest.approx(10 / 3)


BERLIN = Day((0.0, 8 * 3600.0, 20 * 3600.0), (1.0, 10.0, 2.0), "Europe/Berlin")


@pytest.mark.parametrize(
    ("shown", "rate"),
    [("2026-01-15T07:59", 1), ("2026-01-15T08:01", 10), ("2026-07-15T07:59", 1), ("2026-07-15T08:01", 10),
     ("2026-07-15T23:00", 2), ("2026-07-16T00:01", 1), ("2026-03-29T08:01", 10), ("2026-10-25T07:59", 1)],
)  # fmt: skip
def test_a_day_goes_by_the_clock_on_the_wall(shown: str, rate: float) -> None:
    unix = datetime.fromisoformat(shown).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert BERLIN.placed(unix).rate(0.0) == rate
    assert BERLIN.placed(unix - 5000.0).rate(5000.0) == rate


@pytest.mark.parametrize(("date", "hours"), [("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)])
def test_a_day_of_any_length(date: str, hours: int) -> None:
    midnight = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    integral = Integral(BERLIN.placed(midnight))
    assert integral.reached(hours * 3600.0) == pytest.approx(3600.0 * ((hours - 16) * 1 + 12 * 10 + 4 * 2))


def test_a_time_that_the_clock_leaps_over() -> None:
    shape = Day((0.0, 2.5 * 3600, 3 * 3600.0), (1.0, 5.0, 9.0), "Europe/Berlin")
    midnight = datetime(2026, 3, 29, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    assert [shape.placed(midnight).rate(hour * 3600.0) for hour in (1.9, 2.1)] == [1.0, 9.0]


def test_the_wall_time_reaches_the_day_in_a_sum() -> None:
    stage = OpenStage(label="s", rate=0.0, shape=Sum((Constant(1.0), BERLIN)), warmup_seconds=10.0)
    placed = stage.placed(1000.0).shape
    assert isinstance(placed, Sum)
    assert isinstance(placed.parts[1], Day)
    assert placed.parts[1].origin == 1010.0


def test_warm_up_runs_at_the_first_rate_of_a_shape() -> None:
    stage = OpenStage(label="s", rate=0.0, shape=Sine(10.0, 5.0, 40.0), duration=20.0, warmup_seconds=2.0)
    found = list(arrivals(stage, 0))
    assert [a.due for a in found if a.warmup] == pytest.approx([number / 10 for number in range(20)])
    assert sum(not a.warmup for a in found) == pytest.approx(summed(Sine(10.0, 5.0, 40.0), 0.0, 20.0), abs=1)


@given(shape=shapes, at=st.floats(1.0, 20.0), factor=st.floats(0.2, 5.0))
def test_a_shape_is_scaled_from_a_moment_on(shape: Shape, at: float, factor: float) -> None:
    stage = OpenStage(label="s", rate=0.0, shape=shape)
    curve, plain = Curve(stage), Curve(stage)
    curve.turn(curve.turn_at(at, None, factor))
    assert curve.reached(at) == pytest.approx(plain.reached(at))
    more = plain.reached(at + 10.0) - plain.reached(at)
    assert curve.reached(at + 10.0) == pytest.approx(plain.reached(at) + factor * more)
    assert curve.rate(at + 3.0) == pytest.approx(factor * plain.rate(at + 3.0))
    progress = curve.reached(at) + factor * more / 2
    if factor * more > 1e-3:
        assert curve.reached(curve.moment(progress)) == pytest.approx(progress, abs=1e-6)


def test_a_scaled_stage_is_its_shape_scaled() -> None:
    stage = OpenStage(label="s", rate=0.0, shape=Sine(4.0, 2.0, 10.0)).scaled(0.5)
    assert (Curve(stage).rate(2.5), stage.peak, stage.varies) == (3.0, 3.0, True)
    assert next(islice(arrivals(stage, 0), 1, None)).due == pytest.approx(0.46612, abs=1e-5)
