"""The metrics of the store."""

from typing import Final

from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry

REASONS: Final = ("full", "readonly", "locked", "unreachable", "refused", "other")


class StoreMetrics:
    """Every series exists from the start; `up` from the first try on."""

    def __init__(self, registry: Registry) -> None:
        self._up = registry.gauge(names.STORE_UP)
        self._writes = registry.counter(names.STORE_WRITES).labels()
        failures = registry.counter(names.STORE_WRITE_FAILURES)
        self._failures = {reason: failures.labels(reason) for reason in REASONS}
        self._pending = registry.gauge(names.STORE_PENDING).labels()
        self._lost = registry.counter(names.STORE_LOST).labels()

    def wrote(self) -> None:
        """A record is in the database."""
        self._writes.inc()

    def failed(self, reason: str) -> None:
        """A record could not be written."""
        self._failures[reason].inc()

    def up(self, *, up: bool) -> None:
        """Whether the database took what it was last asked."""
        self._up.labels().set(up)

    def pending(self, count: int) -> None:
        """Runs whose newest state waits to be written."""
        self._pending.set(count)

    def lost(self) -> None:
        """The result of a run, or its last state, was given up."""
        self._lost.inc()
