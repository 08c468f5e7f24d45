"""A daemon in the test's own event loop, steered as its API does it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from swelld.app.daemon import Daemon
from swelld.app.steering import Steering
from swelld.settings import Settings

SECONDS = 30.0
"""For anything that should happen."""


def settings(folder: Path, url: str, scenarios: dict[str, Any], **more: Any) -> Settings:
    """With one target, `sim`, unless others are given; the load is in the same process."""
    data = {"targets": {"sim": {"url": url, "model": "m", "metrics": "off"}}, "shards": "inline"}
    web = {"listen": "127.0.0.1:0"}
    return Settings.model_validate(
        {**data, "store": {"dir": folder / "state"}, "scenarios": scenarios, "web": web, **more}
    )


@asynccontextmanager
async def serving(wanted: Settings, **more: Any) -> AsyncIterator[tuple[Daemon, Steering]]:
    """From its start to its end, which has to come soon."""
    daemon = Daemon(wanted, ("swelld",), **more)
    ready = asyncio.Event()
    life = asyncio.create_task(daemon.serve(lambda _: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait((life, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if life.done():
            life.result()
        yield daemon, Steering(daemon)
    finally:
        daemon.stop()
        await asyncio.wait_for(life, SECONDS)
        assert daemon.conductor.under_way == {}


async def until(true: Callable[[], Any]) -> Any:
    """What it comes to, once it is true."""
    async with asyncio.timeout(SECONDS):
        while not (found := true()):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        return found


def shown(daemon: Daemon, name: str, *labels: str) -> float | None:
    """The value of a counter or gauge; None if there is no such series."""
    for family in daemon.registry.families():
        if family.metric.name == name and (series := family.series.get(labels)) is not None:
            return float(getattr(series.value, "value"))  # noqa: B009 - a histogram has none
    return None
