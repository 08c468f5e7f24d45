"""The stages of a run: those that were, and those that are known to come."""

from collections.abc import Sequence
from typing import Final

from swelld.clock import now
from swelld.engine.plan import End
from swelld.hub.level import Level
from swelld.hub.spec import Spec
from swelld.load.course import Course, Look
from swelld.load.stage import Stage
from swelld.result import Result, StageResult

LOOK_SECONDS: Final = 0.25
"""Between two looks of a course at the stage under way."""


class Stages:
    """Hands out stages one after another, from the list of a spec or as its course decides."""

    def __init__(self, spec: Spec) -> None:
        self.known: list[Stage] = []
        """In their order; with a course, up to the present one."""
        self.end: End | None = None
        """The order that ended the present stage before its time."""
        self._spec = spec
        self._course: Course | None = None
        self._number = -1
        self._looked = 0.0

    def open(self, distinct: int | None) -> Sequence[StageResult]:
        """Given the number of distinct prompts; stages that were measured earlier and belong to the result."""
        if self._spec.course is None:
            self.known = [*self._spec.stages(distinct)]
            return ()
        self._course = self._spec.course(distinct)
        return self._course.before()

    def next(self, done: Sequence[StageResult]) -> tuple[int, Stage] | None:
        """Number and stage; None when there is no other."""
        self._number += 1
        self.end = None
        if self._course is not None and (stage := self._course.next(done)) is not None:
            self.known.append(stage)
        return (self._number, self.known[self._number]) if self._number < len(self.known) else None

    def look(self, level: Level) -> End | None:
        """The order to end the present stage, once there is nothing more to be learnt from it."""
        moment = now()
        if self._course is None or self.end is not None or moment < self._looked + LOOK_SECONDS:
            return None
        self._looked = moment
        end = self._course.look(Look([*level.so_far(None)], level.elapsed, level.in_flight))
        if end is not None:
            self.end = End(level.number, end == "cancel")
        return self.end

    def expected(self) -> int:
        """How many there will be, as far as can be told."""
        return len(self.known) if self._course is None else max(len(self.known), self._course.expected())

    def requests(self) -> int | None:
        """Measured requests of all of them; None if that is not known beforehand."""
        counts = [stage.requests for stage in self.known]
        if self._course is not None or not counts or None in counts:
            return None
        return sum((stage.requests or 0) * len(self._spec.plan.lanes_of(stage)) for stage in self.known)

    def fraction(self, level: Level | None) -> float | None:
        """How much of all is over, every stage counted alike; None if there is no end."""
        if not self.known or self._spec.endless:
            return None
        if level is None:
            return max(0, self._number) / max(1, self._number, self.expected())
        return (level.number + level.fraction()) / max(level.number + 1, self.expected())

    def complete(self, result: Result) -> Result:
        """The result with what was decided on the way."""
        return result if self._course is None else self._course.complete(result)
