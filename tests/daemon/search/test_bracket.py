"""Which levels are tried, for every capacity that there may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swelld.search.bracket import Bracket


def tried(bracket: Bracket, capacity: float) -> list[float]:
    """The levels until it is over, on a server that carries exactly so much."""
    levels = []
    while (level := bracket.next()) is not None:
        levels.append(level)
        bracket.take(level, accepted=level <= capacity)
        assert len(levels) < 100
    return levels


def users(last: float = 1000.0, precision: float = 0.05, given: tuple[float, ...] = ()) -> Bracket:
    return Bracket(given[0] if given else 1.0, given[-1] if given else last, precision, True, given)


@given(capacity=st.integers(1, 999))
def test_users_are_found_to_the_precision(capacity: int) -> None:
    bracket = users()
    levels = tried(bracket, capacity)
    assert bracket.accepted is not None
    assert bracket.rejected is not None
    assert bracket.accepted <= capacity < bracket.rejected
    assert bracket.rejected <= max(bracket.accepted + 1, bracket.accepted * 1.05)
    assert bracket.precise
    assert len(levels) == len(set(levels)) < 20
    assert bracket.steps() == 0


@given(capacity=st.floats(1.0, 999.0), precision=st.sampled_from([0.01, 0.05, 0.3]))
def test_rates_are_found_to_the_precision(capacity: float, precision: float) -> None:
    bracket = Bracket(1.0, 1000.0, precision, False)
    tried(bracket, capacity)
    assert bracket.accepted is not None
    assert bracket.rejected is not None
    assert bracket.accepted <= capacity < bracket.rejected
    assert bracket.rejected <= bracket.accepted * (1 + precision) * 1.01  # three digits


def test_the_way_there() -> None:
    assert tried(users(), 11) == [1, 2, 4, 8, 16, 11, 13, 12]
    assert tried(users(last=20), 1000) == [1, 2, 4, 8, 16, 20]
    assert tried(users(), 0) == [1]


def test_levels_that_are_given_come_first_and_nothing_above_them() -> None:
    given = (1.0, 10.0, 50.0, 100.0)
    assert tried(users(given=given, precision=0.3), 60) == [1, 10, 50, 100, 71, 60]
    bracket = users(given=given)
    assert tried(bracket, 1000) == [1, 10, 50, 100]
    assert (bracket.accepted, bracket.rejected, bracket.precise) == (100.0, None, False)


def test_nothing_is_carried() -> None:
    bracket = users(given=(10.0, 20.0))
    assert tried(bracket, 5) == [10]
    assert (bracket.accepted, bracket.rejected, bracket.precise) == (None, 10.0, False)


@pytest.mark.parametrize("capacity", [3.0, 40.0, 700.0])
def test_what_is_left_is_foreseen_once_the_end_is_in_sight(capacity: float) -> None:
    bracket = users()
    while bracket.rejected is None:
        level = bracket.next()
        assert level is not None
        bracket.take(level, accepted=level <= capacity)
    foreseen = bracket.steps()
    assert abs(foreseen - len(tried(bracket, capacity))) <= 1
