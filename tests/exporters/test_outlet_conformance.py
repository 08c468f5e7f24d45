"""What every exporter behind an outlet has to stand; whatever `components.EXPORTERS` lists is enrolled by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exchanges import bad, exchanged, good
from swelld.components import EXPORTERS
from swelld.config import Config
from swelld_exporters import names
from swelld_exporters.base import Exchanged
from swelld_exporters.outlet import Outlet
from swelld_exporters.prometheus.registry import Registry

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]

BATCH = [exchanged(), exchanged(bad()), exchanged(good(index=8), thresholds={"e2e": 1.0})]
FLUSH = 0.5
LONG = 20.0
"""Seconds after which something hangs."""


async def takes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: bytes = b"200 OK") -> None:
    """Any HTTP request gets an empty answer."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.partition(b":")[2]))
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % status)
        await writer.drain()
    finally:
        writer.close()


async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await takes(reader, writer, b"503 Service Unavailable")


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.read()
    finally:
        writer.close()


@asynccontextmanager
async def consumer(*answers: Answer) -> AsyncIterator[str]:
    """Serves one connection after the other by these, the last one for ever; a URL."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def nobody() -> str:
    """A URL where nothing listens any more."""
    async with consumer(takes) as url:
        pass
    return url


def enabled(kind: type[Config], url: str, folder: Path) -> dict[str, Any]:
    """Settings that switch everything on and lead to this URL or folder."""
    found: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        if name == "enabled":
            found[name] = True
        elif name in ("endpoint", "url"):
            found[name] = url
        elif name in ("dir", "path"):
            found[name] = folder
        elif isinstance(field.default, Config):
            found[name] = enabled(type(field.default), url, folder)
    return found


def opened(kind: str, url: str, folder: Path, registry: Registry) -> Sequence[Outlet[Exchanged]]:
    settings = EXPORTERS[kind].model_validate(enabled(EXPORTERS[kind], url, folder))
    outlets = settings.open(registry).exchanges
    assert outlets, f"exporters.{kind} opens no outlet when it is switched on: teach `enabled` its settings"
    for outlet in outlets:
        outlet.limits = replace(outlet.limits, flush=FLUSH)
    return outlets


every = pytest.mark.parametrize("kind", EXPORTERS)


@every
async def test_unused_it_may_be_closed_and_closed_again(kind: str, tmp_path: Path) -> None:
    for outlet in opened(kind, await nobody(), tmp_path, Registry()):
        async with asyncio.timeout(LONG):
            await outlet._exporter.aclose()
            await outlet._exporter.aclose()
            await outlet.aclose()
            await outlet.aclose()


@every
async def test_a_batch_is_delivered_untouched_and_closing_comes_twice(kind: str, tmp_path: Path) -> None:
    async with consumer(takes) as url:
        for outlet in opened(kind, url, tmp_path, Registry()):
            batch = list(BATCH)
            async with asyncio.timeout(LONG):
                await outlet._exporter.export(batch)
                await outlet._exporter.export(batch)
                await outlet._exporter.aclose()
                await outlet._exporter.aclose()
            assert all(one is known for one, known in zip(batch, BATCH, strict=True))
            assert batch[0].measurement == good()


@every
async def test_after_a_failure_it_delivers(kind: str, tmp_path: Path) -> None:
    async with consumer(refuses, takes) as url:
        for outlet in opened(kind, url, tmp_path, Registry()):
            async with asyncio.timeout(LONG):
                await asyncio.gather(outlet._exporter.export(BATCH), return_exceptions=True)
                await outlet._exporter.export(BATCH)
                await outlet._exporter.aclose()


@every
async def test_a_slow_consumer_can_be_left_and_the_exporter_still_closes(kind: str, tmp_path: Path) -> None:
    async with consumer(hangs) as url:
        for outlet in opened(kind, url, tmp_path, Registry()):
            exporting = asyncio.create_task(outlet._exporter.export(BATCH))
            await asyncio.wait({exporting}, timeout=0.2)
            exporting.cancel()
            async with asyncio.timeout(LONG):
                await asyncio.gather(exporting, return_exceptions=True)
                await outlet.aclose()


@every
@pytest.mark.parametrize("answer", [takes, refuses, hangs, None], ids=["takes", "refuses", "hangs", "dead"])
async def test_whatever_the_consumer_does_everything_is_accounted_for_in_time(
    kind: str, answer: Answer | None, tmp_path: Path
) -> None:
    async with consumer(answer or takes) as url:
        registry = Registry()
        for outlet in opened(kind, url if answer else await nobody(), tmp_path, registry):
            outlet.put(BATCH)
            async with asyncio.timeout(LONG):
                await outlet.aclose()
            exported, dropped = (
                registry.counter(metric).labels(outlet.name).value
                for metric in (names.OUTLET_EXPORTED, names.OUTLET_DROPPED)
            )
            assert exported + dropped == len(BATCH)
            assert exported == len(BATCH) or answer is not takes
            assert outlet.held == 0
