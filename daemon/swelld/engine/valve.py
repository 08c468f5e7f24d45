"""How much of its load a shard lets through, and what it held back."""

from collections.abc import Sequence
from typing import Final

from swelld.engine.meter import Meter
from swelld.engine.plan import FULL, Lane, Throttle
from swelld.load.arrivals import passes

CEILING: Final = "ceiling"
"""The reason of what a target's ceiling holds back."""


class Valve:
    """The throttle and the ceilings of one shard, for all stages of a run."""

    def __init__(self, targets: int = 1) -> None:
        self.throttle: Throttle = FULL
        self.meters: Sequence[Meter | None] = [None] * targets
        self._withheld: dict[str, list[int]] = {}

    def turn(self, throttle: Throttle) -> None:
        """From now on."""
        self.throttle = throttle

    def lets_through(self, target: int, place: int) -> bool:
        """Whether the arrival at a place in the schedule may be sent to its target."""
        return passes(place, self.throttle.of(target).factor)

    def shut(self, target: int) -> bool:
        """Whether nothing at all may be sent to a target."""
        return self.throttle.of(target).factor <= 0.0

    def open_for(self, user: int, users: int, lane: Lane) -> bool:
        """Whether a user of a closed loop may ask; numbers begin at 0."""
        return user < self.throttle.users(lane, users)

    def may_ask(self, lane: Lane, target: int, number: int) -> bool:
        """Whether a user that may ask may ask this: of a target that gets less than others, fewer requests."""
        if not self.throttle.targets:
            return True
        most = max(self.throttle.of(one).factor for one in lane.targets)
        return most <= 0.0 or passes(number, self.throttle.of(target).factor / most)

    def withhold(self, target: int, reason: str | None = None) -> None:
        """Count a request that is not sent, for the reason of the throttle if no other is given."""
        reason = self.throttle.of(target).reason if reason is None else reason
        self._withheld.setdefault(reason, [0] * len(self.meters))[target] += 1

    def withheld(self) -> dict[str, list[int]]:
        """Since the last call, by reason and target."""
        found, self._withheld = self._withheld, {}
        return found
