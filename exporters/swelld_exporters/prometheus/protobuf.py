"""The protobuf format of Prometheus: native histograms beside the classic buckets.

Messages of io.prometheus.client, written by hand: each family is a MetricFamily behind its length.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from swelld.distribution import ZERO_THRESHOLD
from swelld_exporters.names import Metric, MetricType
from swelld_exporters.prometheus import wire
from swelld_exporters.prometheus.openmetrics import unit_of
from swelld_exporters.prometheus.registry import AnyFamily, AnySeries, Exemplar, Histogram, Registry, every_family

CONTENT_TYPE: Final = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

MOST_BUCKETS: Final = 160
"""Of a native histogram; it is made coarser until it fits."""
FINEST_SCHEMA: Final = 5
"""32 buckets to a doubling: each is 2.2 % wide."""
COARSEST_SCHEMA: Final = -4

_FORMAT: Final = "protobuf"
_FILLED_GAP: Final = 2  # empty buckets that cost less than a new span
_BUCKET_HEADS: Final = tuple(bytes((3 << 3 | 2, 1 + size + 9, 1 << 3)) for size in range(11))
"""What stands before the cumulative count of a bucket, by the length of the count."""
_TRACE_ID: Final = wire.text(1, "trace_id")
_SPAN_ID: Final = wire.text(1, "span_id")
_TYPES: Final = {MetricType.COUNTER: 0, MetricType.GAUGE: 1, MetricType.HISTOGRAM: 4}


@dataclass(slots=True)
class _Rendered:
    """A Metric message, what it was made of, and what of it never changes."""

    labels: bytes
    bounds: tuple[bytes, ...]
    made_of: float = math.nan
    message: bytes = b""
    schema: int = FINEST_SCHEMA
    """It only ever goes down: a finer one would look like a reset."""


def render(*registries: Registry) -> bytes:
    """All of these registries; families without series are left out."""
    return b"".join(map(_family, every_family(registries)))


def _family(family: AnyFamily) -> bytes:
    metric = family.metric
    unit = unit_of(metric)
    message = b"".join(
        (
            wire.text(1, metric.name),
            wire.text(2, metric.help),
            wire.integer(3, _TYPES[metric.type]),
            *(_metric(metric, series) for series in family.series.values()),
            wire.text(5, unit) if unit else b"",
        )
    )
    return wire.varint(len(message)) + message


def _metric(metric: Metric, series: AnySeries) -> bytes:
    """A series as field 4 of its family; made anew only if the series has moved."""
    rendered = series.rendered.get(_FORMAT)
    value = series.value
    if not isinstance(rendered, _Rendered):
        rendered = series.rendered[_FORMAT] = _start(metric, series)
    moved = value.count if isinstance(value, Histogram) else value.value
    if rendered.made_of != moved:
        rendered.made_of = moved
        rendered.message = wire.message(4, rendered.labels + _value(metric, series, rendered))
    return rendered.message


def _start(metric: Metric, series: AnySeries) -> _Rendered:
    pairs = zip(metric.labels, series.labels, strict=True)
    labels = b"".join(_label(name, value) for name, value in pairs)
    value = series.value
    bounds = [*value.bounds.tolist(), math.inf] if isinstance(value, Histogram) else []
    return _Rendered(labels, tuple(wire.double(2, bound) for bound in bounds))


def _label(name: str, value: str) -> bytes:
    return wire.message(1, wire.text(1, name) + wire.text(2, value))


def _value(metric: Metric, series: AnySeries, rendered: _Rendered) -> bytes:
    value = series.value
    if isinstance(value, Histogram):
        parts = (
            wire.integer(1, value.count),
            wire.double(2, value.sum),
            *_buckets(value, rendered.bounds),
            _native(value, rendered),
        )
        return wire.message(7, b"".join(parts))
    return wire.message(3 if metric.type is MetricType.COUNTER else 2, wire.double(1, value.value))


def _buckets(histogram: Histogram, bounds: tuple[bytes, ...]) -> list[bytes]:
    counts = map(wire.varint, histogram.fixed.cumsum().tolist())
    buckets = [_BUCKET_HEADS[len(count)] + count + bound for count, bound in zip(counts, bounds, strict=True)]
    for place, exemplar in histogram.exemplars.items():
        buckets[place] = wire.message(3, buckets[place][2:] + _exemplar(exemplar))
    return buckets


def _exemplar(exemplar: Exemplar) -> bytes:
    """As field 3 of its bucket."""
    return wire.message(3, _exchange(*exemplar[1:]) + wire.double(2, exemplar.value))


@lru_cache(maxsize=4096)
def _exchange(trace_id: str, span_id: str, unix: float) -> bytes:
    """What all exemplars of an exchange have in common: it is in many buckets, and stays there for many scrapes."""
    seconds = math.floor(unix)
    content = (
        wire.message(1, _TRACE_ID + wire.text(2, trace_id)),
        wire.message(1, _SPAN_ID + wire.text(2, span_id)),
        wire.message(3, wire.integer(1, seconds) + wire.integer(2, int((unix - seconds) * 1e9))),
    )
    return b"".join(content)


def _native(histogram: Histogram, rendered: _Rendered) -> bytes:
    """Sparse buckets: what is empty is left out, so each span says how far it is from the end of the one before it."""
    spans, counts = _spans(histogram, rendered.schema)
    while counts.size > MOST_BUCKETS and rendered.schema > COARSEST_SCHEMA:
        rendered.schema -= 1
        spans, counts = _spans(histogram, rendered.schema)
    return b"".join(
        (
            wire.signed(5, rendered.schema),
            wire.double(6, ZERO_THRESHOLD),
            wire.integer(7, histogram.zeros),
            *[wire.message(12, wire.signed(1, offset) + wire.integer(2, length)) for offset, length in spans],
            wire.packed_signed(13, _deltas(counts)),
        )
    )


def _deltas(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each count less the one before it."""
    deltas = counts.copy()
    deltas[1:] -= counts[:-1]
    return deltas


def _spans(histogram: Histogram, schema: int) -> tuple[list[tuple[int, int]], NDArray[np.int64]]:
    """(offset, length) of each span, and the counts of all of them in a row."""
    first, counts = histogram.exponential(schema)
    used = np.flatnonzero(counts)
    if not used.size:
        return [], counts[:0]
    breaks = np.flatnonzero(used[1:] - used[:-1] > _FILLED_GAP + 1)
    starts = [int(used[0]), *used[breaks + 1].tolist()]
    ends = [*(used[breaks] + 1).tolist(), int(used[-1]) + 1]
    offsets = [first + starts[0], *(start - end for start, end in zip(starts[1:], ends, strict=False))]
    lengths = [end - start for start, end in zip(starts, ends, strict=True)]
    kept = np.concatenate([counts[start:end] for start, end in zip(starts, ends, strict=True)])
    return list(zip(offsets, lengths, strict=True)), kept
