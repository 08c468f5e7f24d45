"""One stage under way: what its shards have said so far, and what that comes to."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import msgspec

from swelld.clock import now
from swelld.columns import columns
from swelld.engine.plan import Pulse, RunStage
from swelld.engine.system import throttled_seconds
from swelld.hub.phases import Phasing
from swelld.hub.spec import Batch, Spec
from swelld.hub.tally import Tally, Window
from swelld.hub.validity import Watch
from swelld.load.stage import ClosedStage, OpenStage
from swelld.measurement import Measurement
from swelld.result import StageResult, Statistics


class Level:
    """A tally for each target, and a watch over the shards."""

    def __init__(self, spec: Spec, number: int, stage: ClosedStage | OpenStage, start: float) -> None:
        self.number = number
        self.stage = stage
        self.watch = Watch()
        self.saturated = False
        """Whether the latest window was."""
        self._spec = spec
        self._start = start
        self._copies = len(spec.plan.lanes)
        self._tallies = [Tally(spec.thresholds, Window(stage, start), spec.percentiles) for _ in spec.plan.names]
        self._phasing = Phasing(
            stage,
            start,
            self._tallies,
            spec.window,
            lanes=self._copies,
            thresholds=spec.thresholds,
            percentiles=spec.percentiles,
        )
        self._in_flight: dict[int, int] = {}
        self._begun: dict[int, list[int]] = {}  # by shard: exchanges begun by target, as it last said
        self._reported: Counter[int] = Counter()  # by shard: measurements received

    @property
    def done(self) -> int:
        """Measured exchanges that are over."""
        return sum(tally.done for tally in self._tallies)

    @property
    def in_flight(self) -> int:
        """Requests under way, warm-up among them."""
        return sum(self._in_flight.values())

    def order(self) -> RunStage:
        """What every shard is told."""
        return RunStage(self.number, self.stage, self._start)

    def take(self, pulse: Pulse) -> Iterator[tuple[int, Batch]]:
        """One pulse of one shard: into the tallies, and out again as batches by target."""
        self.saturated = self.watch.pulse(pulse, now(), throttled_seconds())
        self._in_flight[pulse.shard] = sum(pulse.in_flight)
        self._begun[pulse.shard] = pulse.begun
        self._reported[pulse.shard] += len(pulse.measurements)
        groups: dict[tuple[int, bool], list[Measurement]] = defaultdict(list)
        for m in pulse.measurements:
            groups[m.target, m.warmup].append(m)
        for (target, warmup), measurements in groups.items():
            found = columns(measurements, self._spec.thresholds)
            if not warmup:
                self._tallies[target].add(measurements, found)
            yield target, Batch(measurements, found, warmup, valid=not self.saturated)
        self._phasing.take(now(), self.in_flight, pulse.measurements)

    def cut(self) -> None:
        """Nothing that comes after this moment belongs to the window."""
        for tally in self._tallies:
            tally.window.cut(now())

    def died(self, shard: int, how: str) -> int:
        """A shard died: what it had begun and not reported is lost; how much."""
        lost = sum(self._begun.get(shard, [])) - self._reported[shard]
        self.watch.died(shard, how, lost)
        self._in_flight.pop(shard, None)
        return lost

    def rest(self, shard: int) -> RunStage:
        """What is left for a shard that takes over from a dead one."""
        begun = self._begun.get(shard) or [0] * len(self._tallies)
        self._reported[shard] = sum(begun)  # from here on it counts for its predecessor, too
        return RunStage(self.number, self.stage, self._start, tuple(begun))

    def active_users(self) -> int | None:
        """Users started so far; None in an open loop."""
        if not isinstance(self.stage, ClosedStage):
            return None
        way = (now() - self._start) / self.stage.ramp_up if self.stage.ramp_up else 1.0
        return int(self.stage.users * min(1.0, max(0.0, way))) * self._copies

    def fraction(self) -> float:
        """How much of it is over, by time or by requests, whichever is further."""
        inside = 0.0
        if self.stage.duration:
            inside = (now() - self._start) / (self.stage.warmup_seconds + self.stage.duration)
        if self.stage.requests:
            inside = max(inside, self.done / (self.stage.requests * self._copies))
        return min(1.0, max(0.0, inside))

    def results(self, measurement_error: Statistics | None) -> Iterator[StageResult]:
        """The figures of every target."""
        for target in range(len(self._tallies)):
            yield self._result(target, measurement_error)

    def _result(self, target: int, measurement_error: Statistics | None) -> StageResult:
        plan, stage = self._spec.plan, self.stage
        tally, phases = self._phasing.outcome(target)
        seconds = tally.window.seconds()
        scheduled = isinstance(stage, OpenStage) and seconds > 0
        validity = self.watch.verdict(
            tally.distributions["lag"],
            tally.distributions["connect"],
            offered=tally.done / seconds if scheduled else None,
            achieved=(tally.done - tally.outcomes["dropped"]) / seconds if scheduled else None,
        )
        validity = msgspec.structs.replace(validity, measurement_error=measurement_error)
        names = (plan.names[target], plan.targets[target].model)
        users = stage.users * self._copies if isinstance(stage, ClosedStage) else None
        return tally.result(stage, names, self._spec.share, validity, phases, users)
