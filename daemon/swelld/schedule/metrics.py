"""What keepers do, on /metrics."""

from swelld.schedule.timing import Cause
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry


class ScheduleMetrics:
    """Watches every keeper of a daemon."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def declare(self, scenario: str) -> None:
        """Counters that are at 0 before anything has happened."""
        for cause in Cause:
            self._registry.counter(names.RUNS_STARTED).labels(scenario, cause.value)
        self._registry.counter(names.SCHEDULE_MISSED).labels(scenario)
        self._registry.counter(names.SCHEDULE_SKIPPED).labels(scenario)

    def started(self, scenario: str, cause: Cause) -> None:
        self._registry.counter(names.RUNS_STARTED).labels(scenario, cause.value).inc()

    def missed(self, scenario: str, count: int) -> None:
        self._registry.counter(names.SCHEDULE_MISSED).labels(scenario).inc(count)

    def skipped(self, scenario: str) -> None:
        self._registry.counter(names.SCHEDULE_SKIPPED).labels(scenario).inc()

    def planned(self, scenario: str, next_fire: float | None, *, paused: bool) -> None:
        self._registry.gauge(names.SCENARIO_PAUSED).labels(scenario).set(float(paused))
        gauge = self._registry.gauge(names.SCENARIO_NEXT_FIRE)
        if next_fire is None:
            gauge.remove(scenario=scenario)
        else:
            gauge.labels(scenario).set(next_fire)
