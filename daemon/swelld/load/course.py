"""The stages of a run while it goes on: known beforehand, or decided one after another by what came of those before."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from swelld.load.stage import Stage
from swelld.result import Result, StageResult

End = Literal["drain", "cancel"]
"""How a stage ends before its time: what is under way may still be answered, or is given up."""


class Look(NamedTuple):
    """A stage under way, as it stands by now."""

    stages: Sequence[StageResult]
    """Of every target, as far as they have come."""
    elapsed: float
    """Seconds since the start of the stage, warm-up included."""
    in_flight: int
    """Requests open, of all targets."""


class Course(Protocol):
    """Decides what a run does next; one for each run, asked in the hub's event loop: it must be quick."""

    def before(self) -> Sequence[StageResult]:
        """Stages that were measured earlier and belong to the result."""

    def next(self, done: Sequence[StageResult]) -> Stage | None:
        """The next stage, given those of this run that are over; None ends the run."""

    def look(self, look: Look) -> End | None:
        """Asked now and then while a stage goes on: whether it has said what it can, or is hopeless."""

    def expected(self) -> int:
        """How many stages the run will probably have had."""

    def complete(self, result: Result) -> Result:
        """The result with what was decided, and why."""
