"""What all runs together may ask of a target: who is let in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swelld.config import format_rate
from swelld.engine.target import Ceiling
from swelld.hub.spec import Spec
from swelld.load.stage import ClosedStage, OpenStage, Stage


@dataclass(frozen=True, slots=True)
class Demand:
    """The most that a run asks of one target by itself: an open loop states a rate, a closed one its users."""

    rate: float = 0.0
    concurrency: int = 0


@dataclass(frozen=True, slots=True)
class _Admitted:
    scenario: str
    demands: dict[str, Demand]
    apart: bool


class Ceilings:
    """The runs under way, held against the ceilings of their targets.

    What a load does not state (how fast users ask, how many arrivals are open at a time) cannot be refused beforehand:
    the load processes see to it, for all the runs that they share. So all runs on a target with a ceiling have to be
    in the same processes.
    """

    def __init__(self) -> None:
        self._runs: dict[str, _Admitted] = {}

    def admit(self, spec: Spec, stages: Sequence[Stage] | None = None, *, apart: bool = False) -> None:
        """Let a run begin, or one that was admitted go on with other `stages`; ValueError if it would be too much.

        `apart`: it has processes of its own. `release` has to follow.
        """
        wanted = _Admitted(spec.scenario, demands(spec, spec.stages(1) if stages is None else stages), apart)
        for name, target in zip(spec.plan.names, spec.plan.targets, strict=True):
            if target.ceiling is not None:
                others = [run for key, run in self._runs.items() if key != spec.id and name in run.demands]
                _check(name, target.ceiling, wanted, others)
        self._runs[spec.id] = wanted

    def release(self, run_id: str) -> None:
        """The run is over; of no effect if it was never admitted."""
        self._runs.pop(run_id, None)


def demands(spec: Spec, stages: Iterable[Stage]) -> dict[str, Demand]:
    """The most that any of the stages asks of each target."""
    found = {name: Demand() for name in spec.plan.names}
    for stage in stages:
        for lane in spec.plan.lanes_of(stage):
            for target, weight in zip(lane.targets, lane.weights, strict=True):
                name = spec.plan.names[target]
                one, before = _demand(stage, weight / sum(lane.weights)), found[name]
                found[name] = Demand(max(one.rate, before.rate), max(one.concurrency, before.concurrency))
    return found


def _demand(stage: Stage, share: float) -> Demand:
    if isinstance(stage, OpenStage):
        return Demand(rate=stage.peak * share)
    assert isinstance(stage, ClosedStage)
    return Demand(concurrency=stage.users)  # all of them may happen to ask the same target


def _check(name: str, ceiling: Ceiling, wanted: _Admitted, others: Sequence[_Admitted]) -> None:
    demand = wanted.demands[name]
    stranger = next((run for run in others if run.apart or wanted.apart), None)
    if stranger is not None:
        raise ValueError(
            f"the target {name} has a ceiling and is under load from {stranger.scenario} in other processes, which "
            "cannot keep to it together: wait until that is over, or let both use the same processes"
        )
    taken = sum(run.demands[name].rate for run in others)
    if ceiling.rate is not None and demand.rate and taken + demand.rate > ceiling.rate * (1 + 1e-9):
        have, more, most = (format_rate(rate) for rate in (taken, demand.rate, ceiling.rate))
        raise ValueError(_refusal(name, have, more, most, others))
    used = sum(run.demands[name].concurrency for run in others)
    if ceiling.concurrency is not None and demand.concurrency and used + demand.concurrency > ceiling.concurrency:
        have, more, most = (f"{many} at a time" for many in (used, demand.concurrency, ceiling.concurrency))
        raise ValueError(_refusal(name, have, more, most, others))


def _refusal(name: str, have: str, more: str, most: str, others: Sequence[_Admitted]) -> str:
    taken = f" and {have} of it are taken by {', '.join(sorted({run.scenario for run in others}))}" if others else ""
    return f"the target {name} has a ceiling of {most}{taken}, but the load asks for {more}: lower it" + (
        ", or wait" if others else ", or raise the ceiling in the configuration"
    )
