"""The `gen_ai.client.*` instruments, kept as distributions that take whole batches.

An SDK's own histogram takes 22 us a value, and an answer has as many values as tokens; this takes less than one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.metrics.export import Buckets as ExponentialBuckets

from swelld import derived
from swelld.columns import Columns, columns
from swelld.distribution import SCHEMA, Distribution
from swelld.measurement import Measurement, Outcome
from swelld_exporters import semconv
from swelld_exporters.base import Exchanged, Origin

Kind = Literal["explicit", "exponential"]
Attributes = tuple[tuple[str, str | int], ...]

MOST_BUCKETS: Final = 160
"""Of an exponential histogram; a wider one is made coarser."""

_DESCRIPTIONS: Final = {
    "duration": ("s", "Duration of the operation, from the request sent to the last token."),
    "time_to_first_chunk": ("s", "From the request sent to the first token."),
    "time_per_output_chunk": ("s", "Every gap between consecutive token-bearing events."),
    "input_tokens": ("{token}", "Tokens of each operation."),
    "output_tokens": ("{token}", "Tokens of each operation."),
}


@dataclass(slots=True)
class Instruments:
    """All series of one process: as many as there are targets, kinds of error and types of token."""

    convention: semconv.Convention
    kind: Kind
    _histograms: dict[tuple[str, str], dict[Attributes, Distribution]] = field(
        default_factory=lambda: defaultdict(dict), init=False
    )
    """By (name on the wire, what is counted in it)."""
    _counters: dict[str, dict[Attributes, int]] = field(default_factory=lambda: defaultdict(dict), init=False)

    def add(self, batch: Iterable[Exchanged]) -> None:
        """Count a batch in; arrivals that were never sent are no operations."""
        origins: dict[int, Origin] = {}
        groups: dict[int, list[Measurement]] = defaultdict(list)
        for origin, m in batch:
            if m.outcome is not Outcome.DROPPED:
                origins[id(origin)] = origin
                groups[id(origin)].append(m)
        for key, measurements in groups.items():
            base = _attributes(origins[key])
            self._add_good(base, columns([m for m in measurements if m.outcome is Outcome.OK], {}))
            self._add_failed(base, [m for m in measurements if m.outcome is not Outcome.OK])

    def metrics(self, started: int, now: int) -> list[Metric]:
        """Totals since `started`; both in Unix nanoseconds."""
        return [*self._all_histograms(started, now), *self._all_counters(started, now)]

    def _add_good(self, base: Attributes, found: Columns) -> None:
        self._observe("duration", base, found.e2e)
        self._observe("time_to_first_chunk", base, found.ttft)
        self._observe("time_per_output_chunk", base, found.gaps)
        self._observe("input_tokens", self._typed(base, "input"), found.input_tokens)
        self._observe("output_tokens", self._typed(base, "output"), found.output_tokens)
        self._count(
            base,
            {
                "input_tokens": int(found.input_tokens.sum()) if found.input_tokens.size else None,
                "output_tokens": int(found.output_tokens.sum()) if found.output_tokens.size else None,
                "cached_tokens": found.cached_tokens if found.has_cached else None,
                "reasoning_tokens": found.reasoning_tokens if found.has_reasoning else None,
            },
        )

    def _add_failed(self, base: Attributes, failed: Sequence[Measurement]) -> None:
        lasted: dict[str, list[float]] = defaultdict(list)
        for m in failed:
            start = derived.start(m)
            if start is not None and m.end is not None:
                lasted[(m.error_type or m.outcome).value].append(m.end - start)
        for error, seconds in lasted.items():
            self._observe("duration", (*base, (semconv.ERROR_TYPE.name, error)), np.array(seconds))
        if failed:  # the conventions want a 0 for an operation that failed
            self._count(base, {"input_tokens": 0, "output_tokens": 0})

    def _typed(self, base: Attributes, token_type: str) -> Attributes:
        one_name = self.convention.input_tokens == self.convention.output_tokens
        return (*base, (semconv.TOKEN_TYPE.name, token_type)) if one_name else base

    def _observe(self, what: str, attributes: Attributes, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        if not values.size:
            return
        unit, _ = _DESCRIPTIONS[what]
        series = self._histograms[getattr(self.convention, what), unit]
        if attributes not in series:
            series[attributes] = Distribution(semconv.SECONDS if unit == "s" else semconv.TOKENS)
        series[attributes].update(values)

    def _count(self, base: Attributes, tokens: Mapping[str, int | None]) -> None:
        for what, amount in tokens.items():
            if amount is None or what not in self.convention.usage:
                continue
            attributes = (*base, (semconv.TOKEN_MODALITY.name, "text"))
            series = self._counters[self.convention.usage[what]]
            series[attributes] = series.get(attributes, 0) + amount

    def _all_histograms(self, started: int, now: int) -> Iterator[Metric]:
        described = {getattr(self.convention, what): text for what, (_, text) in _DESCRIPTIONS.items()}
        for (name, unit), series in self._histograms.items():
            data: Histogram | ExponentialHistogram
            if self.kind == "explicit":
                data = Histogram(
                    [_explicit(dict(key), value, started, now) for key, value in series.items()],
                    AggregationTemporality.CUMULATIVE,
                )
            else:
                data = ExponentialHistogram(
                    [_exponential(dict(key), value, started, now) for key, value in series.items()],
                    AggregationTemporality.CUMULATIVE,
                )
            yield Metric(name, described[name], unit, data)

    def _all_counters(self, started: int, now: int) -> Iterator[Metric]:
        for name, series in self._counters.items():
            points = [NumberDataPoint(dict(key), started, now, value) for key, value in series.items()]
            data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
            yield Metric(name, "Tokens of all operations.", "{token}", data)


def _attributes(origin: Origin) -> Attributes:
    operation, provider = semconv.operation(origin.api)
    address, port = semconv.server(origin.url)
    found: dict[str, str | int | None] = {
        semconv.OPERATION.name: operation,
        semconv.PROVIDER.name: provider,
        semconv.REQUEST_MODEL.name: origin.model or None,
        semconv.SERVER_ADDRESS.name: address,
        semconv.SERVER_PORT.name: port,
    }
    return tuple((name, value) for name, value in found.items() if value is not None)


def _explicit(attributes: dict[str, str | int], found: Distribution, started: int, now: int) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=started,
        time_unix_nano=now,
        count=found.count,
        sum=found.sum,
        bucket_counts=found.fixed.tolist(),
        explicit_bounds=found.bounds.tolist(),
        min=found.min,
        max=found.max,
    )


def _exponential(
    attributes: dict[str, str | int], found: Distribution, started: int, now: int
) -> ExponentialHistogramDataPoint:
    scale, offset, counts = _buckets(found)
    return ExponentialHistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=started,
        time_unix_nano=now,
        count=found.count,
        sum=found.sum,
        scale=scale,
        zero_count=found.zeros,
        positive=ExponentialBuckets(offset, counts),
        negative=ExponentialBuckets(0, []),
        flags=0,
        min=found.min,
        max=found.max,
    )


def _buckets(found: Distribution) -> tuple[int, int, list[int]]:
    """(scale, offset, counts) at the finest scale that is narrow enough, without empty buckets at the ends.

    OpenTelemetry numbers a bucket by its lower bound, Prometheus by its upper one.
    """
    for scale in range(SCHEMA, -11, -1):
        first, counts = found.exponential(scale)
        used = np.flatnonzero(counts)
        if not used.size:
            return scale, 0, []
        low, high = int(used[0]), int(used[-1])
        if high - low < MOST_BUCKETS:
            break
    return scale, first + low - 1, counts[low : high + 1].tolist()
