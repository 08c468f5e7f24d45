"""How much of its load a shard lets through, and what it held back."""

import math
from collections.abc import Sequence
from typing import Final

from swelld.engine.meter import Meter
from swelld.engine.plan import Throttle

CEILING: Final = "ceiling"
"""The reason of what a target's ceiling holds back."""


class Valve:
    """The throttle and the ceilings of one shard, for all stages of a run."""

    def __init__(self, targets: int = 1) -> None:
        self.factor = 1.0
        """The part of the load that is let through."""
        self.reason = ""
        self.meters: Sequence[Meter | None] = [None] * targets
        self._withheld: dict[str, list[int]] = {}

    def turn(self, throttle: Throttle) -> None:
        """From now on."""
        self.factor, self.reason = throttle.factor, throttle.reason

    def open_for(self, user: int, users: int) -> bool:
        """Whether a user of a closed loop may ask; numbers begin at 0."""
        return user < math.ceil(self.factor * users - 1e-9)  # 0.1 * 30 is a bit more than 3

    def withhold(self, reason: str, target: int) -> None:
        """Count an arrival that is not sent."""
        self._withheld.setdefault(reason, [0] * len(self.meters))[target] += 1

    def withheld(self) -> dict[str, list[int]]:
        """Since the last call, by reason and target."""
        found, self._withheld = self._withheld, {}
        return found
