"""A small registry: families of the catalogue's metrics, with a bounded number of series each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np

from swelld.distribution import Distribution, Floats
from swelld_exporters.names import LABEL_OVERFLOW, Metric, MetricType

MAX_SERIES: Final = 1000


class Counter:
    """A value that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1.0) -> None:
        """Add; ValueError for less than nothing."""
        if amount < 0:
            raise ValueError(f"a counter cannot go down: {amount}")
        self.value += amount

    def raise_to(self, total: float) -> None:
        """Take over a total that is counted elsewhere; a smaller one changes nothing."""
        self.value = max(self.value, float(total))


class Gauge:
    """A value that goes up and down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def set(self, value: float) -> None:
        """Replace the value."""
        self.value = float(value)


class Exemplar(NamedTuple):
    """One exchange that can be looked up: what it measured, its span, and when (Unix seconds)."""

    value: float
    trace_id: str
    span_id: str
    unix: float


class Histogram(Distribution):
    """A distribution that knows, for each of its fixed buckets, the latest exchange with a span among its values."""

    __slots__ = ("exemplars",)

    def __init__(self, bounds: Sequence[float] = ()) -> None:
        super().__init__(bounds)
        self.exemplars: dict[int, Exemplar] = {}
        """By the number of the bucket; they change only together with `count`."""

    def exemplify(self, values: Floats, trace_id: str, span_id: str, unix: float) -> None:
        """Values of one exchange that `update` has been given, too."""
        places = np.searchsorted(self.bounds, values, side="left")
        for place, value in dict(zip(places.tolist(), values.tolist(), strict=True)).items():
            known = self.exemplars.get(place)
            if known is None or known.unix <= unix:
                self.exemplars[place] = Exemplar(value, trace_id, span_id, unix)


Value = TypeVar("Value", bound=Counter | Gauge | Histogram)


class Series(Generic[Value]):
    """One series of a family. `rendered` is where formats keep what they need not make again."""

    __slots__ = ("labels", "rendered", "value")

    def __init__(self, labels: tuple[str, ...], value: Value) -> None:
        self.labels = labels
        self.value = value
        self.rendered: dict[str, object] = {}


class Family(Generic[Value]):
    """All series of one metric."""

    def __init__(
        self,
        metric: Metric,
        make: Callable[[tuple[float, ...]], Value],
        overflow: Callable[[str], None],
        limit: int,
    ) -> None:
        self.metric = metric
        self.series: dict[tuple[str, ...], Series[Value]] = {}
        self._make = make
        self._overflow = overflow
        self._limit = limit

    def labels(self, *values: str, extra_bounds: Iterable[float] = ()) -> Value:
        """The value with these labels, made if need be; `extra_bounds` join the buckets of a series that is new.

        A family that is full hands out a value that nobody will see, and counts that.
        """
        if found := self.series.get(values):
            return found.value
        if len(values) != len(self.metric.labels):
            raise ValueError(f"{self.metric.name} has the labels {self.metric.labels}, not {values}")
        value = self._make(tuple(sorted({*self.metric.buckets, *extra_bounds})))
        if len(self.series) < self._limit:
            self.series[values] = Series(values, value)
        else:
            self._overflow(self.metric.name)
        return value

    def remove(self, **match: str) -> None:
        """Remove the series that have all of these labels; none if the metric lacks one of them."""
        if not match.keys() <= set(self.metric.labels):
            return
        wanted = [(self.metric.labels.index(name), value) for name, value in match.items()]
        for labels in [labels for labels in self.series if all(labels[i] == value for i, value in wanted)]:
            del self.series[labels]


AnySeries = Series[Counter] | Series[Gauge] | Series[Histogram]
AnyFamily = Family[Counter] | Family[Gauge] | Family[Histogram]


class Registry:
    """Families by metric, each made when it is first asked for."""

    def __init__(self, max_series: int = MAX_SERIES) -> None:
        self._max_series = max_series
        self._counters: dict[str, Family[Counter]] = {}
        self._gauges: dict[str, Family[Gauge]] = {}
        self._histograms: dict[str, Family[Histogram]] = {}

    def counter(self, metric: Metric) -> Family[Counter]:
        """The family of a counter."""
        return self._family(self._counters, metric, MetricType.COUNTER, lambda _: Counter())

    def gauge(self, metric: Metric) -> Family[Gauge]:
        """The family of a gauge."""
        return self._family(self._gauges, metric, MetricType.GAUGE, lambda _: Gauge())

    def histogram(self, metric: Metric) -> Family[Histogram]:
        """The family of a histogram."""
        return self._family(self._histograms, metric, MetricType.HISTOGRAM, Histogram)

    def families(self) -> Iterator[AnyFamily]:
        """Families that have series, by name."""
        by_name: dict[str, AnyFamily] = {**self._counters, **self._gauges, **self._histograms}
        return (by_name[name] for name in sorted(by_name) if by_name[name].series)

    def remove(self, *, spare: str | None = None, **match: str) -> None:
        """Remove every series that has all of these labels, in all metrics but those with a label named `spare`."""
        if not match:
            raise ValueError("name at least one label: without one, everything would go")
        for family in [*self.families()]:
            if spare not in family.metric.labels:
                family.remove(**match)

    def _family(
        self,
        families: dict[str, Family[Value]],
        metric: Metric,
        kind: MetricType,
        make: Callable[[tuple[float, ...]], Value],
    ) -> Family[Value]:
        if found := families.get(metric.name):
            return found
        if metric.type is not kind:
            raise ValueError(f"{metric.name} is a {metric.type}, not a {kind}")
        return families.setdefault(metric.name, Family(metric, make, self._count_overflow, self._max_series))

    def _count_overflow(self, name: str) -> None:
        self.counter(LABEL_OVERFLOW).labels(name).inc()


def every_family(registries: Iterable[Registry]) -> Iterator[AnyFamily]:
    """The families of several registries, one registry after the other."""
    return chain.from_iterable(registry.families() for registry in registries)
