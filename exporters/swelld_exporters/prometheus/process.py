"""The daemon's own process: CPU, memory, file descriptors, garbage collection, Python's version."""

from typing import TYPE_CHECKING

from swelld_exporters.names import Metric, MetricType
from swelld_exporters.prometheus.registry import Registry

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Collected


class ProcessMetrics:
    """The default collectors of prometheus_client, in a registry of our own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

        self._collectors = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._collectors)
        PlatformCollector(registry=self._collectors)
        GCCollector(registry=self._collectors)
        self._metrics: dict[str, Metric] = {}
        self._registry = Registry()

    def registry(self) -> Registry:
        """As things are now; always the same registry."""
        for family in self._collectors.collect():
            self._take(family)
        return self._registry

    def _take(self, family: "Collected") -> None:
        for sample in family.samples:
            labels = tuple(sorted(sample.labels))
            metric = self._metrics.get(sample.name)
            if metric is None:
                unit = next((unit for unit in ("seconds", "bytes") if family.name.endswith(f"_{unit}")), "")
                text = family.documentation.rstrip(".") + "."
                metric = self._metrics[sample.name] = Metric(sample.name, MetricType(family.type), unit, labels, text)
            values = [sample.labels[label] for label in labels]
            if metric.type is MetricType.COUNTER:
                self._registry.counter(metric).labels(*values).raise_to(sample.value)
            else:
                self._registry.gauge(metric).labels(*values).set(sample.value)
