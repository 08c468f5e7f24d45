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
    assert len(set(levels)) < 20
    assert levels[-1] == bracket.rejected  # confirmed at the end, and nothing else is tried twice
    assert len(levels) == len(set(levels)) + 1
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
    assert tried(users(), 11) == [1, 2, 4, 8, 16, 11, 13, 12, 12]
    assert tried(users(last=20), 1000) == [1, 2, 4, 8, 16, 20]
    assert tried(users(), 0) == [1, 1]


def test_levels_that_are_given_come_first_and_nothing_above_them() -> None:
    given = (1.0, 10.0, 50.0, 100.0)
    assert tried(users(given=given, precision=0.3), 60) == [1, 10, 50, 100, 71, 60, 71]
    bracket = users(given=given)
    assert tried(bracket, 1000) == [1, 10, 50, 100]
    assert (bracket.accepted, bracket.rejected, bracket.precise) == (100.0, None, False)


def test_nothing_is_carried() -> None:
    bracket = users(given=(10.0, 20.0))
    assert tried(bracket, 5) == [10, 10]
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


@given(capacity=st.integers(1, 900), disturbed=st.integers(0, 12))
def test_one_disturbed_measurement_misleads_nobody(capacity: int, disturbed: int) -> None:
    """Some time or other the machine is busy with something else, and a level that would be carried is not."""
    bracket, number = users(), 0
    while (level := bracket.next()) is not None:
        bracket.take(level, accepted=level <= capacity and number != disturbed)
        number += 1
        assert number < 60
    assert bracket.accepted is not None
    assert bracket.rejected is not None
    assert bracket.accepted <= capacity < bracket.rejected
    assert bracket.rejected <= max(bracket.accepted + 1, bracket.accepted * 1.05)


def test_two_of_three_decide() -> None:
    bracket = users(last=2)
    bracket.take(1, accepted=True)
    bracket.take(2, accepted=False)
    assert (bracket.accepted, bracket.rejected, bracket.next()) == (1, 2, 2)
    bracket.take(2, accepted=True)
    assert (bracket.accepted, bracket.rejected, bracket.precise, bracket.next()) == (1, None, False, 2)
    bracket.take(2, accepted=False)
    assert (bracket.accepted, bracket.rejected, bracket.precise) == (1, 2, True)


def test_what_was_accepted_in_doubt_is_measured_again_where_the_answer_rests_on_it() -> None:
    bracket = users(last=4)
    for level in (1, 2, 4):
        assert bracket.next() == level
        bracket.take(level, accepted=True, doubted=True)
    assert bracket.next() == 4
    bracket.take(4, accepted=True, doubted=True)
    assert bracket.next() == 4
    bracket.take(4, accepted=True, doubted=True)  # it will not become better
    assert (bracket.next(), bracket.accepted) == (None, 4)
    sound = users(last=1)
    sound.take(1, accepted=True, doubted=True)
    sound.take(1, accepted=True)
    assert (sound.next(), sound.accepted) == (None, 1)


def test_a_level_of_which_nothing_can_be_said_is_an_end_of_its_own() -> None:
    bracket = users()
    for level in (1, 2):
        bracket.take(level, accepted=True)
    bracket.give_up(4)
    assert (bracket.next(), bracket.rejected, bracket.blurred) == (3, None, True)
    bracket.take(3, accepted=True)
    assert (bracket.next(), bracket.accepted, bracket.blurred, bracket.precise) == (None, 3, True, False)


def test_a_rejected_level_may_remain_unconfirmed() -> None:
    bracket = users()
    bracket.take(1, accepted=True)
    bracket.take(2, accepted=False)
    bracket.give_up(2)  # of the second time nothing could be said
    assert (bracket.next(), bracket.accepted, bracket.rejected, bracket.blurred) == (None, 1, 2, False)
    bracket = users()
    bracket.give_up(1)
    assert (bracket.next(), bracket.accepted, bracket.blurred) == (None, None, True)
