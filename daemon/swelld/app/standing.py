"""What the daemon says of itself on /metrics."""

import time

from swelld.settings import Settings, redacted
from swelld.store.metadata import config_hash
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry


class Standing:
    """Its gauges."""

    def __init__(self, registry: Registry) -> None:
        self.reloaded: float | None = None
        """When a configuration was last taken over, Unix seconds; None at first."""
        self._registry = registry
        self._hash = ""

    def configured(self, settings: Settings) -> None:
        """These are in force."""
        gauge = self._registry.gauge(names.CONFIG_INFO)
        gauge.remove(hash=self._hash)
        self._hash = config_hash(redacted(settings))
        gauge.labels(self._hash).set(1)

    def read(self, *, ok: bool) -> None:
        """A configuration was read, and taken over or refused."""
        self._registry.gauge(names.CONFIG_RELOAD_OK).labels().set(ok)
        if ok:
            self.reloaded = time.time()
            self._registry.gauge(names.CONFIG_RELOAD_TIME).labels().set(self.reloaded)

    def well(self, *, ready: bool, complaints: int) -> None:
        """How it is."""
        self._registry.gauge(names.READY).labels().set(ready)
        self._registry.gauge(names.COMPLAINTS).labels().set(complaints)
