"""What a run's budgets, its courtesy and a pause together let through."""

from typing import Final, Protocol

from swelld.engine.plan import FULL, Held, Plan, Throttle

_FULL: Final = FULL.of(0)


class Hold(Protocol):
    """Lets only a part of a run's load through: 1 all of it, 0 nothing; of one target by its number, or of all."""

    def __call__(self, reason: str, factor: float, target: int | None = None) -> None: ...


class Holds:
    """The latest word for each reason; of several for a target the smallest factor holds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._factors: dict[int | None, dict[str, float]] = {None: {}}

    def set(self, reason: str, factor: float, target: int | None = None) -> Throttle:
        """What holds from now on."""
        if not 0.0 <= factor <= 1.0:
            raise ValueError(f"{factor} is no part of a load: it is from 0 to 1")
        self._factors.setdefault(target, {})[reason] = factor
        whole = _least(self._factors[None])
        parts = {number: _least(own, whole) for number, own in self._factors.items() if number is not None}
        return Throttle(whole.factor, whole.reason, {number: part for number, part in parts.items() if part != whole})

    def share(self, throttle: Throttle) -> float:
        """The part of all of the run's load that is let through, every lane counted alike."""
        return sum(map(throttle.share, self._plan.lanes)) / len(self._plan.lanes)

    def by_name(self, throttle: Throttle) -> dict[str, float]:
        """What is let through of the targets that less is sent to than to the others."""
        return {self._plan.names[number]: held.factor for number, held in sorted(throttle.targets.items())}


def _least(factors: dict[str, float], whole: Held = _FULL) -> Held:
    """The smallest of them, unless that of the whole run is as small."""
    reason = min(factors, key=lambda one: factors[one], default="")
    found = Held(factors[reason], reason) if reason else _FULL
    return found if found.factor < whole.factor else whole
