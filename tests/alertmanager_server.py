"""A real Alertmanager for tests, and somebody who is told by it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

import listening_server


def program() -> str:
    """Where it is; without it the test is skipped, except in CI."""
    return listening_server.program("prometheus-alertmanager", "alertmanager", package="prometheus-alertmanager")


def _written(folder: Path, config: Mapping[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(dict(config)))
    return file


@asynccontextmanager
async def alertmanager_server(folder: Path, config: Mapping[str, Any]) -> AsyncIterator[str]:
    """Its URL; it is alone, and on a port of its own choice."""
    options = (
        f"--config.file={_written(folder, config)}",
        f"--storage.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
    )
    async with listening_server.listening(program(), *options, said=rb"\baddress=(127\.0\.0\.1:[1-9]\d*)") as address:
        yield f"http://{address}"


@dataclass
class Told:
    """What came in at a webhook."""

    url: str = ""
    alerts: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, status: str) -> dict[str, Any]:
        """Wait for an alert that is `firing` or `resolved`."""
        while not (found := [alert for alert in self.alerts if alert["status"] == status]):  # noqa: ASYNC110 - a poll is enough
            await asyncio.sleep(0.1)
        return found[0]


@asynccontextmanager
async def webhook() -> AsyncIterator[Told]:
    """A receiver on a free port of loopback."""
    told = Told()

    async def take(request: web.Request) -> web.Response:
        told.alerts += (await request.json())["alerts"]
        return web.Response()

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield told
    finally:
        await runner.cleanup()
