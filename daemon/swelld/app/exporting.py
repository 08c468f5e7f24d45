"""The outlets of every exporter that the settings want."""

import asyncio

from swelld.components import EXPORTERS
from swelld.hub.outlets import OutletFeed
from swelld.hub.spec import Spec
from swelld.settings.model import Exporters
from swelld_exporters.outlet import ExporterSettings
from swelld_exporters.prometheus.registry import Registry


class Outlets:
    """Open for the whole life of a process, for all of its runs."""

    def __init__(self, settings: Exporters, registry: Registry) -> None:
        """ValueError says what in the settings or in the environment cannot be used."""
        self._opened = []
        for name in EXPORTERS:
            exporter: ExporterSettings = getattr(settings, name)
            self._opened.append(exporter.open(registry))

    def feeds(self, spec: Spec) -> list[OutletFeed]:
        """What is to listen to a run and to witness its end; nothing where nothing is exported."""
        exchanges = [outlet for one in self._opened for outlet in one.exchanges]
        runs = [outlet for one in self._opened for outlet in one.runs]
        return [OutletFeed(spec, exchanges, runs)] if exchanges else []

    async def aclose(self) -> None:
        """Export what is left, as long as each exporter's deadline lets it; may be called twice."""
        await asyncio.gather(*(outlet.aclose() for one in self._opened for outlet in one.exchanges))
