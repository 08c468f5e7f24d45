"""What the instrument adds to a measurement, as the shards find it on a server of known timing."""

from collections.abc import Callable
from typing import Final

import numpy as np

from swelld.clock import now
from swelld.distribution import Distribution, Floats
from swelld.engine.calibrator import calibration_stage
from swelld.engine.crew import Crew
from swelld.engine.plan import BEFORE, Broken, Calibration, Died, Pulse, RunStage, StageDone
from swelld.hub.figures import statistics
from swelld.result import Statistics

BEFORE_SECONDS: Final = 2.0


class ErrorWatch:
    """The measurement errors of a run: of every stage by itself, or found before the first and the same for all.

    `heard` is told every batch of them. Without a calibration nothing happens and nothing is known.
    """

    def __init__(self, calibration: Calibration | None, heard: Callable[[Floats], None]) -> None:
        self._calibration = calibration
        self._heard = heard
        self._errors = Distribution()

    async def before(self, crew: Crew) -> None:
        """Calibrate before the first stage, if that is asked for; ValueError if a shard does not survive it."""
        if self._calibration is None or self._calibration.beside:
            return
        crew.order(RunStage(BEFORE, calibration_stage(crew.size, BEFORE_SECONDS), now()))
        busy = set(range(crew.size))
        while busy:
            report = await crew.reports.get()
            if isinstance(report, Pulse):
                self.take(report)
            elif isinstance(report, StageDone):
                busy.discard(report.shard)
            elif isinstance(report, (Broken, Died)):
                why = report.error if isinstance(report, Broken) else f"it died ({report.how})"
                raise ValueError(f"load process {report.shard} did not survive the calibration: {why}")

    def stage_begins(self) -> None:
        """A stage that is calibrated beside has errors of its own."""
        if self._calibration is not None and self._calibration.beside:
            self._errors = Distribution()

    def take(self, pulse: Pulse) -> None:
        """What one shard found."""
        if pulse.measurement_errors:
            errors = np.asarray(pulse.measurement_errors)
            self._errors.update(errors)
            self._heard(errors)

    def statistics(self) -> Statistics | None:
        """None without a calibration."""
        return None if self._calibration is None else statistics(self._errors)
