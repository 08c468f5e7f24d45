"""A real Prometheus, as long as a test needs it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml

import listening_server


def program(name: str) -> str:
    """Where it is; without it the test is skipped, except in CI."""
    return listening_server.program(name, package="prometheus")


@dataclass
class Prometheus:
    """A server that scrapes; every answer is waited for only briefly."""

    session: aiohttp.ClientSession
    url: str

    async def get(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer of its API; None while it is not ready."""
        async with self.session.get(f"{self.url}/api/v1/{path}", params=parameters) as response:
            if response.status == 503:
                return None
            answer = await response.json()
        assert answer["status"] == "success", answer
        return answer["data"]

    async def query(self, expression: str, by: str = "stage") -> dict[str, float]:
        """The value of a label -> value of the series."""
        data = await self.get("query", query=expression) or {"result": []}
        found = [(row["metric"].get(by, ""), float(row["value"][1])) for row in data["result"]]
        assert len(dict(found)) == len(found), (expression, data["result"])
        return dict(found)

    async def until(self, expression: str) -> None:
        """Wait until it has a series."""
        while not (await self.get("query", query=expression) or {"result": []})["result"]:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.1)

    async def problems(self) -> list[str]:
        """What went wrong with its last scrapes."""
        targets = (await self.get("targets"))["activeTargets"]
        return [target["lastError"] for target in targets if target["lastError"]]

    async def exemplars(self, expression: str) -> list[dict[str, Any]]:
        """All exemplars of some series."""
        found = await self.get("query_exemplars", query=expression, start="0", end="9999999999")
        return [exemplar for series in found for exemplar in series["exemplars"]]


def _config(folder: Path, targets: Mapping[str, str], more: Mapping[str, object]) -> Path:
    jobs = [
        {
            "job_name": job,
            "metrics_path": at.path,
            "honor_labels": job == "pushgateway",
            "static_configs": [{"targets": [at.netloc]}],
        }
        for job, at in ((job, urlsplit(url)) for job, url in targets.items())
    ]
    folder.mkdir(exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs, **more}))
    return file


@asynccontextmanager
async def prometheus(
    folder: Path, targets: Mapping[str, str], *features: str, more: Mapping[str, object] = MappingProxyType({})
) -> AsyncIterator[Prometheus]:
    """It scrapes every second; `targets` are URLs by job, `more` is for its configuration.

    It picks its own port, which is read from its log.
    """
    options = (
        f"--config.file={_config(folder, targets, more)}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        *([f"--enable-feature={','.join(features)}"] if features else []),
    )
    said = rb'"Listening on"[^\n]* address=(127\.0\.0\.1:[1-9]\d*)'
    async with (
        listening_server.listening(program("prometheus"), *options, said=said) as address,
        aiohttp.ClientSession() as session,
    ):
        yield Prometheus(session, f"http://{address}")
