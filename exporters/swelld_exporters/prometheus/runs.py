"""The state of runs, and the latest ones in figures."""

from collections import deque
from datetime import datetime
from typing import Final

from swelld.measurement import CONTENTION
from swelld.result import Result, RunInfo, StageResult, Statistics
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import MAX_SERIES, Registry

STATES: Final = ("pending", "warmup", "running", "draining", "completed", "failed", "cancelled", "interrupted")

STATISTICS: Final = ("mean", "min", "p50", "p90", "p95", "p99", "max")

REMEMBERED: Final = 50
"""Runs whose figures are kept; fewer if they have so many stages and targets that a metric would be full."""


def show_state(registry: Registry, scenario: str, state: str | None) -> None:
    """What the latest run of a scenario is doing; None if there was none yet."""
    for known in STATES:
        registry.gauge(names.RUN_STATE).labels(scenario, known).set(known == state)


class LatestRuns:
    """Gauges of the runs that ended last; the oldest make room."""

    def __init__(self, registry: Registry, remembered: int = REMEMBERED, rows: int = MAX_SERIES // len(STATISTICS)):
        self._registry = registry
        self._remembered = remembered
        self._rows = rows
        self._runs: deque[tuple[str, int]] = deque()  # id and rows: one for each stage and target

    def add(self, result: Result, config_hash: str = "") -> None:
        """A run that has ended."""
        run = result.run
        while self._runs and not self._has_room(len(result.stages)):
            self._registry.remove(run_id=self._runs.popleft()[0])
        self._runs.append((run.id, len(result.stages)))
        self._registry.gauge(names.RUN_INFO).labels(run.scenario, run.id, run.state, config_hash).set(1)
        self._add_run(run)
        for lost in result.contention or ():
            where = (run.scenario, lost.target, lost.model, lost.stage, run.id)
            for name, figure in lost.figures.items():
                self._set(names.LAST_RUN_CONTENTION_LOSS, (*where, name.replace(".", "_")), figure.loss)
        for stage in result.stages:
            self._add_stage(stage, (run.scenario, stage.target, stage.model, stage.stage, run.id))

    def _has_room(self, more: int) -> bool:
        return len(self._runs) < self._remembered and sum(rows for _, rows in self._runs) + more <= self._rows

    def _add_run(self, run: RunInfo) -> None:
        self._set(names.LAST_RUN_START, (run.scenario, run.id), datetime.fromisoformat(run.started).timestamp())
        self._set(names.LAST_RUN_DURATION, (run.scenario, run.id), run.duration_seconds)

    def _add_stage(self, stage: StageResult, labels: tuple[str, ...]) -> None:
        requests = stage.requests
        ended = requests.ok + requests.failed
        contention = sum(error.count for kind, error in stage.errors.items() if kind in CONTENTION)
        values = {
            names.LAST_RUN_REQUESTS: requests.scheduled,
            names.LAST_RUN_ERROR_RATIO: requests.failed / ended if ended else None,
            names.LAST_RUN_CONTENTION_RATIO: contention / ended if ended else None,
            names.LAST_RUN_GOODPUT_RATIO: stage.goodput.ratio if stage.goodput else None,
            names.LAST_RUN_REQUEST_RATE: stage.request_rate,
            names.LAST_RUN_TOKEN_RATE: stage.output_token_rate,
            names.LAST_RUN_ACTIVE_USERS: stage.users,
            names.LAST_RUN_VALID: float(stage.validity.valid),
        }
        for metric, value in values.items():
            self._set(metric, labels, value)
        self._add_statistics(names.LAST_RUN_TTFT, labels, stage.ttft)
        self._add_statistics(names.LAST_RUN_ITL, labels, stage.itl)
        self._add_statistics(names.LAST_RUN_TPOT, labels, stage.tpot)
        self._add_statistics(names.LAST_RUN_E2E, labels, stage.e2e)

    def _add_statistics(self, metric: Metric, labels: tuple[str, ...], statistics: Statistics) -> None:
        for name in STATISTICS:
            self._set(metric, (*labels, name), getattr(statistics, name))

    def _set(self, metric: Metric, labels: tuple[str, ...], value: float | None) -> None:
        if value is not None:
            self._registry.gauge(metric).labels(*labels).set(value)
