"""Keeps a run on disk while it goes on: metadata, every request, the result."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from swelld.clock import WallClock, now
from swelld.distribution import Floats
from swelld.engine.plan import Pulse
from swelld.hub.spec import Batch, Spec
from swelld.load.stage import Stage
from swelld.result import Result
from swelld.settings.model import Files
from swelld.store.files import StoreError
from swelld.store.metadata import describe
from swelld.store.results import RunDirectory
from swelld_exporters.files import RequestsFile

log = logging.getLogger(__name__)


class Recording:
    """One run's directory. A full disk ends the recording, not the run."""

    def __init__(self, root: Path, spec: Spec, command: Sequence[str], files: Files, *, stored: bool) -> None:
        """`stored`: the run is in the store as well. Raises StoreError or OSError if the directory cannot be made."""
        self._wall = WallClock()
        self._spec = spec
        self._command = command
        self._started = datetime.fromtimestamp(self._wall.unix, UTC)
        self._directory = RunDirectory.create(root, self._started)
        if stored:
            self._directory.mark_stored()
        self._labels: list[str] = []
        plan = spec.plan
        self._file: RequestsFile | None = RequestsFile(
            self._directory.requests,
            stages=self._labels,
            targets=[(name, target.model) for name, target in zip(plan.names, plan.targets, strict=True)],
            origin=now(),
            wall=self._wall,
            secrets=self._secrets(),
            formats=files.formats,
            rotation=files.rotation,
        )
        try:
            self._describe(finished=None)
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """Where the run is kept."""
        return self._directory.path

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        self._labels.append(stage.label)

    def batch(self, spec: Spec, stage: Stage, target: int, found: Batch) -> None:
        if self._file is None:
            return
        try:
            self._file.write(found.measurements)
        except OSError as error:
            log.error("requests are no longer recorded: %s", error)
            self.close()

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        """Nothing of it is kept."""

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        """They are in the result."""

    def finish(self, result: Result) -> None:
        """Write the result; a failure is told and costs nothing else."""
        self.close()
        try:
            self._directory.write_result(result)
            self._describe(finished=result.run.finished)
        except (StoreError, OSError) as error:
            log.error("the result could not be written to %s: %s", self.path, error)

    def close(self) -> None:
        """No more requests."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError as error:
            log.error("the end of the requests is lost: %s", error)

    def _secrets(self) -> list[str]:
        return [target.api_key.reveal() for target in self._spec.plan.targets if target.api_key is not None]

    def _describe(self, finished: str | None) -> None:
        self._directory.write_metadata(
            describe(
                run_id=self._spec.id,
                started=self._started.isoformat(timespec="milliseconds"),
                finished=finished,
                command=self._command,
                config=self._spec.config,
                secrets=self._secrets(),
            )
        )
