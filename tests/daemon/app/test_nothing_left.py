"""Run after run in one daemon: nothing of those that are over stays in memory."""

import asyncio
import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from runs import one_target, settings_for
from swelld.app.conductor import Commission, Conductor
from swelld.app.spec import specify
from swelld.settings import Settings
from swelld.sim import SimOptions, simulated
from swelld.store.runs import StoredRuns
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.runs import LatestRuns
from swelld_exporters.prometheus.text import render


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.001, itl=0.001, tokens=2)) as url:
        yield url


async def carried_out(conductor: Conductor, settings: Settings, count: int) -> None:
    for _ in range(count):
        wanted = Commission(specify(settings, "test"), settings.scenarios["test"])
        finished = await conductor.carry_out(wanted)
        assert finished.result.run.state == "completed"
        render(conductor.registry)


async def living(store: StoredRuns) -> Counter[str]:
    """How many objects of our own there are by type, tasks and coroutines included."""
    await asyncio.wait_for(store._writer._idle.wait(), 30)
    await asyncio.sleep(0.1)
    gc.collect()
    kinds = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.get_objects())
    ours = (
        "swelld",
        "_asyncio.Task",
        "builtins.coroutine",
        "builtins.async_generator",
        "asyncio.locks",
        "asyncio.queues",
    )
    return Counter({kind: count for kind, count in kinds.items() if kind.startswith(ours)})


@pytest.mark.parametrize(
    "scenario",
    [
        {"load": {"concurrency": 2}, "requests": 4},
        {"load": "100/s", "duration": "50ms", "window": "steady", "yield_to_users": True, "budget": {"cost": "1/day"}},
    ],
)
async def test_runs_that_are_over_leave_nothing_behind(
    sim: str, tmp_path: Path, scenario: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LatestRuns.__init__, "__defaults__", (3, *(LatestRuns.__init__.__defaults__ or ())[1:]))
    price = {"input": 1, "output": 2, "currency": "EUR"}
    target = one_target(sim, price=price, ceiling={"concurrency": 4}, metrics={"interval": "1s"})
    settings = settings_for(tmp_path, target, scenario)
    registry = Registry()
    store = StoredRuns(settings.store, registry)
    await store.start()
    conductor = Conductor(settings, ["swelld"], registry, store, record=True)
    try:
        await carried_out(conductor, settings, 8)  # caches are filled, and the latest runs are as many as are told of
        before = await living(store)
        await carried_out(conductor, settings, 12)
        more = {kind: count for kind, count in (await living(store) - before).items() if count >= 10}
    finally:
        await conductor.aclose()
        await store.aclose()
    assert before["swelld_exporters.prometheus.registry.Series"] > 50
    assert more == {}
