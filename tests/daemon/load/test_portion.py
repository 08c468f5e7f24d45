"""Daemons that share a load: their parts are the whole, under one name."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.load.arrivals import Arrival, Schedule, Turn
from swelld.load.portion import Portion, format_portion, parse_portion, taken
from swelld.load.stage import ClosedStage, OpenStage, Stage

Bounds = dict[str, float]


@given(st.integers(1, 9), st.integers(0, 500), st.integers(0, 500), st.integers(0, 40))
def test_users_and_requests_add_up(of: int, users: int, requests: int, warmups: int) -> None:
    stage = ClosedStage(label="concurrency=1", users=of + users, requests=of + requests, warmup_requests=warmups)
    parts = [taken(stage, Portion(number, of)) for number in range(of)]
    assert sum(part.users for part in parts if isinstance(part, ClosedStage)) == of + users
    assert sum(part.requests or 0 for part in parts) == of + requests
    assert sum(part.warmup_requests for part in parts) == warmups
    assert {part.label for part in parts} == {"concurrency=1"}


@given(st.integers(1, 9), st.floats(0.1, 1000.0), st.integers(9, 10000))
def test_rates_add_up(of: int, rate: float, room: int) -> None:
    stage = OpenStage(label="rate=1", rate=rate, rate_end=2 * rate, duration=10.0, max_in_flight=room)
    parts = [taken(stage, Portion(number, of)) for number in range(of)]
    assert sum(part.rate for part in parts if isinstance(part, OpenStage)) == pytest.approx(rate)
    assert sum(part.rate_end or 0.0 for part in parts if isinstance(part, OpenStage)) == pytest.approx(2 * rate)
    assert sum(part.max_in_flight for part in parts if isinstance(part, OpenStage)) == room
    assert {part.duration for part in parts} == {10.0}


def walked(stage: Stage, shards: int) -> list[Arrival]:
    """What one daemon sends, with so many load processes."""
    assert isinstance(stage, OpenStage)
    found = []
    for part in range(shards):
        schedule = Schedule(stage, 7, part, shards)
        while (arrival := schedule.next()) is not None:
            found.append(arrival)
    return found


@given(
    st.integers(2, 5),
    st.sampled_from(["constant", "poisson"]),
    st.sampled_from([{"warmup_requests": 7}, {"warmup_seconds": 1.3}, {}]),
    st.sampled_from([{"requests": 41}, {"duration": 3.0}, {"duration": 3.0, "rate_end": 31.0}]),
)
def test_together_they_send_what_one_would(of: int, process: str, warmup: Bounds, bounds: Bounds) -> None:
    stage = OpenStage(label="rate=11", rate=11.0, process=process, **warmup, **bounds)  # type: ignore[arg-type]
    whole = walked(stage, 1)
    parts = [walked(taken(stage, Portion(number, of)), shards=1 + number % 2) for number in range(of)]
    found = sorted((arrival for part in parts for arrival in part), key=lambda a: (not a.warmup, a.number))
    assert [(a.number, a.warmup) for a in found] == [(a.number, a.warmup) for a in whole]
    assert [a.due for a in found] == pytest.approx([a.due for a in whole])
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    if "requests" in bounds and "warmup_seconds" not in warmup:
        counts = [taken(stage, Portion(number, of)).requests for number in range(of)]
        assert counts == [sum(not a.warmup for a in part) for part in parts]


def test_together_they_follow_when_each_is_told_its_part_of_another_rate() -> None:
    stage = OpenStage(label="rate=10", rate=10.0, duration=4.0)
    whole = Schedule(stage, 7, turns=[Turn(1.05, 10.5, 30.0), Turn(2.0, None, None, 0.5)])
    dues = [whole.next() for _ in range(40)]
    found: list[Arrival] = []
    for number in range(3):
        mine = taken(stage, Portion(number, 3))
        assert isinstance(mine, OpenStage)
        part = Schedule(mine, 7, turns=[Turn(1.05, 3.5, 10.0)])
        part.turn(Turn(2.0, None, None, 0.5))
        found += [arrival for arrival in iter(part.next, None) if arrival.number < 40]
    assert [a.number for a in sorted(found)] == list(range(40))
    assert [a.due for a in sorted(found)] == pytest.approx([a.due for a in dues if a])


def test_one_daemon_carries_all() -> None:
    stage = OpenStage(label="rate=1", rate=1.0)
    assert taken(stage, Portion(0, 1)) is stage


def test_too_little_to_share() -> None:
    with pytest.raises(ValueError, match="concurrency=2 has too few users to be shared by 3 daemons: 2"):
        taken(ClosedStage(label="concurrency=2", users=2, duration=1.0), Portion(1, 3))
    with pytest.raises(ValueError, match="too few requests"):
        taken(msgspec.structs.replace(OpenStage(label="rate=1", rate=1.0), requests=2), Portion(2, 3))


@pytest.mark.parametrize("text", ["", "1", "4/4", "5/4", "-1/4", "1/0", "a/b"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match="is no share: write K/N"):
        parse_portion(text)


def test_as_it_is_written() -> None:
    assert parse_portion("3/4") == Portion(3, 4)
    assert format_portion(Portion(3, 4)) == "3/4"
