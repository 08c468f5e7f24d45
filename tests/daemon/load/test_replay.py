"""Replaying the moments of a trace: exact, at any speed, shared between shards, and changed on the way."""

import math
from bisect import bisect_left
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from swelld.load.arrivals import Schedule, Turn
from swelld.load.bounds import Bounds
from swelld.load.replay import Replay, Replaying
from swelld.load.stage import OpenStage, Replayed


class Moments:
    """Those of a list."""

    def __init__(self, moments: list[float], length: float) -> None:
        self._moments = moments
        self.size = len(moments)
        self.length = length

    def at(self, number: int) -> float:
        return self._moments[number]

    def before(self, moment: float) -> int:
        return bisect_left(self._moments, moment)


def schedule(moments: Moments, speed: float = 1.0, *, loop: bool = False, **more: Any) -> Schedule:
    stage = OpenStage(label="s", rate=0.0, replay=Replayed(speed, loop), **more.pop("stage", {}))
    assert stage.replay is not None
    return Schedule(stage, 1, planned=Replaying(moments, stage.replay), **more)


def dues(one: Schedule, most: int = 1000) -> list[float]:
    return [arrival.due for arrival in islice(iter(one.next, None), most)]


FEW = Moments([0.0, 0.5, 0.5, 2.0, 7.0], 10.0)


def test_requests_fall_due_when_they_came() -> None:
    assert dues(schedule(FEW)) == [0.0, 0.5, 0.5, 2.0, 7.0]
    assert dues(schedule(FEW, 2.0)) == [0.0, 0.25, 0.25, 1.0, 3.5]
    assert dues(schedule(FEW, stage={"duration": 2.0})) == [0.0, 0.5, 0.5]


def test_a_loop_begins_again_after_the_length() -> None:
    assert dues(schedule(FEW, 2.0, loop=True), 12)[4:] == [3.5, 5.0, 5.25, 5.25, 6.0, 8.5, 10.0, 10.25]
    assert len(dues(schedule(FEW, loop=True, stage={"requests": 23}))) == 23


def test_the_first_of_a_trace_can_warm_up() -> None:
    one = schedule(FEW, stage={"warmup_seconds": 0.5})
    found = [(arrival.number, arrival.warmup, one.place) for arrival in iter(one.next, None)]
    assert found == [(0, True, 0), (0, False, 1), (1, False, 2), (2, False, 3), (3, False, 4)]


traces = st.lists(st.floats(0.0, 3.0), min_size=1, max_size=60).map(
    lambda gaps: Moments([sum(gaps[1 : place + 1]) for place in range(len(gaps))], sum(gaps[1:]) + 1.0)
)


@given(trace=traces, speed=st.floats(0.1, 50.0), parts=st.integers(1, 5), loop=st.booleans())
def test_the_shares_of_all_shards_are_the_whole_trace(trace: Moments, speed: float, parts: int, loop: bool) -> None:
    stage = {"requests": 100} if loop else {}
    whole = dues(schedule(trace, speed, loop=loop, stage=stage))
    shares = [dues(schedule(trace, speed, loop=loop, part=part, parts=parts, stage=stage)) for part in range(parts)]
    for part, share in enumerate(shares):
        assert share == whole[part::parts]
    assert len(whole) == (100 if loop else trace.size)
    laps = [place // trace.size * trace.length + trace.at(place % trace.size) for place in range(len(whole))]
    assert whole == [at / speed for at in laps]


@given(trace=traces, speed=st.floats(0.1, 50.0), moment=st.floats(0.0, 200.0), loop=st.booleans())
def test_what_is_reached_by_a_moment_is_what_came_before_it(
    trace: Moments, speed: float, moment: float, loop: bool
) -> None:
    progress = Replaying(trace, Replayed(speed, loop))
    reached = progress.reached(moment)
    assert progress.moment(max(0.0, math.ceil(reached) - 1)) <= max(moment, progress.moment(0.0)) + 1e-9
    assert progress.moment(math.floor(reached) + 1) >= moment - 1e-9
    if reached == math.floor(reached) and reached > 0:
        return
    assert not reached or progress.moment(reached) == pytest.approx(moment, abs=1e-6)


def test_a_change_of_the_rate_takes_over_from_where_the_trace_is() -> None:
    one = schedule(FEW, turns=[Turn(1.0, None, 4.0)])
    first = dues(one, 8)
    assert first[:3] == [0.0, 0.5, 0.5]
    assert first[3:] == pytest.approx([1.0 + (number - (2 + 1 / 3)) / 4 for number in range(3, 8)])


def test_a_trace_is_made_denser_on_the_way() -> None:
    even = Moments([float(number) for number in range(20)], 20.0)
    found = dues(schedule(even, turns=[Turn(4.0, None, None, 2.0)], stage={"requests": 20}))
    assert found == pytest.approx([0, 1, 2, 3, *(4 + number / 2 for number in range(16))])


@pytest.mark.parametrize(
    ("written", "speeds", "loop"),
    [({}, (1.0,), False), ("2x", (2.0,), False), (0.5, (0.5,), False), ("1x, 4x", (1.0, 4.0), False),
     ({"speed": [1, "10X"], "loop": True}, (1.0, 10.0), True)],
)  # fmt: skip
def test_a_speed_as_people_write_it(written: Any, speeds: tuple[float, ...], loop: bool) -> None:
    load = Replay.model_validate({"replay": written})
    assert (load.replay.speed, load.replay.loop) == (speeds, loop)
    assert Replay.model_validate(load.model_dump(mode="json")) == load


def test_a_stage_for_each_speed_that_ends_with_the_trace() -> None:
    load = Replay.model_validate({"replay": "1x,2.5x"})
    assert load.stages(Bounds(prompts=100, warmup_requests=10, max_in_flight=5)) == [
        OpenStage(label=f"speed={speed:g}", rate=0.0, replay=Replayed(speed), requests=90, warmup_requests=10,
                  max_in_flight=5)
        for speed in (1.0, 2.5)
    ]  # fmt: skip
    [timed] = Replay.model_validate({"replay": {"loop": True}}).stages(Bounds(prompts=100, duration=5.0))
    assert (timed.requests, timed.duration) == (None, 5.0)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("fast", "'fast' is no speed: write 1x"),
        (0, "greater than 0"),
        ("2x,2", "speed=2 is listed twice"),
        ([], "1 item"),
    ],
)
def test_what_is_no_speed_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Replay.model_validate({"replay": written})
