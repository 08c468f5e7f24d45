"""The listener that keeps the metrics of /metrics up to date."""

from collections import defaultdict
from collections.abc import Callable

from swelld.clock import now
from swelld.distribution import Floats
from swelld.engine.plan import FULL, Pulse, Throttle
from swelld.engine.valve import CEILING
from swelld.hub.budget import cost
from swelld.hub.instrument import Instrument
from swelld.hub.spec import Batch, Spec
from swelld.load.arrivals import Curve
from swelld.load.stage import ClosedStage, OpenStage, Stage
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import WARMUP, Objective, RequestLabels, RequestMetrics
from swelld_exporters.prometheus.runs import show_state

OBJECTIVE = "goodput"
"""The `slo` label of a scenario's objective."""
REASONS = ("budget", "yield", "paused", CEILING)
"""Why arrivals are withheld."""


class MetricsListener:
    """One run's way into the registry; `state` says what the run is doing."""

    def __init__(
        self,
        registry: Registry,
        requests: RequestMetrics,
        state: Callable[[], str] = lambda: "running",
        instrument: Instrument | None = None,
        held: Callable[[], Throttle] = lambda: FULL,
    ) -> None:
        """Listeners of runs that share load processes are given the same `instrument`; `held` tells what is let
        through by now."""
        self._registry = registry
        self._requests = requests
        self._state = state
        self._held = held
        self._instrument = instrument or Instrument(registry)
        self._measured = False
        self._stage: Stage | None = None
        self._in_flight: dict[int, dict[int, int]] = defaultdict(dict)
        self._connections: dict[int, dict[int, int]] = defaultdict(dict)
        self._saturated: dict[int, bool] = {}
        self._began = 0.0

    def declare(self, spec: Spec, stage: Stage) -> None:
        """Make the series of a stage, at 0."""
        self._registry.gauge(names.CLIENT_SATURATED).labels(spec.scenario)
        objective = Objective(OBJECTIVE, spec.share, spec.thresholds) if spec.thresholds else None
        for target in spec.plan.targets_of(stage):
            name = spec.plan.names[target]
            self._requests.declare(self._labels(spec, stage, target), objective)
            limit = self._registry.gauge(names.CONNECTIONS_LIMIT).labels(spec.scenario, name)
            limit.set(spec.plan.targets[target].connections)
            self._declare_rare(spec, stage, target)
            for reason in REASONS:
                self._registry.counter(names.REQUESTS_WITHHELD).labels(spec.scenario, name, reason)
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
        if spec.plan.checks:
            self._registry.counter(names.RESPONSE_CHECKS).labels(*labels).inc(found.columns.checked)
            for check, count in found.columns.failed_checks.items():
                self._registry.counter(names.RESPONSE_CHECK_FAILURES).labels(*labels, check).inc(count)
        price = spec.plan.targets[target].price
        if price is not None:
            amount = cost(found.columns, price)
            self._registry.counter(names.COST).labels(*labels[:3], price.currency).inc(amount)

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        for target in spec.plan.targets_of(stage):
            name = spec.plan.names[target]
            self._in_flight[target][pulse.shard] = pulse.in_flight[target]
            self._connections[target][pulse.shard] = pulse.connections[target]
            self._requests.in_flight(self._labels(spec, stage, target), sum(self._in_flight[target].values()))
            connections = self._registry.gauge(names.CONNECTIONS_OPEN).labels(spec.scenario, name)
            connections.set(sum(self._connections[target].values()))
        self._load(spec, stage)
        show_state(self._registry, spec.scenario, self._doing(stage))
        self._tell_of_process(spec, pulse, saturated=saturated)
        self._withhold(spec, pulse)

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        self._registry.histogram(names.MEASUREMENT_ERROR).labels(spec.scenario).update(errors)

    def _declare_rare(self, spec: Spec, stage: Stage, target: int) -> None:
        """Series that only some scenarios have."""
        price = spec.plan.targets[target].price
        if price is not None:
            self._registry.counter(names.COST).labels(*self._labels(spec, stage, target)[:3], price.currency)
        for warmup in (False, True) if _warms_up(stage) else (False,):
            labels = self._labels(spec, stage, target, warmup=warmup)
            for check in spec.plan.checks.names() if spec.plan.checks else ():
                self._registry.counter(names.RESPONSE_CHECKS).labels(*labels)
                self._registry.counter(names.RESPONSE_CHECK_FAILURES).labels(*labels, check)

    def _nothing_goes_on(self, spec: Spec) -> None:
        """The gauges of the stage that is over: what they said last is true no longer."""
        stage = self._stage
        if stage is None:
            return
        for target in spec.plan.targets_of(stage):
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
            users = sum(self._held().users(lane, stage.users) for lane in spec.plan.lanes_of(stage))
            self._requests.active_users(spec.scenario, stage.label, users)
        elif isinstance(stage, OpenStage):
            for lane in spec.plan.lanes_of(stage):
                for target, weight in zip(lane.targets, lane.weights, strict=True):
                    rate = Curve(stage).rate(now() - self._began) * weight / sum(lane.weights)
                    let_through = rate * self._held().of(target).factor
                    self._requests.offered(self._labels(spec, stage, target), let_through)

    def _tell_of_process(self, spec: Spec, pulse: Pulse, *, saturated: bool) -> None:
        self._instrument.take(pulse)
        self._saturated[pulse.shard] = saturated
        self._registry.gauge(names.CLIENT_SATURATED).labels(spec.scenario).set(any(self._saturated.values()))

    def _withhold(self, spec: Spec, pulse: Pulse) -> None:
        for reason, counts in pulse.withheld.items():
            for target, count in enumerate(counts):
                where = (spec.scenario, spec.plan.names[target], reason)
                self._registry.counter(names.REQUESTS_WITHHELD).labels(*where).inc(count)

    @staticmethod
    def _labels(spec: Spec, stage: Stage, target: int, *, warmup: bool = False) -> RequestLabels:
        label = WARMUP if warmup else stage.label
        return RequestLabels(spec.scenario, spec.plan.names[target], spec.plan.targets[target].model, label)


def _warms_up(stage: Stage) -> bool:
    return bool(stage.warmup_requests or stage.warmup_seconds)
