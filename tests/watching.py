"""A watch for targets whose news are kept."""

import asyncio
from typing import Any

from swelld.discovery.settings import Discovery
from swelld.discovery.targets import Found
from swelld.discovery.watch import Watch
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.text import render

DEADLINE = 10.0


class Watching:
    """A watch and what it told."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.news: asyncio.Queue[Found] = asyncio.Queue()
        self.watch = Watch(self.registry, self.news.put_nowait, settle=0.05)

    async def first(self, *entries: dict[str, Any], reserved: tuple[str, ...] = ()) -> dict[str, str]:
        """Begin, or go on with others; URLs by name."""
        settings = [Discovery.model_validate({"refresh": "20ms", **entry}) for entry in entries]
        return urls(await self.watch.begin(settings, reserved))

    async def next(self) -> dict[str, str]:
        """What it tells next."""
        async with asyncio.timeout(DEADLINE):
            return urls(await self.news.get())

    async def until(self, line: str) -> None:
        """Wait for a line of /metrics."""
        async with asyncio.timeout(DEADLINE):
            while line not in self.lines():  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

    async def looks(self, kind: str, more: int = 3) -> None:
        """Wait until it has looked again so many times."""
        goal = self.value(f'swelld_discovery_refreshes_total{{kind="{kind}"}}') + more
        async with asyncio.timeout(DEADLINE):
            while self.value(f'swelld_discovery_refreshes_total{{kind="{kind}"}}') < goal:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)

    def value(self, series: str) -> float:
        """Of one series."""
        (found,) = [line for line in self.lines() if line.startswith(f"{series} ")]
        return float(found.rpartition(" ")[2])

    def lines(self) -> list[str]:
        """Of /metrics."""
        return render(self.registry).decode().splitlines()


def urls(found: Found) -> dict[str, str]:
    """Of targets by name."""
    return {name: target.url for name, target in found.items()}
