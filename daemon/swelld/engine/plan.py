"""What every shard of a run is given, and what it sends back."""

from dataclasses import dataclass
from typing import Final

import msgspec

from swelld.adapters.base import Adapter
from swelld.engine.target import Target
from swelld.engine.tracing import Tracing
from swelld.load.stage import ClosedStage, OpenStage
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


BEFORE: Final = -1
"""Number of the stage that is nothing but calibration."""


class RunStage(msgspec.Struct, frozen=True, tag=True):
    """To a shard: carry out your share of a stage from `start` (monotonic) on."""

    number: int
    stage: ClosedStage | OpenStage
    start: float
    begun: tuple[int, ...] = ()
    """By target: how much of the share a predecessor had begun when it died; empty for a fresh start."""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To a shard: start nothing new; with `force`, cancel what is under way too."""

    force: bool


class Quit(msgspec.Struct, frozen=True, tag=True):
    """To a shard: close everything and end."""


Command = RunStage | Stop | Quit


class Pulse(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From a shard, a few times a second: how it fares, and the measurements since the last one."""

    shard: int
    measurements: list[Measurement]
    begun: list[int]
    """Exchanges begun and arrivals dropped so far in this stage, by target."""
    in_flight: list[int]
    """By target."""
    connections: list[int]
    """Open, by target."""
    waiting: int
    """Exchanges that wait for a connection."""
    largest_batch: int
    """Most reads that waited to be parsed at a time, since the last pulse."""
    cpu_seconds: float
    """Of the process, since it began."""
    loop_lag: list[float]
    """How late the loop's own clockwork was, in seconds, since the last pulse."""
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


class Broken(msgspec.Struct, frozen=True, tag=True):
    """From a shard: it cannot go on."""

    shard: int
    error: str


class Died(msgspec.Struct, frozen=True, tag=True):
    """From the crew, in place of a shard that can say nothing any more."""

    shard: int
    how: str


Report = Pulse | Opened | StageDone | Broken | Died
