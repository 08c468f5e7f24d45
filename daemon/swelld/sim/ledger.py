"""What the server truly did: counts, and the distributions of its own moments; its memory never grows."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

SMALLEST: Final = 1e-6
LARGEST: Final = 1e4
STEP: Final = 1.001
"""Neighbouring bins of a tally differ by 0.1 %: 10 us at 10 ms, 50 us at 50 ms."""
BATCH: Final = 1024
"""Values that wait to be added together: numpy costs little for a batch and too much for one value."""

TTFT_BOUNDS: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
ITL_BOUNDS: Final = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
E2E_BOUNDS: Final = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
"""The bounds of vLLM's histograms of the same names."""

_BINS: Final = int(np.log(LARGEST / SMALLEST) / np.log(STEP)) + 2


class Tally:
    """A distribution in logarithmic bins, with exact count, sum and max."""

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self.max = 0.0
        self._bins = np.zeros(_BINS, dtype=np.int64)

    def add(self, values: "np.ndarray[Any, np.dtype[np.float64]]") -> None:
        """Add a batch of seconds, at least one."""
        self.count += values.size
        self.sum += float(values.sum())
        self.max = max(self.max, float(values.max()))
        places = np.log(np.clip(values, SMALLEST, LARGEST) / SMALLEST) / np.log(STEP)
        self._bins += np.bincount(places.astype(np.int64), minlength=_BINS)

    def quantile(self, share: float) -> float:
        """The middle of the bin in which this share of the values is reached, and never more than the maximum."""
        reached = np.cumsum(self._bins)
        place = int(np.searchsorted(reached, max(1, np.ceil(share * self.count))))
        return min(float(SMALLEST * STEP ** (place + 0.5)), self.max)

    def summary(self) -> dict[str, float]:
        """Count alone while it is empty."""
        if not self.count:
            return {"count": 0}
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
        quantiles = {name: self.quantile(share) for name, share in shares.items()}
        return {"count": self.count, "mean": self.sum / self.count, **quantiles, "max": self.max}


class Buckets:
    """A Prometheus histogram: it lives as long as the server."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = np.zeros(len(bounds) + 1, dtype=np.int64)
        self.sum = 0.0

    def add(self, values: "np.ndarray[Any, np.dtype[np.float64]]") -> None:
        """Add a batch of seconds."""
        self.counts += np.bincount(np.searchsorted(self.bounds, values), minlength=self.counts.size)
        self.sum += float(values.sum())


class Series:
    """One kind of moment: values gathered one by one, added in batches to its tally and, if any, its buckets."""

    def __init__(self, bounds: Sequence[float] | None = None) -> None:
        self.waiting: list[float] = []
        self.tally = Tally()
        self.buckets = Buckets(bounds) if bounds else None

    def flush(self) -> None:
        """Add what waits."""
        if self.waiting:
            values = np.array(self.waiting)
            self.waiting.clear()
            self.tally.add(values)
            if self.buckets:
                self.buckets.add(values)

    def reset(self) -> None:
        """Empty the tally; the buckets go on, as a scraper expects."""
        self.flush()
        self.tally = Tally()


class Ledger:
    """The truth about one server since its start or its last reset.

    Moments are those of streams that were meant to end well: an answer with a fault that breaks it has counts only.
    `ttft`: the read of the request's last byte to the write of the first token. `itl`: gaps between writes of events.
    `e2e`: the read of the last byte to the write of the last token, streamed or not. `lateness`: write - schedule.
    """

    def __init__(self) -> None:
        self.ttft = Series(TTFT_BOUNDS)
        self.itl = Series(ITL_BOUNDS)
        self.e2e = Series(E2E_BOUNDS)
        self.lateness = Series()
        self.total: Counter[str] = Counter()
        """Counts since the start, for /metrics: what, or `status:N`, or `fault:NAME`."""
        self.running = 0
        self.open_connections = 0
        self._at_reset: Counter[str] = Counter()

    def tick(self, name: str, amount: int = 1) -> None:
        """Count something."""
        self.total[name] += amount

    def flush(self) -> None:
        """Bring all distributions up to date."""
        for series in self._all().values():
            series.flush()

    def reset(self) -> None:
        """Begin anew; answers under way are counted where they end."""
        for series in self._all().values():
            series.reset()
        self._at_reset = self.total.copy()

    def truth(self) -> dict[str, Any]:
        """The page /sim/truth."""
        self.flush()
        counts = self.total - self._at_reset
        return {
            "schema": "swelld.sim.truth/1",
            "requests": {
                **{name: counts[name] for name in ("started", "completed", "broken", "refused", "aborted_by_client")},
                "running": self.running,
                "by_status": _named(counts, "status:"),
                "faults": _named(counts, "fault:"),
            },
            "tokens": {name: counts[f"{name}_tokens"] for name in ("prompt", "cached", "output")},
            "events": counts["events"],
            "connections": {"opened": counts["connections"], "open": self.open_connections},
            **{name: series.tally.summary() for name, series in self._all().items()},
        }

    def _all(self) -> dict[str, Series]:
        return {"ttft": self.ttft, "itl": self.itl, "e2e": self.e2e, "lateness": self.lateness}


def _named(counts: Counter[str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): counts[name] for name in sorted(counts) if name.startswith(prefix)}
