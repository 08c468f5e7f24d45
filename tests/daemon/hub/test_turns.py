"""Sessions and their turns in figures, and the rate of a trace as it is seen."""

from typing import Any

import pytest

from exchanges import bad, good
from swelld.hub.offered import SECONDS, Offered
from swelld.hub.turns import MOST, TurnTally
from swelld.measurement import Measurement, Outcome


def session(turns: int, *, fails_at: int | None = None, cut_after: int | None = None, **more: Any) -> list[Measurement]:
    """The turns of one session, each with 100 tokens more in its prompt."""
    found: list[Measurement] = []
    for turn in range(1, (cut_after or turns) + 1):
        if turn == fails_at:
            return [*found, bad(turn=turn, turns=turns, **more)]
        found.append(good(turn=turn, turns=turns, input_tokens=100 * turn, cached_tokens=100 * (turn - 1)))
    return found


def test_what_became_of_sessions() -> None:
    tally = TurnTally()
    tally.add(session(3) + session(2) + session(3, fails_at=2))
    other = TurnTally()
    other.add(session(3, cut_after=1) + session(3, fails_at=2, outcome=Outcome.CANCELLED))
    other.add(session(4, fails_at=1, outcome=Outcome.DROPPED))
    tally.merge(other)
    found = tally.result()
    assert found is not None
    assert (found.begun, found.completed, found.failed, found.cut) == (6, 2, 2, 2)
    assert [(turn.turn, turn.requests, turn.ok) for turn in found.turns] == [(1, 6, 5), (2, 4, 2), (3, 1, 1)]
    assert [turn.input_tokens.mean for turn in found.turns] == pytest.approx([100, 200, 300])
    assert [turn.cached_tokens for turn in found.turns] == [0, 200, 200]
    assert [turn.ttft.count for turn in found.turns] == [5, 2, 1]
    assert found.turns[0].ttft.mean == pytest.approx(0.25)
    assert found.turns[0].e2e.mean == pytest.approx(1.5)
    assert tally.later == 5


def test_late_turns_are_told_together() -> None:
    tally = TurnTally()
    tally.add(session(MOST + 4))
    found = tally.result()
    assert found is not None
    assert [turn.requests for turn in found.turns] == [1] * (MOST - 1) + [5]
    assert found.completed == 1


def test_what_nobody_counted_is_not_zero() -> None:
    tally = TurnTally()
    tally.add([good(turn=1, turns=1, cached_tokens=None, input_tokens=None)])
    found = tally.result()
    assert found is not None
    assert (found.turns[0].cached_tokens, found.turns[0].input_tokens.count) == (None, 0)
    assert TurnTally().result() is None


def test_the_rate_of_late() -> None:
    offered = Offered(100.0)
    assert offered.rate() == 0.0
    for tenth in range(1, 51):
        offered.see(100.0 + tenth / 10, tenth)
    assert offered.rate() == pytest.approx(10.0)
    for tenth in range(1, 101):
        offered.see(105.0 + tenth / 10, 50 + 4 * tenth)
    assert offered.rate() == pytest.approx(40.0)
    offered.see(115.1, 7)  # a process has died, and what it had begun is not told any more
    assert offered.rate() == pytest.approx(40.0)
    assert len(offered._seen) <= 10 * SECONDS + 2
