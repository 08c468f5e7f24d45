"""How long a scrape takes: 200 histogram series of 30 buckets in every format, and what prometheus_client takes.

`.venv/bin/python bench/exposition.py`; all series have moved since the scrape before, or none has.
"""

import argparse
import time
import zlib
from collections.abc import Callable
from statistics import median
from typing import Final

import numpy as np
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from swelld_exporters import names
from swelld_exporters.prometheus import openmetrics, protobuf, text
from swelld_exporters.prometheus.registry import Registry

BUCKETS: Final = 30
BOUNDS: Final = [*names.A, *(1000.0 + extra for extra in range(BUCKETS - len(names.A)))]
FORMATS: Final[dict[str, Callable[[Registry], bytes]]] = {
    "text 0.0.4": text.render,
    "OpenMetrics 1.0, exemplars": openmetrics.render,
    "protobuf, native histograms, exemplars": protobuf.render,
}


class Ours:
    """Series of our own registry."""

    def __init__(self, series: int) -> None:
        self.registry = Registry()
        family = self.registry.histogram(names.TTFT)
        self._histograms = [
            family.labels("canary", f"target-{index}", "tiny", "rate=10", extra_bounds=BOUNDS)
            for index in range(series)
        ]
        self._random = np.random.default_rng(0)

    def move(self) -> None:
        """200 more values in each, with an exemplar in most buckets."""
        for histogram in self._histograms:
            values = self._random.lognormal(-1.5, 0.7, 200)
            histogram.update(values)
            histogram.exemplify(values[:20], "ab" * 16, "cd" * 8, time.time())


def peer(series: int) -> CollectorRegistry:
    """The same in prometheus_client."""
    registry = CollectorRegistry()
    family = Histogram(names.TTFT.name, names.TTFT.help, names.REQUEST, registry=registry, buckets=BOUNDS)
    for index in range(series):
        family.labels("canary", f"target-{index}", "tiny", "rate=10").observe(0.2)
    return registry


def timed(act: Callable[[], bytes]) -> float:
    """Milliseconds."""
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1e3


def packed(page: bytes) -> bytes:
    """As the daemon packs it."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return compressor.compress(page) + compressor.flush()


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=200, help="histogram series (default 200)")
    parser.add_argument("--runs", type=int, default=15, help="of each; the median counts (default 15)")
    arguments = parser.parse_args()
    collectors = peer(arguments.series)
    theirs = median(timed(lambda: generate_latest(collectors)) for _ in range(arguments.runs))
    print("| format | KB | gzip KB | all moved, ms | none moved, ms | gzip, ms | prometheus_client / ours |")
    print("|---|---|---|---|---|---|---|")
    for name, render in FORMATS.items():
        ours = Ours(arguments.series)
        moved, still = [], []
        for _ in range(arguments.runs + 1):
            ours.move()
            moved.append(timed(lambda: render(ours.registry)))  # noqa: B023 - called at once
            still.append(timed(lambda: render(ours.registry)))  # noqa: B023 - called at once
        page = render(ours.registry)
        small = packed(page)
        packing = median(timed(lambda: packed(page)) for _ in range(arguments.runs))  # noqa: B023 - called at once
        moving = median(moved[1:])
        print(
            f"| {name} | {len(page) / 1e3:.0f} | {len(small) / 1e3:.0f} | {moving:.1f} | {median(still[1:]):.2f} "
            f"| {packing:.1f} | {theirs / moving:.0f} |"
        )
    print(f"| prometheus_client, text | {len(generate_latest(collectors)) / 1e3:.0f} | | {theirs:.1f} | | | 1 |")


if __name__ == "__main__":
    main()
