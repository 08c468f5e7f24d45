"""A real Alertmanager for tests, and somebody who is told by it."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

DEADLINE = 30.0


def program() -> str:
    """Where it is; without it the test is skipped, except in CI."""
    if found := shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"):
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("Alertmanager is missing: apt-get install prometheus-alertmanager")
    pytest.skip("Alertmanager is not installed (Debian: apt-get install prometheus-alertmanager)")


def _written(folder: Path, config: Mapping[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(dict(config)))
    return file


@asynccontextmanager
async def alertmanager_server(folder: Path, config: Mapping[str, Any]) -> AsyncIterator[str]:
    """Its URL; it is alone, and on a port of its own choice."""
    file = _written(folder, config)
    process = await asyncio.create_subprocess_exec(
        program(),
        f"--config.file={file}",
        f"--storage.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    try:
        said = b""
        async with asyncio.timeout(DEADLINE):
            while not (found := re.search(rb"\baddress=(127\.0\.0\.1:[1-9]\d*)", said)):
                line = await process.stderr.readline()
                assert line, f"Alertmanager ended: {said.decode()}"
                said += line
        reading = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
        try:
            yield f"http://{found[1].decode()}"
        finally:
            process.kill()
            await reading
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


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
