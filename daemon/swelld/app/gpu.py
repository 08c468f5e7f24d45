"""The GPUs beside a run: metrics, what the run used, and `swelld gpu`."""

import sys
from collections.abc import Callable
from typing import Final

from swelld.hub.gpu import GpuRecorder
from swelld.settings.gpu import Nvml
from swelld_exporters.nvml.metrics import GpuMetrics
from swelld_exporters.nvml.reading import Reading
from swelld_exporters.nvml.session import Session
from swelld_exporters.nvml.watch import Watch
from swelld_exporters.prometheus.registry import Registry

_LOOK: Final = 2.0
"""Seconds that a run waits for a reading at its begin and end."""


class Gpus:
    """Reads the GPUs for as long as it is open, for the registry and for every run under way."""

    def __init__(self, settings: Nvml, registry: Registry | None = None) -> None:
        self._takers: list[Callable[[Reading], None]] = [GpuMetrics(registry).take] if registry is not None else []
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

    def recorders(self) -> list[GpuRecorder]:
        """The witness of a run; none where GPUs are not read."""
        return [GpuRecorder(self)] if self._watch is not None else []

    def subscribe(self, take: Callable[[Reading], None]) -> None:
        """Be given every reading."""
        self._takers.append(take)

    def unsubscribe(self, take: Callable[[Reading], None]) -> None:
        """Be given no more; of no effect without a subscription."""
        if take in self._takers:
            self._takers.remove(take)

    async def look(self) -> None:
        """Read now, or give up soon."""
        if self._watch is not None:
            await self._watch.refresh(_LOOK)

    def _take(self, reading: Reading) -> None:
        for take in self._takers:
            take(reading)


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
