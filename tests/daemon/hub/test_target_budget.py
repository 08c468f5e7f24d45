"""A run on two targets of which one has nothing left in its budget, or users who wait."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crews import load_processes
from runs import settings_for
from swelld.app.spec import specify
from swelld.clock import WallClock
from swelld.engine.fleet import Fleet
from swelld.engine.plan import FULL, Held, Pulse, Throttle
from swelld.hub.budget import Budgets, Spending
from swelld.hub.courtesy import PULSES_SECONDS, Courtesy
from swelld.hub.holding import Holds
from swelld.hub.metrics import MetricsListener
from swelld.hub.run import Run
from swelld.hub.spec import Spec
from swelld.hub.yielding import YieldToUsers
from swelld.sim import SimOptions, simulated
from swelld.spending import Budget
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import RequestMetrics
from swelld_exporters.server_metrics.engines import Quantity


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.005, itl=0.001, tokens=2)) as url:
        yield url


def spec_on_two(url: str, folder: Path, scenario: dict[str, Any]) -> Spec:
    target = {"url": url, "model": "tiny", "metrics": "off"}
    return specify(settings_for(folder, {"x": target, "y": target}, scenario), "test")


@pytest.mark.parametrize(
    ("scenario", "shards"),
    [
        ({"load": "60/s", "duration": "2s", "mix": "weighted"}, "inline"),
        ({"load": {"concurrency": 4}, "duration": "2s", "mix": "weighted"}, 2),
        ({"load": "60/s", "duration": "2s"}, "inline"),
    ],
)
async def test_the_other_target_goes_on(sim: str, tmp_path: Path, scenario: dict[str, Any], shards: int | str) -> None:
    spec = spec_on_two(sim, tmp_path, scenario)
    registry, fleet = Registry(), Fleet(shards)
    budgets = Budgets(registry)
    budgets.configure({}, {"x": Budget.model_validate({"requests": "20/day"})})

    def hold(reason: str, factor: float, target: int | None = None) -> None:
        run.throttle(reason, factor, target)

    spending = Spending(budgets, spec, hold)
    metrics = MetricsListener(registry, RequestMetrics(registry, WallClock()), lambda: run.state, held=lambda: run.held)
    run: Run = Run(spec, fleet.crew(spec.plan), [metrics, spending], [spending])
    carrying = asyncio.create_task(run.execute())
    async with asyncio.timeout(30):
        while not run.progress().throttled_targets:  # noqa: ASYNC110 - it is looked at
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        progress = run.progress()
        offered = {labels[1]: one.value.value for labels, one in registry.gauge(names.OFFERED_RATE).series.items()}
        result = await carrying
    await fleet.aclose()
    assert load_processes() == []
    assert (progress.throttled_targets, progress.throttle, progress.throttled_by) == ({"x": 0.0}, 0.5, "budget")
    x, y = result.stages
    assert 20 <= x.requests.started < 50  # it is looked at five times a second
    assert y.requests.ok == y.requests.scheduled > x.requests.started + 20
    assert (y.withheld, set(x.withheld) <= {"budget"}) == ({}, True)
    if isinstance(scenario["load"], str):
        rate = 30.0 if "mix" in scenario else 60.0
        assert offered == {"x": 0.0, "y": pytest.approx(rate)}
        assert progress.offered_rate == pytest.approx(rate)
        assert x.requests.scheduled + x.withheld["budget"] == pytest.approx(2 * rate, abs=2)
        withheld = {
            labels[1:]: one.value.value for labels, one in registry.counter(names.REQUESTS_WITHHELD).series.items()
        }
        assert withheld["x", "budget"] == x.withheld["budget"]
        assert withheld["y", "budget"] == 0
    else:
        assert progress.active_users == 2
    (finding,) = [one for one in result.verdict if one.subject == "budget"]
    assert finding.target == "x"


def test_the_smallest_factor_holds_for_each_target(tmp_path: Path) -> None:
    holds = Holds(spec_on_two("http://127.0.0.1:1", tmp_path, {"load": "1/s", "duration": "1m"}).plan)
    assert holds.set("yield", 0.5, 1) == Throttle(1.0, "", {1: Held(0.5, "yield")})
    assert holds.set("budget", 0.0, 1) == Throttle(1.0, "", {1: Held(0.0, "budget")})
    assert holds.set("paused", 0.0) == Throttle(0.0, "paused")
    assert holds.set("paused", 1.0) == Throttle(1.0, "", {1: Held(0.0, "budget")})
    assert holds.set("yield", 0.7) == Throttle(0.7, "yield", {1: Held(0.0, "budget")})
    assert holds.by_name(holds.set("budget", 1.0, 1)) == {"y": 0.5}
    assert holds.set("yield", 1.0, 1) == Throttle(0.7, "yield")
    assert holds.share(holds.set("yield", 1.0)) == 1.0
    assert holds.set("yield", 1.0) == FULL
    with pytest.raises(ValueError, match="is no part of a load"):
        holds.set("yield", 1.5, 0)


def test_each_server_has_its_own_users(tmp_path: Path) -> None:
    spec = spec_on_two("http://127.0.0.1:1", tmp_path, {"load": "1/s", "duration": "1m"})
    (stage,) = spec.stages(1)
    told: list[tuple[str, float, int | None]] = []
    registry, moment = Registry(), 0.0

    def hold(reason: str, factor: float, target: int | None = None) -> None:
        told.append((reason, factor, target))

    courtesy = Courtesy(YieldToUsers(), spec, hold, registry, lambda: moment)
    courtesy.look(1, {Quantity.WAITING: 3.0, Quantity.RUNNING: 8.0})
    courtesy.look(0, {Quantity.WAITING: 0.0, Quantity.RUNNING: 8.0})
    moment = PULSES_SECONDS
    pulse = Pulse(
        shard=0,
        measurements=[],
        begun=[0, 0],
        in_flight=[1, 1],
        connections=[1, 1],
        waiting=0,
        largest_batch=0,
        cpu_seconds=0.0,
        loop_lag=[],
    )
    courtesy.pulse(spec, stage, pulse, saturated=False)
    assert told == [("yield", 0.5, 1)]
    gauge = registry.gauge(names.YIELD_FACTOR).series.items()
    assert {labels: one.value.value for labels, one in gauge} == {("test", "x"): 1.0, ("test", "y"): 0.5}
