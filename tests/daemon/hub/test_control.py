"""A run that is changed and throttled while it goes on: what the server sees, what the result and the metrics say."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from crews import load_processes
from runs import one_target, settings_for
from sim_client import truth
from swelld.app.spec import specify
from swelld.clock import WallClock
from swelld.engine.fleet import Fleet
from swelld.hub.ceiling import Ceilings
from swelld.hub.metrics import MetricsListener
from swelld.hub.run import Run
from swelld.result import LevelChange, Result
from swelld.sim import SimOptions, simulated
from swelld_exporters import names
from swelld_exporters.names import Metric
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import RequestMetrics

CAPPED = {"rate": "200/s", "concurrency": 6}
RATE_ONLY = {"rate": "200/s"}


@pytest.fixture(scope="module")
def sim() -> Iterator[str]:
    with simulated(SimOptions(ttft=0.02, itl=0.001, tokens=2)) as url:
        yield url


class UnderWay:
    """A run that goes on, with its metrics."""

    def __init__(self, url: str, folder: Path, fleet: Fleet, scenario: dict[str, Any]) -> None:
        ceiling = CAPPED if isinstance(scenario["load"], dict) else RATE_ONLY
        ceiling = scenario.pop("ceiling", ceiling)
        settings = settings_for(folder, one_target(url, ceiling=ceiling), {"drain": "5s", **scenario})
        self.spec = specify(settings, "test")
        self.registry = Registry()
        listener = MetricsListener(
            self.registry,
            RequestMetrics(self.registry, WallClock()),
            lambda: self.run.state,
            held=lambda: self.run.held,
        )
        ceilings = Ceilings()
        ceilings.admit(self.spec)
        self.run = Run(self.spec, fleet.crew(self.spec.plan), [listener], ceilings=ceilings)
        self.result = asyncio.create_task(self.run.execute())

    async def running(self) -> None:
        async with asyncio.timeout(20):
            while self.run.progress().in_flight + self.run.progress().done == 0:  # noqa: ASYNC110 - it is looked at
                await asyncio.sleep(0.02)

    def gauge(self, metric: Metric) -> list[float]:
        return [series.value.value for series in self.registry.gauge(metric).series.values()]

    def withheld(self) -> dict[str, float]:
        series = self.registry.counter(names.REQUESTS_WITHHELD).series.items()
        assert {labels[:2] for labels, _ in series} == {("test", "here")}
        return {labels[2]: one.value.value for labels, one in series}


@asynccontextmanager
async def under_way(url: str, folder: Path, shards: int | str, **scenario: Any) -> AsyncIterator[UnderWay]:
    fleet = Fleet(shards)
    one = UnderWay(url, folder, fleet, scenario)
    try:
        await one.running()
        yield one
        async with asyncio.timeout(30):
            await one.result
    finally:
        await asyncio.gather(one.result, return_exceptions=True) if one.result.done() else one.result.cancel()
        await fleet.aclose()


@pytest.mark.parametrize("shards", ["inline", 2])
async def test_the_rate_is_changed(sim: str, tmp_path: Path, shards: int | str) -> None:
    async with under_way(sim, tmp_path, shards, load="10/s", duration="2s") as one:
        before = now_due(one)
        assert before == (10.0, [10.0])
        one.run.change(rate=80.0)
        await asyncio.sleep(0.6)
        assert now_due(one) == (80.0, [80.0])
        one.run.change(rate=40.0)
        result = await one.result
    stage = only_stage(result)
    (first, second) = stage.changes
    assert (first.rate, second.rate, first.concurrency) == (80.0, 40.0, None)
    expected = 10 * first.at + 80 * (second.at - first.at) + 40 * (2.0 - second.at)
    assert stage.requests.scheduled == stage.requests.ok == pytest.approx(expected, abs=2)
    assert stage.stage == "rate=10"
    assert stage.validity.offered_rate == pytest.approx(expected / 2, abs=1)


def now_due(one: UnderWay) -> tuple[float | None, list[float]]:
    return one.run.progress().offered_rate, one.gauge(names.OFFERED_RATE)


def only_stage(result: Result) -> Any:
    (stage,) = result.stages
    return stage


@pytest.mark.parametrize("shards", ["inline", 2])
async def test_the_users_are_changed(sim: str, tmp_path: Path, shards: int | str) -> None:
    async with under_way(sim, tmp_path, shards, load={"concurrency": 2}, duration="2s", window="steady") as one:
        one.run.change(concurrency=6)
        await asyncio.sleep(0.8)
        assert one.run.progress().active_users == 6
        assert one.gauge(names.ACTIVE_USERS) == [6.0]
        assert one.run.progress().in_flight == pytest.approx(6, abs=1)
        one.run.change(concurrency=1)
        await asyncio.sleep(0.5)
        assert one.run.progress().in_flight <= 1
        result = await one.result
    stage = only_stage(result)
    assert [change.concurrency for change in stage.changes] == [6, 1]
    assert (stage.users, stage.stage) == (2, "concurrency=2")
    assert stage.phases.note == "the load was changed while the stage went on"
    assert stage.requests.ok == stage.requests.scheduled > 40


async def test_changes_that_cannot_be(sim: str, tmp_path: Path) -> None:
    async with under_way(sim, tmp_path, 2, load={"concurrency": 4}, requests=60) as one:
        refused: list[tuple[dict[str, Any], str]] = [
            ({"rate": 5.0}, "the stage concurrency=4 is a closed loop: change its concurrency, it has no rate"),
            ({}, "give either a rate or a concurrency"),
            ({"rate": 5.0, "concurrency": 2}, "give either a rate or a concurrency"),
            (
                {"concurrency": 1},
                "1 users cannot go on with the stage concurrency=4: at least 2: 2 load",
            ),
            ({"concurrency": 7}, "a ceiling of 6 at a time, but the load asks for 7 at a time"),
        ]
        for change, text in refused:
            with pytest.raises(ValueError, match=text):
                one.run.change(**change)
        one.run.change(concurrency=6)
        result = await one.result
    assert only_stage(result).changes == [LevelChange(only_stage(result).changes[0].at, None, 6)]
    assert only_stage(result).requests.ok == 60
    with pytest.raises(ValueError, match=r"no stage of the run .* is under way"):
        one.run.change(concurrency=2)
    async with under_way(sim, tmp_path, "inline", load="20/s", duration="300ms") as one:
        for change, text in (
            ({"concurrency": 5}, "the stage rate=20 is an open loop: change its rate, it has no concurrency"),
            ({"rate": 0.0}, "0/s is no rate to go on with: a rate is above 0; pause the run to send nothing"),
            ({"rate": float("inf")}, "inf/s is no rate"),
            ({"rate": 201.0}, "a ceiling of 200/s, but the load asks for 201/s"),
        ):
            with pytest.raises(ValueError, match=text):
                one.run.change(**change)


@pytest.mark.parametrize("shards", ["inline", 2])
async def test_an_open_loop_is_throttled_by_the_smallest_factor(sim: str, tmp_path: Path, shards: int | str) -> None:
    began = truth(sim)["requests"]["started"]
    async with under_way(sim, tmp_path, shards, load="80/s", duration="2s") as one:
        one.run.throttle("yield", 0.5)
        await asyncio.sleep(0.5)
        assert now_due(one) == (40.0, [40.0])
        assert (one.run.progress().throttle, one.run.progress().throttled_by) == (0.5, "yield")
        one.run.throttle("budget", 0.0)
        await asyncio.sleep(0.5)
        assert now_due(one) == (0.0, [0.0])
        one.run.throttle("yield", 1.0)
        assert one.run.progress().throttled_by == "budget"
        one.run.throttle("budget", 1.0)
        assert (one.run.progress().throttle, one.run.progress().throttled_by) == (1.0, None)
        result = await one.result
    stage = only_stage(result)
    assert set(stage.withheld) == {"yield", "budget"}
    assert min(stage.withheld.values()) >= 10
    assert stage.requests.scheduled + sum(stage.withheld.values()) == 160
    assert (stage.requests.dropped, stage.requests.ok) == (0, stage.requests.scheduled)
    assert truth(sim)["requests"]["started"] - began == stage.requests.scheduled
    assert one.withheld() == {"ceiling": 0, "paused": 0, **stage.withheld}


@pytest.mark.parametrize("shards", ["inline", 2])
async def test_a_closed_loop_is_throttled(sim: str, tmp_path: Path, shards: int | str) -> None:
    async with under_way(sim, tmp_path, shards, load={"concurrency": 6}, duration="2s") as one:
        for factor, users in ((0.5, 3), (0.0, 0), (1.0, 6)):
            one.run.throttle("paused", factor)
            await asyncio.sleep(0.5)
            assert one.run.progress().active_users == users
            assert one.gauge(names.ACTIVE_USERS) == [users]
            assert one.run.progress().in_flight == pytest.approx(users, abs=1 if users else 0)
        result = await one.result
    assert only_stage(result).withheld == {}
    assert only_stage(result).requests.ok == only_stage(result).requests.scheduled
    assert only_stage(result).phases.note == "the load was throttled (paused)"


async def test_a_run_that_is_throttled_from_the_start_begins_when_it_may(sim: str, tmp_path: Path) -> None:
    fleet = Fleet(1)
    one = UnderWay(sim, tmp_path, fleet, {"load": {"concurrency": 2}, "requests": 8})
    one.run.throttle("budget", 0.0)
    began = truth(sim)["requests"]["started"]
    await asyncio.sleep(2.0)
    assert (one.run.state, one.run.progress().active_users) == ("running", 0)
    assert truth(sim)["requests"]["started"] == began
    one.run.throttle("budget", 1.0)
    result = await one.result
    assert only_stage(result).requests.ok == 8
    await fleet.aclose()


@pytest.mark.parametrize("factor", [-0.1, 1.1, float("nan")])
async def test_a_factor_that_is_none(sim: str, tmp_path: Path, factor: float) -> None:
    async with under_way(sim, tmp_path, "inline", load="20/s", duration="200ms") as one:
        with pytest.raises(ValueError, match="is no part of a load: it is from 0 to 1"):
            one.run.throttle("yield", factor)


async def test_arrivals_above_a_ceiling_of_users_are_withheld(sim: str, tmp_path: Path) -> None:
    slow = {"load": "60/s", "duration": "1s", "ceiling": CAPPED}
    with simulated(SimOptions(ttft=0.4, itl=0.001, tokens=2)) as url:
        async with under_way(url, tmp_path, 2, **slow) as one:
            result = await one.result
    stage = only_stage(result)
    assert stage.requests.scheduled + stage.withheld["ceiling"] == 60
    assert stage.requests.ok == stage.requests.scheduled
    assert 6 <= stage.requests.ok <= 20
    assert one.withheld()["ceiling"] == stage.withheld["ceiling"]


async def test_a_replaced_process_goes_on_at_the_present_level(sim: str, tmp_path: Path) -> None:
    async with under_way(sim, tmp_path, 2, load="1/s", duration="4s") as one:
        one.run.change(rate=90.0)
        one.run.throttle("yield", 0.5)
        await asyncio.sleep(0.6)
        load_processes()[0].kill()
        result = await one.result
    stage = only_stage(result)
    (change,) = stage.changes
    due = 90 * (4.0 - change.at) + change.at
    held = sum(stage.withheld.values())
    assert stage.requests.scheduled + held == pytest.approx(due, abs=8)  # what was under way is lost
    assert held == pytest.approx((stage.requests.scheduled + held) / 2, abs=25)
    assert len(stage.validity.reasons) >= 1
