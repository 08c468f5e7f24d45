"""Waiting for the shards of a run to be ready."""

import asyncio
from typing import Final

from swelld.engine.crew import Crew
from swelld.engine.plan import Broken, Died, Opened
from swelld.hub.spec import RunFailed

OPEN_SECONDS: Final = 60.0
"""How long shards may take to read prompts and look up targets."""


async def opened(crew: Crew, stopping: asyncio.Event) -> int | None:
    """The number of distinct prompts, once every shard is ready, or None once `stopping` is set; RunFailed if one
    cannot be made ready."""
    opening = asyncio.create_task(_all_opened(crew))
    stop = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({opening, stop}, timeout=OPEN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if opening.done():
            return opening.result()
        if stopping.is_set():
            return None
        raise RunFailed(f"the load processes were not ready within {OPEN_SECONDS:g} s")
    finally:
        opening.cancel()
        stop.cancel()
        await asyncio.gather(opening, stop, return_exceptions=True)


async def _all_opened(crew: Crew) -> int | None:
    distinct, deaths = None, 0
    waiting = set(range(crew.size))
    while waiting:
        report = await crew.reports.get()
        if isinstance(report, Broken):
            raise RunFailed(report.error)
        if isinstance(report, Died):
            deaths += 1  # it may have died of another run, so there is a second try
            if deaths > crew.size:
                raise RunFailed(f"a load process died before it was ready ({report.how}): see its message above")
            waiting.add(report.shard)
            await crew.restart(report.shard)
        elif isinstance(report, Opened):
            waiting.discard(report.shard)
            distinct = report.distinct_prompts
    return distinct
