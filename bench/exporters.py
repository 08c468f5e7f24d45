"""CPU time of each exporter for one exchange: `.venv/bin/python bench/exporters.py`."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from aiohttp import web

from swelld.clock import WallClock, now
from swelld.columns import columns
from swelld.measurement import Measurement, Outcome, TokenSource
from swelld_exporters.base import Exchanged, Origin
from swelld_exporters.files import RequestsFile
from swelld_exporters.otlp.settings import OtlpSettings
from swelld_exporters.outlet import Outlet
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.requests import RequestLabels, RequestMetrics

EXCHANGES = 20_000
BATCH = 500
TOKENS = 100


def exchanges(*, sampled: bool) -> list[Exchanged]:
    """Good streamed answers of 100 tokens, 20 ms apart."""
    wall = WallClock()
    origin = Origin("run", "bench", "rate=100", "t", "m", "http://h:8000", "openai_chat", now(), wall, {"ttft": 1.0})
    rng = np.random.default_rng(1)
    found = []
    for index in range(EXCHANGES):
        sent = now()
        tokens = sent + 0.1 + np.cumsum(rng.normal(0.02, 0.004, TOKENS).clip(0.001))
        m = Measurement(
            stage=0, target=0, index=index, warmup=False, outcome=Outcome.OK, status=200, due=sent, sent=sent,
            first_byte=sent + 0.09, first_answer=float(tokens[0]), end=float(tokens[-1]), tokens_at=tokens.tobytes(),
            input_tokens=128, output_tokens=TOKENS, token_source=TokenSource.SERVER, finish_reason="stop",
            prompt="synthetic-1", trace_id=f"{rng.integers(2**62):032x}", span_id=f"{rng.integers(2**62):016x}",
            sampled=sampled,
        )  # fmt: skip
        found.append(Exchanged(origin, m))
    return found


async def through(outlet: Outlet[Exchanged], found: list[Exchanged]) -> None:
    """As the hub feeds it, as fast as it takes them."""
    for start in range(0, len(found), BATCH):
        while outlet.held > outlet.limits.queue - BATCH:  # noqa: ASYNC110 - an outlet tells nobody that it has room
            await asyncio.sleep(0.001)
        outlet.put(found[start : start + BATCH])
        await asyncio.sleep(0)
    await outlet.aclose()


async def cost(name: str, feed: Callable[[], Awaitable[None]]) -> None:
    began = time.process_time()
    await feed()
    spent = (time.process_time() - began) / EXCHANGES
    print(f"{name:<58} {spent * 1e6:8.1f} us")


async def collector() -> tuple[web.AppRunner, str]:
    """Takes everything, unread: its own share of the CPU is small."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    application = web.Application(client_max_size=2**30)
    application.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def prometheus(found: list[Exchanged]) -> None:
    metrics = RequestMetrics(Registry(), WallClock())
    labels = RequestLabels("bench", "t", "m", "rate=100")
    for start in range(0, len(found), BATCH):
        batch = [one.measurement for one in found[start : start + BATCH]]
        metrics.observe(labels, columns(batch, {"ttft": 1.0}), valid=True)


async def files(found: list[Exchanged], folder: Path) -> None:
    origin = found[0].origin
    path = folder / "requests.jsonl"
    with RequestsFile(path, stages=["s"], targets=[("t", "m")], origin=origin.started, wall=origin.wall) as file:
        for start in range(0, len(found), BATCH):
            file.write([one.measurement for one in found[start : start + BATCH]])


async def main() -> None:
    drawn, undrawn = exchanges(sampled=True), exchanges(sampled=False)
    runner, url = await collector()

    def otlp(**settings: Any) -> Outlet[Exchanged]:
        (outlet,) = (
            OtlpSettings.model_validate({"enabled": True, "endpoint": url, **settings}).open(Registry()).exchanges
        )
        return outlet

    metrics = {"traces": False, "metrics": {"enabled": True}}
    print(
        f"CPU for one exchange of {TOKENS} tokens, mean of {EXCHANGES}; a collector in the same process takes its part"
    )
    await cost("/metrics (columns and observe)", lambda: prometheus(undrawn))
    with TemporaryDirectory() as folder:
        await cost("requests.jsonl", lambda: files(undrawn, Path(folder)))
    await cost("OTLP traces, an exchange that is sampled", lambda: through(otlp(), drawn))
    await cost("OTLP traces, gzip, an exchange that is sampled", lambda: through(otlp(compression="gzip"), drawn))
    await cost("OTLP traces, an exchange that gets no span", lambda: through(otlp(), undrawn))
    await cost("OTLP traces, likewise, with `slow`", lambda: through(otlp(slow=60.0), undrawn))
    await cost("OTLP metrics", lambda: through(otlp(**metrics), undrawn))
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
