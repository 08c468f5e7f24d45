"""The listener that keeps the metrics of /metrics up to date."""

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from swelld.clock import now
from swelld.distribution import Floats
from swelld.engine.plan import Pulse
from swelld.hub.spec import Batch, Spec
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import WARMUP, Objective, RequestLabels, RequestMetrics
from swelld_exporters.prometheus.runs import show_state

OBJECTIVE = "goodput"
"""The `slo` label of a scenario's objective."""


class MetricsListener:
    """One run's way into the registry; `state` says what the run is doing."""

    def __init__(
        self, registry: Registry, requests: RequestMetrics, state: Callable[[], str] = lambda: "running"
    ) -> None:
        self._registry = registry
        self._requests = requests
        self._state = state
        self._measured = False
        self._stage: Stage | None = None
        self._in_flight: dict[int, dict[int, int]] = defaultdict(dict)
        self._connections: dict[int, dict[int, int]] = defaultdict(dict)
        self._cpu: dict[int, float] = {}
        self._saturated: dict[int, bool] = {}
        self._began = 0.0

    def declare(self, spec: Spec, stage: Stage) -> None:
        """Make the series of a stage, at 0."""
        self._registry.gauge(names.CLIENT_SATURATED).labels(spec.scenario)
        objective = Objective(OBJECTIVE, spec.share, spec.thresholds) if spec.thresholds else None
        for target, name in enumerate(spec.plan.names):
            self._requests.declare(self._labels(spec, stage, target), objective)
            limit = self._registry.gauge(names.CONNECTIONS_LIMIT).labels(spec.scenario, name)
            limit.set(spec.plan.targets[target].connections)
            if _warms_up(stage):
                self._requests.declare(self._labels(spec, stage, target, warmup=True))

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        self._nothing_goes_on(spec)
        self._began = now()
        self._stage = stage
        self._measured = not _warms_up(stage)
        self.declare(spec, stage)
        show_state(self._registry, spec.scenario, self._doing(stage))

    def run_ends(self, spec: Spec) -> None:
        """Nothing is under way any more."""
        self._nothing_goes_on(spec)
        self._registry.gauge(names.CLIENT_SATURATED).labels(spec.scenario).set(0)
        for target in spec.plan.names:
            self._registry.gauge(names.CONNECTIONS_OPEN).labels(spec.scenario, target).set(0)

    def batch(self, spec: Spec, stage: Stage, target: int, found: Batch) -> None:
        self._measured = self._measured or not found.warmup
        labels = self._labels(spec, stage, target, warmup=found.warmup)
        self._requests.observe(labels, found.columns, valid=found.valid)

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        for target, name in enumerate(spec.plan.names):
            self._in_flight[target][pulse.shard] = pulse.in_flight[target]
            self._connections[target][pulse.shard] = pulse.connections[target]
            self._requests.in_flight(self._labels(spec, stage, target), sum(self._in_flight[target].values()))
            connections = self._registry.gauge(names.CONNECTIONS_OPEN).labels(spec.scenario, name)
            connections.set(sum(self._connections[target].values()))
        self._load(spec, stage)
        show_state(self._registry, spec.scenario, self._doing(stage))
        self._instrument(spec, pulse, saturated=saturated)

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        self._registry.histogram(names.MEASUREMENT_ERROR).labels(spec.scenario).update(errors)

    def _nothing_goes_on(self, spec: Spec) -> None:
        """The gauges of the stage that is over: what they said last is true no longer."""
        stage = self._stage
        if stage is None:
            return
        for target in range(len(spec.plan.names)):
            labels = self._labels(spec, stage, target)
            self._requests.in_flight(labels, 0)
            if isinstance(stage, OpenStage):
                self._requests.offered(labels, 0)
        if isinstance(stage, ClosedStage):
            self._requests.active_users(spec.scenario, stage.label, 0)

    def _doing(self, stage: Stage) -> str:
        """The run's state, told apart within a stage."""
        state = self._state()
        if state != "running":
            return state
        if not self._measured:
            return "warmup"
        over = stage.duration is not None and not stage.warmup_requests
        until = self._began + stage.warmup_seconds + (stage.duration or 0.0)
        return "draining" if over and now() > until else state

    def _load(self, spec: Spec, stage: Stage) -> None:
        if isinstance(stage, ClosedStage):
            users = stage.users * len(spec.plan.lanes)
            self._requests.active_users(spec.scenario, stage.label, users)
        elif isinstance(stage, OpenStage):
            for lane in spec.plan.lanes:
                for target, weight in zip(lane.targets, lane.weights, strict=True):
                    rate = _rate_now(stage, now() - self._began) * weight / sum(lane.weights)
                    self._requests.offered(self._labels(spec, stage, target), rate)

    def _instrument(self, spec: Spec, pulse: Pulse, *, saturated: bool) -> None:
        shard = str(pulse.shard)
        self._registry.histogram(names.EVENT_LOOP_LAG).labels(shard).update(np.asarray(pulse.loop_lag))
        spent = pulse.cpu_seconds - self._cpu.get(pulse.shard, 0.0)
        self._cpu[pulse.shard] = pulse.cpu_seconds
        self._registry.counter(names.SHARD_CPU).labels(shard).inc(max(0.0, spent))
        self._saturated[pulse.shard] = saturated
        self._registry.gauge(names.CLIENT_SATURATED).labels(spec.scenario).set(any(self._saturated.values()))

    @staticmethod
    def _labels(spec: Spec, stage: Stage, target: int, *, warmup: bool = False) -> RequestLabels:
        label = WARMUP if warmup else stage.label
        return RequestLabels(spec.scenario, spec.plan.names[target], spec.plan.targets[target].model, label)


def _warms_up(stage: Stage) -> bool:
    return bool(stage.warmup_requests or stage.warmup_seconds)


def _rate_now(stage: OpenStage, elapsed: float) -> float:
    """The rate that the schedule asks for `elapsed` seconds into a stage."""
    if stage.rate_end is None or not stage.duration:
        return stage.rate
    way = min(1.0, max(0.0, elapsed - stage.warmup_seconds) / stage.duration)
    return stage.rate + (stage.rate_end - stage.rate) * way
