"""Readings of the GPUs as metrics."""

from collections.abc import Iterator
from typing import Final

from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.nvml.reading import Gpu, Reading
from swelld_exporters.prometheus.registry import Registry

_GAUGES: Final = (
    *(names.GPU_INFO, names.GPU_MEMORY_USED, names.GPU_MEMORY_FREE, names.GPU_MEMORY_TOTAL, names.GPU_UTILIZATION),
    *(names.GPU_MEMORY_UTILIZATION, names.GPU_TEMPERATURE, names.GPU_POWER, names.GPU_POWER_LIMIT, names.GPU_CLOCK),
    *(names.GPU_PCIE_THROUGHPUT, names.GPU_CLOCKS_THROTTLED),
)
_COUNTERS: Final = (names.GPU_ENERGY, names.GPU_ECC_ERRORS)

_Found = Iterator[tuple[Metric, tuple[str, ...], float | None]]


class GpuMetrics:
    """Feeds a registry; only ever called from the hub's event loop."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def take(self, reading: Reading) -> None:
        """Show a reading; what is not in it disappears, but for what has been counted here."""
        gauges: dict[Metric, set[tuple[str, ...]]] = {metric: set() for metric in _GAUGES}
        counters: dict[Metric, set[tuple[str, ...]]] = {metric: set() for metric in _COUNTERS}
        for gpu in reading.gpus:
            for metric, labels, value in _gauges(gpu):
                if value is not None:
                    self._registry.gauge(metric).labels(*labels).set(value)
                    gauges[metric].add(labels)
            for metric, labels, value in _counters(gpu):
                if value is not None:
                    self._count(metric, labels, value)
                    counters[metric].add(labels)
        self._drop(gauges | counters)
        for call, count in reading.errors.items():
            self._registry.counter(names.NVML_ERRORS).labels(call).raise_to(count)
        for xid, count in reading.xids.items():
            self._registry.counter(names.GPU_XID_ERRORS).labels(xid.gpu, xid.uuid, str(xid.number)).raise_to(count)

    def _count(self, metric: Metric, labels: tuple[str, ...], total: float) -> None:
        """A smaller total than before is that of a driver that was loaded anew: the counter starts again."""
        family = self._registry.counter(metric)
        if total < family.labels(*labels).value:
            family.remove(**dict(zip(metric.labels, labels, strict=True)))
        family.labels(*labels).raise_to(total)

    def _drop(self, shown: dict[Metric, set[tuple[str, ...]]]) -> None:
        for metric, kept in shown.items():
            family = self._registry.gauge(metric) if metric in _GAUGES else self._registry.counter(metric)
            for labels in [labels for labels in family.series if labels not in kept]:
                family.remove(**dict(zip(metric.labels, labels, strict=True)))


def _gauges(gpu: Gpu) -> _Found:
    one = (gpu.index, gpu.uuid)
    yield names.GPU_INFO, (*one, gpu.pci_bus_id, gpu.name, gpu.mig_profile, gpu.driver), 1.0
    yield names.GPU_MEMORY_USED, one, gpu.memory_used
    yield names.GPU_MEMORY_FREE, one, gpu.memory_free
    yield names.GPU_MEMORY_TOTAL, one, gpu.memory_total
    yield names.GPU_UTILIZATION, one, gpu.utilization
    yield names.GPU_MEMORY_UTILIZATION, one, gpu.memory_utilization
    yield names.GPU_TEMPERATURE, one, gpu.temperature
    yield names.GPU_POWER, one, gpu.power
    yield names.GPU_POWER_LIMIT, one, gpu.power_limit
    for domain, rate in gpu.clocks.items():
        yield names.GPU_CLOCK, (*one, domain), rate
    for direction, rate in gpu.pcie.items():
        yield names.GPU_PCIE_THROUGHPUT, (*one, direction), rate
    for reason, held in gpu.throttled.items():
        yield names.GPU_CLOCKS_THROTTLED, (*one, reason), held


def _counters(gpu: Gpu) -> _Found:
    one = (gpu.index, gpu.uuid)
    yield names.GPU_ENERGY, one, gpu.energy
    for kind, count in gpu.ecc.items():
        yield names.GPU_ECC_ERRORS, (*one, kind), count
