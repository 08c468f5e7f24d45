"""The GPUs beside a run: metrics, what the run used, and `swelld gpu`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from swelld.hub.gpu import GpuRecorder
from swelld.result import Result
from swelld.settings.gpu import Nvml
from swelld_exporters.nvml.metrics import GpuMetrics
from swelld_exporters.nvml.reading import Reading
from swelld_exporters.nvml.session import Session
from swelld_exporters.nvml.watch import Watch
from swelld_exporters.prometheus.registry import Registry

_LOOK: Final = 5.0
"""Seconds that one reading may take before a run goes on without it."""


class Gpus:
    """Reads the GPUs for as long as it is open, for the registry and for every run under way."""

    def __init__(self, settings: Nvml, registry: Registry | None = None) -> None:
        self._metrics = GpuMetrics(registry) if registry is not None else None
        self._recorders: list[GpuRecorder] = []
        self._watch: Watch | None = None
        if settings.enabled:
            self._watch = Watch(Session(wanted=settings.enabled is True), settings.interval, self._take)

    def start(self) -> None:
        """Begin to read."""
        if self._watch is not None:
            self._watch.start()

    async def aclose(self) -> None:
        """No more readings."""
        if self._watch is not None:
            await self._watch.aclose()

    @contextmanager
    def recorder(self) -> Iterator[GpuRecorder]:
        """What listens to one run."""
        one = GpuRecorder()
        self._recorders.append(one)
        try:
            yield one
        finally:
            self._recorders.remove(one)

    async def look(self) -> None:
        """Read now, before or after a run: what happens in it lies between two readings."""
        if self._watch is not None:
            await self._watch.refresh(_LOOK)

    async def complete(self, recorder: GpuRecorder, result: Result) -> Result:
        """The result of a run that is over with what its GPUs used."""
        await self.look()
        return recorder.complete(result)

    def _take(self, reading: Reading) -> None:
        if self._metrics is not None:
            self._metrics.take(reading)
        for recorder in self._recorders:
            recorder.take(reading)


def show() -> int:
    """Print every GPU; 1 if there is none to be read."""
    from rich.console import Console

    from swelld.report.gpu import GpuTable

    session = Session()
    reading = session.read()
    session.close()
    if not reading.gpus:
        print(f"swelld: no GPU: {session.trouble}", file=sys.stderr)
        return 1
    Console().print(GpuTable(reading))
    for call, count in reading.errors.items():
        print(f"swelld: {call} failed {count} times", file=sys.stderr)
    return 0
