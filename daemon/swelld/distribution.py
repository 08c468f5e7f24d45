"""Distributions, not samples: the memory of a week's run is that of a minute's."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SCHEMA: Final = 8
"""Base-2 exponential buckets with 2**8 of them to an octave: a quantile is known to 0.14 %."""
ZERO_THRESHOLD: Final = 1e-9
"""Values at or below it (seconds) are counted as zero."""

_MARGIN: Final = 64  # buckets of room to both sides when the array grows
_PIECE: Final = 8192
"""Values that are added at a time: larger temporary arrays are pages fresh from the system, which cost five times as
much as the sums."""

Floats = NDArray[np.float64]


class Distribution:
    """Exact count, sum, min, max and std; fixed buckets; exponential buckets (Prometheus schema 8).

    `bounds` are upper bounds as in Prometheus (value <= bound), strictly increasing, without +Inf.
    """

    __slots__ = ("bounds", "count", "counts", "fixed", "max", "min", "offset", "square", "sum", "zeros")

    def __init__(self, bounds: Sequence[float] = ()) -> None:
        self.bounds: Floats = np.asarray(bounds, dtype=np.float64)
        self.fixed = np.zeros(len(bounds) + 1, dtype=np.int64)
        self.count = 0
        self.sum = 0.0
        self.min = math.inf
        self.max = -math.inf
        self.zeros = 0
        self.square = 0.0  # sum of squared distances from the mean (Welford, merged in batches)
        self.offset = 0
        self.counts = np.zeros(0, dtype=np.int64)

    def update(self, values: Floats) -> None:
        """Add a batch of finite values."""
        for start in range(0, values.size, _PIECE):
            self._add(values[start : start + _PIECE])

    def _add(self, values: Floats) -> None:
        size = values.size
        total = float(values.sum())
        mean = total / size
        centred = values - mean
        self._merge_moments(size, total, float(centred @ centred))
        self.min = min(self.min, float(values.min()))
        self.max = max(self.max, float(values.max()))
        if self.bounds.size:
            places = np.searchsorted(self.bounds, values, side="left")
            self.fixed += np.bincount(places, minlength=self.fixed.size)
        positive = values[values > ZERO_THRESHOLD]
        self.zeros += size - positive.size
        if positive.size:
            indexes = np.ceil(np.log2(positive) * 2**SCHEMA).astype(np.int64)
            low = int(indexes.min())
            self._make_room(low, int(indexes.max()))
            found = np.bincount(indexes - self.offset)
            self.counts[: found.size] += found

    def merge(self, other: "Distribution") -> None:
        """Add another distribution with the same bounds: exact, in any order."""
        if not np.array_equal(self.bounds, other.bounds):
            raise ValueError("distributions with different bounds cannot be merged")
        if not other.count:
            return
        self._merge_moments(other.count, other.sum, other.square)
        self.min = min(self.min, other.min)
        self.max = max(self.max, other.max)
        self.fixed += other.fixed
        self.zeros += other.zeros
        if other.counts.size:
            self._make_room(other.offset, other.offset + other.counts.size - 1)
            start = other.offset - self.offset
            self.counts[start : start + other.counts.size] += other.counts

    @property
    def mean(self) -> float | None:
        """None without values."""
        return self.sum / self.count if self.count else None

    @property
    def std(self) -> float | None:
        """Standard deviation of the sample; None for fewer than two values."""
        return math.sqrt(self.square / (self.count - 1)) if self.count > 1 else None

    def quantile(self, q: float) -> float | None:
        """The smallest value that a share `q` of the values does not exceed, to within its bucket; None without any."""
        if not self.count:
            return None
        rank = max(0, math.ceil(q * self.count) - 1)
        if rank >= self.count - 1:
            return self.max
        if rank < self.zeros:
            return max(0.0, self.min)
        cumulative = np.cumsum(self.counts) + self.zeros
        place = int(np.searchsorted(cumulative, rank, side="right"))
        if place >= self.counts.size:
            return self.max
        before = int(cumulative[place - 1]) if place else self.zeros
        inside = (rank - before + 0.5) / int(self.counts[place])
        value = float(2.0 ** ((self.offset + place - 1 + inside) / 2**SCHEMA))
        return min(max(value, self.min), self.max)

    def at_most(self, value: float) -> float:
        """How many values do not exceed `value`; of its own bucket the part below it."""
        if value >= self.max:
            return float(self.count)
        if value <= ZERO_THRESHOLD or not self.counts.size:
            return float(self.zeros)
        place = float(np.log2(value)) * 2**SCHEMA - self.offset + 1
        whole = min(self.counts.size, max(0, int(place)))
        inside = (place - whole) * float(self.counts[whole]) if 0 <= place < self.counts.size else 0.0
        return self.zeros + float(self.counts[:whole].sum()) + inside

    def exponential(self, schema: int) -> tuple[int, NDArray[np.int64]]:
        """(index of the first bucket, counts) at a coarser or equal schema, as a native histogram wants them."""
        if not self.counts.size:
            return 0, self.counts
        width = 1 << (SCHEMA - schema)
        first = -(-self.offset // width)
        starts = np.arange((first - 1) * width + 1 - self.offset, self.counts.size, width)
        starts[0] = 0  # its bucket may begin before the array
        return first, np.add.reduceat(self.counts, starts)

    def _merge_moments(self, count: int, total: float, square: float) -> None:
        if self.count:
            gap = total / count - self.sum / self.count
            square += gap * gap * count * self.count / (count + self.count)
        self.count += count
        self.sum += total
        self.square += square

    def _make_room(self, low: int, high: int) -> None:
        size = self.counts.size
        if size and low >= self.offset and high < self.offset + size:
            return
        start = min(low, self.offset) - _MARGIN if size else low - _MARGIN
        stop = (max(high, self.offset + size - 1) if size else high) + _MARGIN
        grown = np.zeros(stop - start + 1, dtype=np.int64)
        if size:
            grown[self.offset - start : self.offset - start + size] = self.counts
        self.counts, self.offset = grown, start
