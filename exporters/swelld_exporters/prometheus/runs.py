"""The state of runs, and the latest ones in figures."""

import math
from collections import deque
from datetime import datetime
from typing import Final

from swelld.analysis.measures import MEASURES, estimate, interval
from swelld.measurement import CONTENTION
from swelld.result import Contention, Result, RunInfo, SearchResult, StageResult, Statistics
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import MAX_SERIES, Registry

STATES: Final = ("pending", "warmup", "running", "draining", "completed", "failed", "cancelled", "interrupted")

STATISTICS: Final = ("mean", "min", "p50", "p90", "p95", "p99", "max")

MARGINS: Final = ("ttft.p95", "itl.p95", "e2e.p95", "request_rate", "output_token_rate", "goodput", "error_rate")
"""Figures whose precision is shown, as `swelld compare` names them."""

REMEMBERED: Final = 50
"""Runs whose figures are kept; fewer if they have so many stages and targets that a metric would be full."""


def wire_figure(name: str) -> str:
    """The name of a figure as the value of a label: `ttft_p95` for `ttft.p95`."""
    return name.replace(".", "_")


def margin(stage: StageResult, name: str) -> float | None:
    """Half the width of a figure's 95 % interval: as a share of the figure, or for a share in points."""
    measure = MEASURES[name]
    found = estimate(stage, measure)
    within = interval(found) if found else None
    if found is None or within is None:
        return None
    half = (within[1] - within[0]) / 2
    if measure.kind == "share":
        return half
    return half / found.value if found.value else None


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
            self._add_loss(lost, (run.scenario, lost.target, lost.model, lost.stage, run.id))
        if result.search is not None:
            self._add_search(result.search, (run.scenario, run.id, result.search.kind))
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

        for name in MARGINS:
            self._set(names.LAST_RUN_MARGIN, (*labels, wire_figure(name)), margin(stage, name))

    def _add_loss(self, lost: Contention, labels: tuple[str, ...]) -> None:
        for name, figure in lost.figures.items():
            self._set(names.LAST_RUN_CONTENTION_LOSS, (*labels, wire_figure(name)), figure.loss)

    def _add_search(self, found: SearchResult, labels: tuple[str, ...]) -> None:
        limit = found.limit or (None, None)
        if found.limit and found.kind == "concurrency":
            limit = max(1.0, math.floor(found.limit[0])), max(1.0, math.floor(found.limit[1]))
        loads = {
            "carried": found.capacity,
            "carried_for_sure": found.low,
            "missed": min((level.level for level in found.levels if level.accepted is False), default=None),
            "missed_for_sure": found.high,
            "bend": found.saturation.bend,
            "best": found.saturation.best,
            "errors_begin": found.saturation.errors_begin,
            "limit_low": limit[0],
            "limit_high": limit[1],
        }
        for what, load in loads.items():
            self._set(names.LAST_RUN_CAPACITY, (*labels, what), load)
        self._set(names.LAST_RUN_SEARCH_INFO, (*labels, found.ended), 1)

    def _add_statistics(self, metric: Metric, labels: tuple[str, ...], statistics: Statistics) -> None:
        for name in STATISTICS:
            self._set(metric, (*labels, name), getattr(statistics, name))

    def _set(self, metric: Metric, labels: tuple[str, ...], value: float | None) -> None:
        if value is not None:
            self._registry.gauge(metric).labels(*labels).set(value)
