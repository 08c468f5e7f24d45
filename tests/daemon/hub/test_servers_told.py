"""Looks at a server's own metrics reach whoever makes room for its users, once a second whatever the interval."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from runs import one_target, settings_for
from swelld.app.spec import specify
from swelld.hub.servers import Servers, Tell, watched
from swelld.sim import SimOptions, simulated
from swelld_exporters.server_metrics.engines import Quantity

Told = list[tuple[int, Mapping[Quantity, float] | None]]


def ignore(target: int, levels: Mapping[Quantity, float] | None) -> None:
    """Somebody who wants to know, and makes nothing of it."""


async def looks(folder: Path, url: str, count: int) -> Told:
    """The first looks, of which there have to be so many within ten seconds."""
    told: Told = []
    enough = asyncio.Event()

    def hear(target: int, levels: Mapping[Quantity, float] | None) -> None:
        told.append((target, levels))
        if len(told) >= count:
            enough.set()

    servers = servers_of(folder, url, "20ms", hear)
    await servers.begin()
    await asyncio.wait_for(enough.wait(), 10.0)
    await servers.end()
    return told


def servers_of(folder: Path, url: str, interval: str, tell: Tell | None) -> Servers:
    target = one_target(url, metrics={"url": f"{url}/metrics", "interval": interval})
    spec = specify(settings_for(folder, target, {"load": "1/s", "duration": "1m"}), "test")
    return Servers(spec, tell=tell)


async def test_levels_are_told(tmp_path: Path) -> None:
    with simulated(SimOptions(mode="realistic", model="tiny")) as url:
        told = await looks(tmp_path, url, 3)
    for target, levels in told:
        assert target == 0
        assert levels is not None
        assert (levels[Quantity.WAITING], levels[Quantity.RUNNING]) == (0.0, 0.0)


async def test_a_look_that_fails_is_told_as_none(tmp_path: Path) -> None:
    assert set(await looks(tmp_path, "http://127.0.0.1:1", 2)) == {(0, None)}


def test_a_long_interval_is_cut_to_a_second_where_somebody_waits(tmp_path: Path) -> None:
    cases: list[tuple[str, Tell | None, float]] = [("5s", ignore, 1.0), ("5s", None, 5.0), ("200ms", ignore, 0.2)]
    for interval, tell, seconds in cases:
        (server,) = servers_of(tmp_path, "http://127.0.0.1:1", interval, tell)._servers.values()
        assert server.interval == seconds


def test_without_metrics_nobody_is_told(tmp_path: Path) -> None:
    spec = specify(settings_for(tmp_path, one_target("http://127.0.0.1:1"), {"load": "1/s", "duration": "1m"}), "test")
    assert watched(spec, tell=ignore) == []
