"""Daemons that share a load: their parts are the whole, under one name."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.load.portion import Portion, format_portion, parse_portion, seed_of, taken
from swelld.load.stage import ClosedStage, OpenStage


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


def test_one_daemon_carries_all() -> None:
    stage = OpenStage(label="rate=1", rate=1.0)
    assert taken(stage, Portion(0, 1)) is stage
    assert seed_of(7, Portion(0, 1)) == 7
    assert len({seed_of(seed, Portion(number, 4)) for seed in range(5) for number in range(4)}) == 20


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
