"""The daemon's own process: CPU, memory, file descriptors, garbage collection, Python's version."""


class ProcessMetrics:
    """The default collectors of prometheus_client on a registry of our own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

        self._registry = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def text(self) -> bytes:
        """In the text format 0.0.4."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)
