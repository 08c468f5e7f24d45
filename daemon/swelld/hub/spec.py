"""What a run is told, and who hears of it while it goes on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from swelld.columns import Columns
from swelld.distribution import Floats
from swelld.engine.plan import Plan, Pulse
from swelld.hub.phases import WindowKind
from swelld.load.course import Course
from swelld.load.stage import Stage
from swelld.measurement import Measurement
from swelld.result import Result


class RunFailed(Exception):
    """The run could not be carried out; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a run is to do."""

    id: str
    scenario: str
    plan: Plan
    stages: Callable[[int | None], Sequence[Stage]]
    """The stages, given the number of distinct prompts; with a `course`, those of the lowest and highest load."""
    thresholds: Mapping[str, float]
    share: float
    """The share of requests that the objective asks for."""
    config: Mapping[str, Any]
    """As used, secrets redacted."""
    percentiles: tuple[float, ...] = ()
    """Percents wanted in the result besides the usual ones."""
    window: WindowKind = "all"
    """The part of each stage that the result is to be made of."""
    course: Callable[[int | None], Course] | None = None
    """Where the stages are decided on the way: who decides, given the number of distinct prompts."""

    @property
    def endless(self) -> bool:
        """Whether it goes on until it is stopped."""
        return any(stage.requests is None and stage.duration is None for stage in self.stages(1))


class Listener(Protocol):
    """Whoever wants to hear of every batch: metrics, files. Called in the hub's event loop; must be quick."""

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        """A stage is about to start."""

    def batch(self, spec: Spec, stage: Stage, target: int, found: "Batch") -> None:
        """Measurements of one stage and target, all of them warm-up or none."""

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        """How a shard fares."""

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        """What a calibration found, in seconds."""


class Witness(Protocol):
    """Whoever watches something beside the load while a run goes on: the servers' own metrics, the GPUs."""

    async def begin(self) -> None:
        """The shards are ready and nothing has been sent yet: the load waits for this, so it must be quick."""

    async def end(self) -> None:
        """Nothing more will be sent. Called once for every run, also for one that failed before it began."""

    def complete(self, result: Result) -> Result:
        """The result with what was seen."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Measurements that belong together."""

    measurements: Sequence[Measurement]
    columns: Columns
    warmup: bool
    valid: bool
    """False if the instrument was the bottleneck while they were made."""
