"""What became of sessions of several turns, and how their turns differ: counts and distributions, never samples."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from swelld import derived
from swelld.distribution import Distribution
from swelld.hub.figures import statistics
from swelld.measurement import Measurement, Outcome
from swelld.result import Sessions, TurnFigures

MOST: Final = 16
"""Turns that are told apart; the last stands for all after it, too."""


class _Turn:
    def __init__(self) -> None:
        self.requests = 0
        self.ok = 0
        self.cached: int | None = None
        self.ttft, self.e2e, self.input_tokens = Distribution(), Distribution(), Distribution()

    def add(self, batch: Sequence[Measurement]) -> None:
        good = [m for m in batch if m.outcome is Outcome.OK]
        self.requests += len(batch)
        self.ok += len(good)
        for distribution, values in (
            (self.ttft, [derived.ttft(m) for m in good]),
            (self.e2e, [derived.e2e(m) for m in good]),
            (self.input_tokens, [m.input_tokens for m in good]),
        ):
            distribution.update(np.array([value for value in values if value is not None], dtype=np.float64))
        self._cache([m.cached_tokens for m in good])

    def merge(self, other: "_Turn") -> None:
        self.requests += other.requests
        self.ok += other.ok
        self.ttft.merge(other.ttft)
        self.e2e.merge(other.e2e)
        self.input_tokens.merge(other.input_tokens)
        self._cache([other.cached])

    def _cache(self, counts: Sequence[int | None]) -> None:
        told = [count for count in counts if count is not None]
        if told:
            self.cached = (self.cached or 0) + sum(told)


class TurnTally:
    """Adds up the turns of one stage and target."""

    def __init__(self) -> None:
        self.turns: dict[int, _Turn] = {}
        self.begun = self.completed = self.failed = 0
        """Sessions."""

    @property
    def later(self) -> int:
        """Turns after the first."""
        return sum(turn.requests for number, turn in self.turns.items() if number > 1)

    def add(self, batch: Sequence[Measurement]) -> None:
        """Measured turns."""
        groups: dict[int, list[Measurement]] = {}
        for m in batch:
            assert m.turn is not None
            groups.setdefault(min(m.turn, MOST), []).append(m)
            self.begun += m.turn == 1
            self.failed += m.outcome not in (Outcome.OK, Outcome.CANCELLED)
            self.completed += m.outcome is Outcome.OK and m.turn == m.turns
        for number, group in groups.items():
            self.turns.setdefault(number, _Turn()).add(group)

    def merge(self, other: "TurnTally") -> None:
        """Add what another one counted."""
        self.begun += other.begun
        self.failed += other.failed
        self.completed += other.completed
        for number, turn in other.turns.items():
            self.turns.setdefault(number, _Turn()).merge(turn)

    def result(self, percentiles: Sequence[float] = ()) -> Sessions | None:
        """The figures; None if there were no sessions."""
        if not self.turns:
            return None
        return Sessions(
            begun=self.begun,
            completed=self.completed,
            failed=self.failed,
            cut=max(0, self.begun - self.completed - self.failed),
            turns=[
                TurnFigures(
                    turn=number,
                    requests=turn.requests,
                    ok=turn.ok,
                    ttft=statistics(turn.ttft, percentiles),
                    e2e=statistics(turn.e2e, percentiles),
                    input_tokens=statistics(turn.input_tokens, percentiles),
                    cached_tokens=turn.cached,
                )
                for number, turn in sorted(self.turns.items())
            ],
        )
