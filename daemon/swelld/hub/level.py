"""One stage under way: what its shards have said so far, and what that comes to."""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from typing import Final

import msgspec

from swelld.clock import WallClock, now
from swelld.columns import columns
from swelld.distribution import Distribution
from swelld.engine.plan import FULL, Change, Pulse, RunStage, Throttle
from swelld.engine.system import throttled_seconds
from swelld.hub.offered import Offered
from swelld.hub.phases import Phasing
from swelld.hub.scatter import Scatter
from swelld.hub.spec import Batch, Spec
from swelld.hub.tally import Tally, Window
from swelld.hub.validity import Watch
from swelld.load.arrivals import Curve
from swelld.load.stage import ClosedStage, OpenStage
from swelld.measurement import Measurement
from swelld.result import LevelChange, Phases, StageResult, StandardError, Statistics

StageDistributions = tuple[str, str, dict[str, Distribution]]
"""Label of the stage, name of the target, and the distributions by the names that their statistics have in a result."""
NAMES: Final = {"gaps": "itl"}
MOST_CHANGES: Final = 1000
"""Changes of a level that its result tells of, the latest."""


class Level:
    """A tally for each target, and a watch over the shards."""

    def __init__(self, spec: Spec, number: int, stage: ClosedStage | OpenStage, start: float) -> None:
        if isinstance(stage, OpenStage):
            stage = stage.placed(WallClock().at(start))
        self.number = number
        self.stage = stage
        """As it is by now: at its present level, whatever a throttle holds back."""
        self._planned = stage
        self._curve = Curve(stage) if isinstance(stage, OpenStage) else None
        self._offered = Offered(start) if isinstance(stage, OpenStage) and stage.replay is not None else None
        self._changes: deque[LevelChange] = deque(maxlen=MOST_CHANGES)
        self._throttle = FULL
        self._withheld: list[Counter[str]] = [Counter() for _ in spec.plan.names]
        self.watch = Watch()
        self.saturated = False
        """Whether the latest window was."""
        self._spec = spec
        self._start = start
        self._lanes = spec.plan.lanes_of(stage)
        self._copies = len(self._lanes)
        self._targets = spec.plan.targets_of(stage)
        self._tallies = [Tally(spec.thresholds, Window(stage, start), spec.percentiles) for _ in spec.plan.names]
        self._scatter = [Scatter() for _ in spec.plan.names]
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
        self._later: dict[int, Counter[int]] = defaultdict(Counter)  # by shard and target: turns after the first

    @property
    def done(self) -> int:
        """Measured exchanges that are over."""
        return sum(tally.done for tally in self._tallies)

    @property
    def in_flight(self) -> int:
        """Requests under way, warm-up among them."""
        return sum(self._in_flight.values())

    @property
    def elapsed(self) -> float:
        """Seconds since its start."""
        return now() - self._start

    def order(self) -> RunStage:
        """What every shard is told."""
        return RunStage(self.number, self._planned, self._start)

    def check(self, rate: float | None, users: int | None, shards: int, scale: float | None = None) -> None:
        """ValueError says why it cannot go on at another level."""
        _check_change(self._planned, rate, users, shards, scale)

    def change(self, at: float, rate: float | None, users: int | None, scale: float | None = None) -> Change:
        """Go on at another level from `at` on."""
        at = max(0.0, at - self._start)
        turn = None
        if self._curve is not None:
            turn = self._curve.turn_at(at, rate, 1.0 if scale is None else scale)
            self._curve.turn(turn)
        self.stage = self.changed(rate, users, scale)
        self._changes.append(LevelChange(at, rate, users, scale))
        self._phasing.give_up("the load was changed while the stage went on")
        return Change(turn, users)

    def changed(self, rate: float | None, users: int | None, scale: float | None = None) -> ClosedStage | OpenStage:
        """The stage as it would be at another level."""
        if isinstance(self._planned, OpenStage) and scale is not None:
            return self._planned.scaled(scale)
        if isinstance(self.stage, OpenStage) and rate is not None:
            return msgspec.structs.replace(self.stage, rate=rate, rate_end=None, shape=None, replay=None)
        if isinstance(self.stage, ClosedStage) and users is not None:
            return msgspec.structs.replace(self.stage, users=users, ramp_up=0.0)
        return self.stage

    def throttle(self, throttle: Throttle) -> None:
        """Only a part of the load is let through from now on."""
        if throttle.why:
            self._phasing.give_up(f"the load was throttled ({throttle.why})")
        self._throttle = throttle

    def take(self, pulse: Pulse) -> Iterator[tuple[int, Batch]]:
        """One pulse of one shard: into the tallies, and out again as batches by target."""
        self.saturated = self.watch.pulse(pulse, now(), throttled_seconds())
        self._in_flight[pulse.shard] = sum(pulse.in_flight)
        self._count(pulse)
        self._look_at_offer()
        groups: dict[tuple[int, bool], list[Measurement]] = defaultdict(list)
        for m in pulse.measurements:
            groups[m.target, m.warmup].append(m)
        for (target, warmup), measurements in groups.items():
            found = columns(measurements, self._spec.thresholds)
            if not warmup:
                self._tallies[target].add(measurements, found)
                self._scatter[target].add(now(), measurements, found)
            else:
                self._tallies[target].overlap(measurements, found)
            yield target, Batch(measurements, found, warmup, valid=not self.saturated)
        self._phasing.take(now(), self.in_flight, pulse.measurements)

    def _count(self, pulse: Pulse) -> None:
        if pulse.stage == self.number:  # not so in the first moments: it may still speak of the stage before
            self._begun[pulse.shard] = pulse.begun
            self._reported[pulse.shard] += len(pulse.measurements) + pulse.lost
            self._later[pulse.shard].update(m.target for m in pulse.measurements if m.turn is not None and m.turn > 1)
        for reason, counts in pulse.withheld.items():
            self._reported[pulse.shard] += sum(counts)
            for target, count in enumerate(counts):
                if count:
                    self._withheld[target][reason] += count

    def _look_at_offer(self) -> None:
        """What a replay comes to is only seen when it falls due."""
        if self._offered is not None and isinstance(self.stage, OpenStage) and self.stage.replay is not None:
            self._offered.see(now(), sum(map(sum, self._begun.values())) // self._copies)
            self.stage = msgspec.structs.replace(self.stage, rate=self._offered.rate())

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
        if isinstance(self._planned, OpenStage):  # an arrival is a session, however many turns it had
            later = self._later.pop(shard, Counter())
            begun = [count - later[target] for target, count in enumerate(begun)]
        self._reported[shard] = sum(begun)  # from here on it counts for its predecessor, too
        users = self.stage.users if isinstance(self.stage, ClosedStage) and self._changes else None
        turns = self._curve.turns if self._curve is not None else ()
        return RunStage(self.number, self._planned, self._start, tuple(begun), turns, users)

    def active_users(self) -> int | None:
        """Users at it by now; None in an open loop."""
        stage = self.stage
        if not isinstance(stage, ClosedStage):
            return None
        way = (now() - self._start) / stage.ramp_up if stage.ramp_up else 1.0
        begun = int(stage.users * min(1.0, max(0.0, way)))
        return sum(min(begun, self._throttle.users(lane, stage.users)) for lane in self._lanes)

    def offered_rate(self) -> float | None:
        """Requests per second that are due by now, of all lanes; None in a closed loop."""
        if self._curve is None:
            return None
        rate = self._curve.rate(now() - self._start)
        if isinstance(self.stage, OpenStage) and self.stage.replay is not None:
            rate = self.stage.rate
        return rate * sum(map(self._throttle.share, self._lanes))

    def fraction(self) -> float:
        """How much of it is over, by time or by requests, whichever is further."""
        inside = 0.0
        if self.stage.duration:
            inside = (now() - self._start) / (self.stage.warmup_seconds + self.stage.duration)
        if self.stage.requests:
            withheld = sum(counts.total() for counts in self._withheld)
            later = sum(tally.turns.later for tally in self._tallies) if isinstance(self.stage, OpenStage) else 0
            inside = max(inside, (self.done - later + withheld) / (self.stage.requests * self._copies))
        return min(1.0, max(0.0, inside))

    def results(self, measurement_error: Statistics | None) -> Iterator[StageResult]:
        """The figures of every target, once the stage is over."""
        for target in self._targets:
            yield self._result(target, *self._phasing.outcome(target), measurement_error)

    def so_far(self, measurement_error: Statistics | None) -> Iterator[StageResult]:
        """The figures of every target as they are by now; its phases are not known yet."""
        for target in self._targets:
            yield self._result(target, self._tallies[target], None, measurement_error, until=now())

    def distributions(self, *, over: bool) -> Iterator[StageDistributions]:
        """What those figures are taken from: that of `results` if it is over, else that of `so_far`."""
        for target in self._targets:
            name = self._spec.plan.names[target]
            tally = self._phasing.outcome(target)[0] if over else self._tallies[target]
            yield self.stage.label, name, {NAMES.get(key, key): value for key, value in tally.distributions.items()}

    def _result(
        self,
        target: int,
        tally: Tally,
        phases: Phases | None,
        measurement_error: Statistics | None,
        until: float | None = None,
    ) -> StageResult:
        plan, stage = self._spec.plan, self._planned
        seconds = tally.window.seconds(until)
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
        checks = plan.checks.names() if plan.checks else ()
        price = plan.targets[target].price
        result = tally.result(stage, names, self._spec.share, validity, phases, users, checks, price, until)
        withheld = dict(self._withheld[target])
        return msgspec.structs.replace(
            result,
            changes=list(self._changes),
            withheld=withheld,
            precision=self._precision(target, tally) if until is None else {},
            solo_of=stage.solo.of if stage.solo else None,
        )

    def _precision(self, target: int, tally: Tally) -> dict[str, StandardError]:
        begin = tally.window.start
        end = None if begin is None else begin + tally.window.seconds()
        found = self._scatter[target].precision(tally.distributions, begin, end)
        return {name: error for name, error in found.items() if name != "goodput" or self._spec.thresholds}


def _check_change(
    stage: ClosedStage | OpenStage, rate: float | None, users: int | None, shards: int, scale: float | None
) -> None:
    if sum(given is not None for given in (rate, users, scale)) != 1:
        raise ValueError("give either a rate or a concurrency to change to, or a factor to scale the rate by")
    if scale is not None:
        if not isinstance(stage, OpenStage):
            raise ValueError(
                f"the stage {stage.label} is a closed loop: change its concurrency, it has no rate to scale"
            )
        if not 0 < scale < math.inf:
            raise ValueError(f"{scale:g} times a rate is no rate to go on with: it is above 0")
    elif isinstance(stage, OpenStage):
        if rate is None:
            raise ValueError(f"the stage {stage.label} is an open loop: change its rate, it has no concurrency")
        if not 0 < rate < math.inf:
            raise ValueError(f"{rate:g}/s is no rate to go on with: a rate is above 0; pause the run to send nothing")
    else:
        if users is None:
            raise ValueError(f"the stage {stage.label} is a closed loop: change its concurrency, it has no rate")
        least = 1 if stage.requests is None else min(shards, stage.users)
        if users < least:
            why = "; pause the run to send nothing" if least == 1 else f": {least} load processes share its requests"
            raise ValueError(f"{users} users cannot go on with the stage {stage.label}: at least {least}{why}")
