"""The queue in front of every exporter: batches, tries, deadlines, and every item's fate counted exactly once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from swelld_exporters import names
from swelld_exporters.base import Partial, Permanent, TryLater
from swelld_exporters.outlet import Fate, Limits, Outlet
from swelld_exporters.prometheus.registry import Registry

QUICK = Limits(queue=100, batch=10, age=0.02, deadline=0.2, first_pause=0.01, longest_pause=0.04, patience=5, flush=1)


class Taken:
    """An exporter that keeps what it is given, and follows a script of troubles first."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles = list(troubles)
        self.batches: list[Sequence[int]] = []
        self.tries: list[Sequence[int]] = []
        self.closed = 0
        self.at_once = self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def export(self, batch: Sequence[int]) -> None:
        self.tries.append(batch)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            if self.troubles:
                raise self.troubles.pop(0)
            self.batches.append(batch)
        finally:
            self.at_once -= 1

    async def aclose(self) -> None:
        self.closed += 1


class Bench:
    """An outlet with everything that can be seen of it."""

    def __init__(self, exporter: Any, limits: Limits = QUICK, **more: Any) -> None:
        self.registry = Registry()
        self.fates = dict.fromkeys(Fate, 0)
        self.pauses: list[tuple[float, float]] = []
        self.outlet: Outlet[int] = Outlet(
            "test", exporter, self.registry, limits, tell=self._tell, jitter=self._jitter, **more
        )

    def _tell(self, fate: Fate, items: int) -> None:
        self.fates[fate] += items

    def _jitter(self, low: float, high: float) -> float:
        self.pauses.append((low, high))
        return low

    def counter(self, metric: names.Metric) -> float:
        return self.registry.counter(metric).labels("test").value

    @property
    def length(self) -> float:
        return self.registry.gauge(names.OUTLET_QUEUE_LENGTH).labels("test").value

    def counted(self) -> tuple[float, float, float]:
        """(exported, dropped, failures) of the metrics."""
        return tuple(map(self.counter, (names.OUTLET_EXPORTED, names.OUTLET_DROPPED, names.OUTLET_FAILURES)))  # type: ignore[return-value]

    async def until(self, true: Callable[[], bool]) -> None:
        for _ in range(2500):
            if true():
                return
            await asyncio.sleep(0.002)
        raise TimeoutError


async def test_a_full_batch_goes_at_once_and_the_rest_by_age() -> None:
    exporter = Taken()
    bench = Bench(exporter, Limits(batch=10, age=0.2))
    bench.outlet.put(range(25))
    await bench.until(lambda: len(exporter.batches) == 2)
    assert bench.outlet.held == 5
    await bench.until(lambda: len(exporter.batches) == 3)
    assert exporter.batches == [tuple(range(10)), tuple(range(10, 20)), tuple(range(20, 25))]
    await bench.outlet.aclose()
    assert bench.counted() == (25, 0, 0)


async def test_a_batch_that_fails_is_tried_again_as_it_is_with_longer_and_longer_pauses() -> None:
    exporter = Taken(*[ConnectionError("down")] * 4)
    bench = Bench(exporter)
    bench.outlet.put(range(3))
    await bench.until(lambda: bool(exporter.batches))
    assert all(batch is exporter.tries[0] for batch in exporter.tries)
    assert len(exporter.tries) == 5
    assert [high for _, high in bench.pauses] == [0.01, 0.02, 0.04, 0.04]
    assert all(low == high / 2 for low, high in bench.pauses)
    await bench.outlet.aclose()
    assert bench.counted() == (3, 0, 4)


async def test_a_receiver_that_asks_for_a_pause_gets_it() -> None:
    exporter = Taken(TryLater("busy", 0.3))
    bench = Bench(exporter)
    began = asyncio.get_running_loop().time()
    bench.outlet.put([1])
    await bench.until(lambda: bool(exporter.batches))
    assert asyncio.get_running_loop().time() - began >= 0.3
    await bench.outlet.aclose()


async def test_a_pause_that_patience_does_not_allow_gives_the_batch_up() -> None:
    exporter = Taken(TryLater("busy", 3600.0))
    bench = Bench(exporter)
    bench.outlet.put([1, 2])
    await bench.until(lambda: bench.fates[Fate.FAILED] == 2)
    bench.outlet.put([3])
    await bench.until(lambda: bench.fates[Fate.EXPORTED] == 1)
    await bench.outlet.aclose()
    assert exporter.batches == [(3,)]
    assert bench.counted() == (1, 2, 1)


async def test_what_is_refused_for_good_is_not_tried_again() -> None:
    exporter = Taken(Permanent("bad"))
    bench = Bench(exporter)
    bench.outlet.put(range(10))
    bench.outlet.put([10])
    await bench.until(lambda: bool(exporter.batches))
    await bench.outlet.aclose()
    assert exporter.tries == [tuple(range(10)), (10,)]
    assert bench.fates == {Fate.EXPORTED: 1, Fate.DROPPED: 0, Fate.FAILED: 10}


async def test_a_receiver_may_take_some_of_a_batch() -> None:
    exporter = Taken(Partial("three are bad", 3))
    bench = Bench(exporter)
    bench.outlet.put(range(10))
    await bench.until(lambda: bench.outlet.held == 0)
    await bench.outlet.aclose()
    assert bench.fates == {Fate.EXPORTED: 7, Fate.DROPPED: 0, Fate.FAILED: 3}
    assert bench.counted() == (7, 3, 1)


async def test_a_consumer_that_hangs_meets_the_deadline() -> None:
    exporter = Taken()
    exporter.gate.clear()
    bench = Bench(exporter)
    bench.outlet.put([1])
    await bench.until(lambda: len(exporter.tries) == 2)
    exporter.gate.set()
    await bench.until(lambda: exporter.batches == [(1,)])
    await bench.outlet.aclose()
    assert exporter.most_at_once == 1
    assert bench.counted()[0] == 1


async def test_the_newest_are_dropped_when_it_is_full() -> None:
    exporter = Taken()
    exporter.gate.clear()
    bench = Bench(exporter)
    bench.outlet.put(range(10))
    await bench.until(lambda: len(exporter.tries) == 1)
    bench.outlet.put(range(10, 150))
    assert bench.outlet.held == bench.length == 100  # those under way are among them
    assert bench.fates[Fate.DROPPED] == 50
    exporter.gate.set()
    await bench.outlet.aclose()
    assert [item for batch in exporter.batches for item in batch] == list(range(100))
    assert bench.counted() == (100, 50, 0)


async def test_only_what_is_chosen_is_taken_and_counted() -> None:
    exporter = Taken()
    bench = Bench(exporter, Limits(queue=5), choose=lambda item: item % 2 == 0)
    bench.outlet.put(range(20))
    await bench.outlet.aclose()
    assert exporter.batches == [(0, 2, 4, 6, 8)]
    assert bench.counted() == (5, 5, 0)


async def test_closing_exports_what_is_left() -> None:
    exporter = Taken()
    bench = Bench(exporter, Limits(age=3600, flush=5))
    bench.outlet.put(range(7))
    await asyncio.sleep(0)
    assert exporter.batches == []
    await bench.outlet.aclose()
    assert exporter.batches == [tuple(range(7))]
    bench.outlet.put([8])
    assert bench.counted() == (7, 1, 0)


@pytest.mark.parametrize("troubles", [[], [ConnectionError("down")] * 1000], ids=["hangs", "fails"])
async def test_closing_ends_in_time_and_counts_what_is_lost(troubles: list[Exception]) -> None:
    exporter = Taken(*troubles)
    if not troubles:
        exporter.gate.clear()
    bench = Bench(exporter, Limits(batch=10, deadline=3600, age=0.01, patience=3600, flush=0.2))
    bench.outlet.put(range(35))
    await bench.until(lambda: bool(exporter.tries))
    began = asyncio.get_running_loop().time()
    await bench.outlet.aclose()
    assert 0.15 <= asyncio.get_running_loop().time() - began < 2
    assert bench.fates == {Fate.EXPORTED: 0, Fate.DROPPED: 35, Fate.FAILED: 0}
    assert bench.length == 0
    assert exporter.closed == 1


async def test_an_outlet_that_cannot_close_its_exporter_closes_all_the_same() -> None:
    class Stuck(Taken):
        async def aclose(self) -> None:
            await super().aclose()
            raise OSError("no")

    exporter = Stuck()
    bench = Bench(exporter)
    bench.outlet.put([1])
    await bench.outlet.aclose()
    await bench.outlet.aclose()
    assert exporter.closed == 2
    assert bench.counted() == (1, 0, 0)


async def test_every_series_is_there_from_the_beginning() -> None:
    bench = Bench(Taken())
    families = {family.metric.name: [*family.series] for family in bench.registry.families()}
    assert families == {
        f"swelld_outlet_{name}": [("test",)]
        for name in ("dropped_total", "exported_total", "failures_total", "queue_length")
    }
    await bench.outlet.aclose()
