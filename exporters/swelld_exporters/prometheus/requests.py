"""Turns batches of measurements into the request metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from swelld import derived
from swelld.clock import WallClock
from swelld.columns import Columns
from swelld.measurement import CONTENTION, ErrorType, Measurement, Outcome, TokenSource
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import Counter, Histogram, Registry

WARMUP: Final = "warmup"
"""The stage of exchanges that are outside the measured window."""

BAD_REASONS: Final = ("error", "timeout", "dropped", "cancelled")
"""Why a request without a good answer is bad; a good answer is bad by the threshold it missed."""

IN_FLIGHT_LIMIT: Final = "in_flight_limit"

_DISTRIBUTIONS: Final[dict[str, Metric]] = {
    "lag": names.SCHEDULE_LAG,
    "connect": names.CONNECT_DURATION,
    "ttfb": names.TTFB,
    "ttft": names.TTFT,
    "ttfo": names.TTFO,
    "corrected_ttft": names.TTFT_CORRECTED,
    "gaps": names.ITL,
    "tpot": names.TPOT,
    "e2e": names.E2E,
    "corrected_e2e": names.E2E_CORRECTED,
    "failed": names.FAILED_DURATION,
    "input_tokens": names.REQUEST_INPUT_TOKENS,
    "output_tokens": names.REQUEST_OUTPUT_TOKENS,
    "tokens_per_chunk": names.TOKENS_PER_CHUNK,
}
"""Field of the columns -> histogram."""

_THRESHOLD_OF: Final = {
    "ttft": "ttft",
    "corrected_ttft": "ttft",
    "ttfo": "ttft",
    "gaps": "itl",
    "tpot": "tpot",
    "e2e": "e2e",
    "corrected_e2e": "e2e",
}
"""Field of the columns -> the threshold that becomes an exact bound of its histogram."""

_EXEMPLIFIED: Final[dict[str, Callable[[Measurement], float | None]]] = {
    "ttft": derived.ttft,
    "corrected_ttft": derived.corrected_ttft,
    "e2e": derived.e2e,
    "corrected_e2e": derived.corrected_e2e,
}
"""Field of the columns -> what a sampled exchange adds to its histogram; `gaps` are many, and have their own way."""

_ANSWERED: Final = (Outcome.OK, Outcome.REJECTED, Outcome.THROTTLED)
_SILENT: Final = (Outcome.DROPPED, Outcome.CANCELLED)  # these say nothing of the target


class RequestLabels(NamedTuple):
    """What every request metric carries, all of it from the configuration."""

    scenario: str
    target: str
    model: str
    stage: str


@dataclass(frozen=True, slots=True)
class Objective:
    """An objective as the metrics see it: thresholds in seconds by `ttft tpot itl e2e`, and the share to be good."""

    name: str
    ratio: float
    thresholds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Goals:
    """The counters of one objective."""

    events: Counter
    bad: dict[str, Counter]
    good: Counter


@dataclass(frozen=True, slots=True)
class _Values:
    """Everything that one set of labels has, resolved once; counters by label value start at 0."""

    outcomes: dict[str, Counter]
    errors: dict[str, Counter]
    inputs: dict[str, Counter]
    outputs: dict[str, Counter]
    distributions: dict[str, Histogram]
    started: Counter
    contention: Counter
    dropped: Counter
    mismatches: Counter
    stalls: Counter
    truncated: Counter
    resends: Counter
    goals: _Goals | None

    @property
    def ended(self) -> float:
        return sum(counter.value for outcome, counter in self.outcomes.items() if outcome != Outcome.DROPPED)


class RequestMetrics:
    """Feeds a registry; only ever called from the hub's event loop."""

    def __init__(self, registry: Registry, wall: WallClock) -> None:
        self._registry = registry
        self._wall = wall
        self._values: dict[RequestLabels, _Values] = {}

    def declare(self, labels: RequestLabels, objective: Objective | None = None) -> None:
        """Make every series that these labels will have, so that counters are there at 0 from the start.

        Done again it changes nothing; warm-up has no objective.
        """
        if labels not in self._values:
            self._values[labels] = self._make(labels, None if labels.stage == WARMUP else objective)

    def observe(self, labels: RequestLabels, columns: Columns, *, valid: bool = True) -> None:
        """Add a batch; not `valid` (the client was the bottleneck) keeps it out of the objective's counters."""
        self.declare(labels)
        values = self._values[labels]
        _add(values.outcomes, columns.outcomes)
        for kind, count in columns.errors.items():
            values.errors.get(kind, values.errors[ErrorType.OTHER]).inc(count)
        _add(values.inputs, columns.input_tokens_by_source)
        _add(values.outputs, columns.output_tokens_by_source)
        for field, distribution in values.distributions.items():
            distribution.update(getattr(columns, field))
        values.started.raise_to(values.ended)
        values.contention.inc(sum(count for kind, count in columns.errors.items() if kind in CONTENTION))
        values.dropped.inc(columns.outcomes.get(Outcome.DROPPED, 0))
        values.mismatches.inc(columns.mismatches)
        values.stalls.inc(columns.stalls)
        values.truncated.inc(columns.outcomes.get(Outcome.TRUNCATED, 0))
        values.resends.inc(columns.resends)
        for m in columns.sampled:
            self._exemplify(values.distributions, m)
        self._add_rare(labels, columns)
        self._judge_target(labels.target, columns)
        if values.goals and valid:
            _judge(values.goals, columns)

    def in_flight(self, labels: RequestLabels, count: int) -> None:
        """Requests under way now; those have started, too."""
        self.declare(labels)
        values = self._values[labels]
        self._registry.gauge(names.REQUESTS_IN_FLIGHT).labels(*labels).set(count)
        values.started.raise_to(values.ended + count)

    def offered(self, labels: RequestLabels, rate: float) -> None:
        """Requests per second that an open loop makes due now."""
        self._registry.gauge(names.OFFERED_RATE).labels(*labels).set(rate)

    def active_users(self, scenario: str, stage: str, count: int) -> None:
        """Users of a closed loop that are at it now."""
        self._registry.gauge(names.ACTIVE_USERS).labels(scenario, stage).set(count)

    def remove(self, *, spare: str | None = None, **match: str) -> None:
        """Remove every series with all of these labels, e.g. scenario="canary"; in the whole registry but for metrics
        that have the label `spare`."""
        self._registry.remove(spare=spare, **match)
        for labels in [labels for labels in self._values if match.items() <= labels._asdict().items()]:
            del self._values[labels]

    def _make(self, labels: RequestLabels, objective: Objective | None) -> _Values:
        def one(metric: Metric) -> Counter:
            return self._registry.counter(metric).labels(*labels)

        def each(metric: Metric, values: type[Outcome | ErrorType] | tuple[str, ...]) -> dict[str, Counter]:
            family = self._registry.counter(metric)
            return {str(value): family.labels(*labels, str(value)) for value in values}

        self._registry.gauge(names.REQUESTS_IN_FLIGHT).labels(*labels)
        return _Values(
            outcomes=each(names.REQUESTS, Outcome),
            errors=each(names.REQUEST_ERRORS, ErrorType),
            inputs=each(names.INPUT_TOKENS, (TokenSource.SERVER, TokenSource.TOKENIZER)),
            outputs=each(names.OUTPUT_TOKENS, tuple(TokenSource)),
            distributions=self._distributions(labels, objective.thresholds if objective else {}),
            started=one(names.REQUESTS_STARTED),
            contention=one(names.CONTENTION_ERRORS),
            dropped=self._registry.counter(names.ARRIVALS_DROPPED).labels(*labels, IN_FLIGHT_LIMIT),
            mismatches=one(names.TOKEN_MISMATCHES),
            stalls=one(names.STREAM_STALLS),
            truncated=one(names.TRUNCATED),
            resends=one(names.RESENDS),
            goals=self._goals(labels, objective) if objective else None,
        )

    def _distributions(self, labels: RequestLabels, thresholds: Mapping[str, float]) -> dict[str, Histogram]:
        made = {}
        for field, metric in _DISTRIBUTIONS.items():
            threshold = thresholds.get(_THRESHOLD_OF.get(field, ""))
            extra = () if threshold is None else (threshold,)
            made[field] = self._registry.histogram(metric).labels(*labels, extra_bounds=extra)
        return made

    def _goals(self, labels: RequestLabels, objective: Objective) -> _Goals:
        where = (*labels[:3], objective.name)
        self._registry.gauge(names.SLO_OBJECTIVE).labels(*where).set(objective.ratio)
        for name, threshold in objective.thresholds.items():
            self._registry.gauge(names.SLO_THRESHOLD).labels(*where, name).set(threshold)
        bad = self._registry.counter(names.SLO_BAD_EVENTS)
        reasons = (*objective.thresholds, *BAD_REASONS)
        return _Goals(
            events=self._registry.counter(names.SLO_EVENTS).labels(*labels, objective.name),
            bad={reason: bad.labels(*labels, objective.name, reason) for reason in reasons},
            good=self._registry.counter(names.GOODPUT).labels(*labels),
        )

    def _exemplify(self, histograms: Mapping[str, Histogram], m: Measurement) -> None:
        """Leave the span of a sampled good answer in the buckets that its times fell into."""
        if m.outcome is not Outcome.OK or m.trace_id is None or m.span_id is None or m.end is None:
            return
        found = (m.trace_id, m.span_id, self._wall.at(m.end))
        for field, define in _EXEMPLIFIED.items():
            if (value := define(m)) is not None:
                histograms[field].exemplify(np.array([value]), *found)
        histograms["gaps"].exemplify(derived.gaps(m), *found)

    def _add_rare(self, labels: RequestLabels, columns: Columns) -> None:
        """Counts that some servers never give: absent until they do."""
        if columns.has_cached:
            self._registry.counter(names.CACHED_INPUT_TOKENS).labels(*labels).inc(columns.cached_tokens)
        if columns.has_reasoning:
            self._registry.counter(names.REASONING_TOKENS).labels(*labels).inc(columns.reasoning_tokens)

    def _judge_target(self, target: str, columns: Columns) -> None:
        spoken = {outcome for outcome, count in columns.outcomes.items() if count and outcome not in _SILENT}
        if spoken:
            self._registry.gauge(names.TARGET_UP).labels(target).set(not spoken.isdisjoint(_ANSWERED))
        if columns.last_success is not None:
            success = self._registry.gauge(names.TARGET_LAST_SUCCESS).labels(target)
            success.set(max(success.value, self._wall.at(columns.last_success)))


def _add(counters: Mapping[str, Counter], counts: Mapping[str, int]) -> None:
    for name, count in counts.items():
        counters[name].inc(count)


def _judge(goals: _Goals, columns: Columns) -> None:
    goals.events.inc(columns.slo_good + sum(columns.slo_bad_by_reason.values()))
    goals.good.inc(columns.slo_good)
    _add(goals.bad, columns.slo_bad_by_reason)
