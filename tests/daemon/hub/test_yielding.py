"""The share of the load that is sent beside users, on moments made by hand."""

import pytest

from swelld.hub.yielding import HALVE_SECONDS, QUIET_SECONDS, Share, YieldToUsers, others_waiting


def share(**keys: float) -> Share:
    return Share(YieldToUsers.model_validate(keys), 0.0)


@pytest.mark.parametrize(
    ("waiting", "running", "ours", "others"),
    [
        (0.0, 8.0, 8, 0.0),  # nobody waits
        (5.0, 8.0, 13, 0.0),  # all of it is ours
        (5.0, 8.0, 12, 1.0),  # one is not, and may be one of those that wait
        (5.0, 8.0, 3, 5.0),  # most are not: any of those that wait may be theirs
        (5.0, 8.0, 0, 5.0),
        (5.0, 8.0, 40, 0.0),  # ours are still on the way
        (5.0, None, 3, 2.0),
        (5.0, None, 9, 0.0),
    ],
)
def test_how_many_of_those_that_wait_can_be_others(
    waiting: float, running: float | None, ours: int, others: float
) -> None:
    assert others_waiting(waiting, running, ours) == others


def test_it_halves_with_every_look_that_finds_users_waiting() -> None:
    made = share()
    found = []
    for second in range(1, 8):
        made.look(1.0, float(second))
        found.append(made.tick(second + 0.5))
    assert found == [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.0, 0.0]
    assert made.least == 0.0


def test_it_climbs_back_in_a_straight_line_once_nobody_waits() -> None:
    made = share(recover=20.0)
    made.look(3.0, 1.0)
    made.look(3.0, 2.0)
    made.look(0.0, 3.0)
    assert made.tick(2.0 + QUIET_SECONDS - 0.1) == 0.25  # quiet has to last
    assert made.tick(2.0 + QUIET_SECONDS + 0.1) == pytest.approx(0.26)
    assert made.tick(2.0 + QUIET_SECONDS + 10.1) == pytest.approx(0.76)
    assert made.tick(2.0 + QUIET_SECONDS + 60.0) == 1.0


def test_nothing_is_given_back_while_the_latest_look_found_users_waiting() -> None:
    made = share()
    made.look(1.0, 1.0)
    assert made.tick(100.0) == 0.5
    made.look(0.0, 100.0)
    assert made.tick(103.0) == pytest.approx(0.6)


def test_users_wait_from_the_number_on_that_is_set() -> None:
    made = share(waiting=4)
    made.look(3.0, 1.0)
    assert made.tick(1.1) == 1.0
    made.look(4.0, 2.0)
    assert made.tick(2.1) == 0.5


def test_throttled_answers_count_once_for_each_step() -> None:
    made = share()
    for tenth in range(100):
        made.throttled(10.0 + tenth * HALVE_SECONDS / 100)
    assert made.tick(11.0) == 0.5
    made.throttled(11.0 + HALVE_SECONDS)
    assert made.tick(12.0) == 0.25


def test_throttled_answers_count_only_if_wanted() -> None:
    made = share(on_throttled=False)
    made.throttled(1.0)
    assert made.tick(2.0) == 1.0


def test_it_never_falls_below_its_floor() -> None:
    made = share(floor=0.2)
    found = []
    for second in range(1, 5):
        made.look(1.0, float(second))
        found.append(made.tick(second + 0.1))
    assert found == [0.5, 0.25, 0.2, 0.2]


def test_a_server_that_falls_silent_keeps_it_where_it_is() -> None:
    made = share()
    made.look(1.0, 1.0)
    made.look(0.0, 2.0)
    for second in range(3, 60):
        made.hold(float(second))
        assert made.tick(second + 0.1) == 0.5
    assert made.tick(61.5) > 0.5


def test_what_was_not_sent_adds_up() -> None:
    made = share(recover=10.0)
    made.tick(10.0)
    assert made.withheld == 0.0
    made.look(1.0, 10.0)
    made.tick(14.0)
    assert made.withheld == pytest.approx(2.0)


def test_moments_out_of_order_count_once() -> None:
    made = share()
    made.look(1.0, 1.0)
    made.tick(5.0)
    made.look(1.0, 4.0)
    made.tick(5.0)
    assert made.withheld == pytest.approx(2.0)
    made.tick(6.0)
    assert made.withheld == pytest.approx(2.75)
