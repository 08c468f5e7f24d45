"""What load processes and the shards in them are told, and what they say."""

import math
from dataclasses import dataclass
from typing import Final

import msgspec

from swelld.adapters.base import Adapter
from swelld.checks.settings import Checks
from swelld.engine.target import Target
from swelld.engine.tracing import Tracing
from swelld.load.arrivals import Turn
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld.measurement import Measurement
from swelld.prompts.base import PromptSource


@dataclass(frozen=True, slots=True)
class Lane:
    """Targets that share one load; several lanes of a run carry the same load side by side."""

    targets: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A server of known timing, which the shards measure beside their targets or before them."""

    target: Target
    adapter: type[Adapter]
    ttft: float
    """Seconds that it takes to the first token."""
    beside: bool
    """For as long as every stage goes on; otherwise only in the stage `BEFORE`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The same for every shard; pickled once to each."""

    names: tuple[str, ...]
    targets: tuple[Target, ...]
    adapters: tuple[type[Adapter], ...]
    lanes: tuple[Lane, ...]
    prompts: PromptSource
    seed: int
    calibration: Calibration | None = None
    tracing: Tracing | None = None
    """None if no traces are exported: then no ids are drawn."""
    checks: Checks | None = None
    """What good answers have to pass."""

    def lanes_of(self, stage: Stage) -> tuple[Lane, ...]:
        """Those of a stage: all of them, or one of its target alone."""
        return self.lanes if stage.solo is None else (Lane((stage.solo.target,), (1.0,)),)

    def targets_of(self, stage: Stage) -> tuple[int, ...]:
        """Numbers of the targets that a stage loads."""
        return tuple(sorted(target for lane in self.lanes_of(stage) for target in lane.targets))


BEFORE: Final = -1
"""Number of the stage that is nothing but calibration."""


class Open(msgspec.Struct, frozen=True, tag=True):
    """To a process: take part in a run from now on."""

    plan: bytes
    """Pickled."""


class RunStage(msgspec.Struct, frozen=True, tag=True):
    """To a shard: carry out your share of a stage from `start` (monotonic) on."""

    number: int
    stage: ClosedStage | OpenStage
    start: float
    begun: tuple[int, ...] = ()
    """By target: how much of the share a predecessor had begun when it died; empty for a fresh start."""
    turns: tuple[Turn, ...] = ()
    """Of an open loop: changes of its rate so far."""
    users: int | None = None
    """Of a closed loop: how many there are by now, if that was changed."""


class Change(msgspec.Struct, frozen=True, tag=True):
    """To a shard: go on with the present stage at another level."""

    turn: Turn | None = None
    """Of an open loop."""
    users: int | None = None
    """Of a closed loop, all shards together: more begin at once, a surplus ends after its present requests."""


class Held(msgspec.Struct, frozen=True):
    """The part of a load that is let through, and why it is not all of it."""

    factor: float
    """1 is all, 0 nothing."""
    reason: str
    """Safe as a label; empty if nothing is held back."""


class Throttle(msgspec.Struct, frozen=True, tag=True):
    """To a shard: let only a part of the load through from now on, in this stage and all that follow.

    Of an open loop the share `factor` of the arrivals, evenly spread; of a closed loop so many of its users (rounded
    up), the others wait.
    """

    factor: float
    reason: str
    targets: dict[int, Held] = {}
    """Of those that less is sent to than to the others, what holds instead."""

    @property
    def why(self) -> str:
        """The reason of what is held back most; empty if nothing is."""
        return min((Held(self.factor, self.reason), *self.targets.values()), key=lambda held: held.factor).reason

    def of(self, target: int) -> Held:
        """What holds for one target."""
        return self.targets.get(target) or Held(self.factor, self.reason)

    def share(self, lane: Lane) -> float:
        """The part of a lane's load that is let through."""
        if not self.targets:
            return self.factor
        parts = zip(lane.targets, lane.weights, strict=True)
        return sum(self.of(target).factor * weight for target, weight in parts) / sum(lane.weights)

    def users(self, lane: Lane, users: int) -> int:
        """How many of a closed loop's users in a lane may ask."""
        return math.ceil(self.share(lane) * users - 1e-9)  # 0.1 * 30 is a bit more than 3


FULL: Final = Throttle(1.0, "")
"""Nothing is held back."""


class End(msgspec.Struct, frozen=True, tag=True):
    """To a shard: the stage of this number is over before its time; with `force`, cancel what is under way too."""

    number: int
    force: bool


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To a shard: start nothing new; with `force`, cancel what is under way too."""

    force: bool


class Close(msgspec.Struct, frozen=True, tag=True):
    """To a process: the run is over; cancel what it has under way, close its connections, forget it."""


class Quit(msgspec.Struct, frozen=True, tag=True):
    """To a process: close everything and end."""


Order = RunStage | Change | Throttle | End | Stop
"""What a shard understands."""
Command = Open | Order | Close | Quit


class Pulse(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From a shard, a few times a second: how it fares, and the measurements since the last one."""

    shard: int
    stage: int = 0
    """Number of the stage that is under way, or was the last."""
    measurements: list[Measurement]
    begun: list[int]
    """Exchanges begun, and arrivals dropped or withheld, so far in this stage, by target."""
    in_flight: list[int]
    """By target."""
    connections: list[int]
    """Open, by target."""
    waiting: int
    """Exchanges that wait for a connection."""
    largest_batch: int
    """Most reads that waited to be parsed at a time, since the last pulse."""
    cpu_seconds: float
    """Of the process, since it began; all runs that it takes part in together."""
    loop_lag: list[float]
    """How late the loop's own clockwork was, in seconds, since the last pulse: the process's, whatever the run."""
    ticks: int = 0
    """How many such values the process had taken before these: those of two runs of one process are the same."""
    process: int = 0
    """Its number in the system."""
    moment: float | None = None
    """Monotonic, when it was made; None where nobody knows."""
    withheld: dict[str, list[int]] = {}
    """Arrivals not sent since the last pulse, by reason and target: neither scheduled nor dropped."""
    lost: int = 0
    """Measurements thrown away since the last pulse, because nobody took them."""
    measurement_errors: list[float] = []
    """Reported - scripted TTFT of every exchange of the calibration since the last pulse."""


class Opened(msgspec.Struct, frozen=True, tag=True):
    """From a shard: prompts and targets are ready."""

    shard: int
    distinct_prompts: int | None


class StageDone(msgspec.Struct, frozen=True, tag=True):
    """From a shard: its share of a stage is over, drained and reported."""

    shard: int
    number: int


class Closed(msgspec.Struct, frozen=True, tag=True):
    """From a process: nothing of the run is left in it."""

    shard: int


class Alive(msgspec.Struct, frozen=True, tag=True):
    """From a process that takes part in runs, now and then: it goes on."""


class Broken(msgspec.Struct, frozen=True, tag=True):
    """From a shard: it cannot go on."""

    shard: int
    error: str


class Died(msgspec.Struct, frozen=True, tag=True):
    """From the crew, in place of a shard that can say nothing any more."""

    shard: int
    how: str


Report = Pulse | Opened | StageDone | Closed | Alive | Broken | Died
