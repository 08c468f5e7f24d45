"""One-shot runs on their way into the store, once they are over."""

import asyncio
from collections.abc import Sequence

from swelld.result import Result
from swelld.store.base import StageDistributions
from swelld.store.settings import Store


def enter(settings: Store, finished: Sequence[tuple[Result, Sequence[StageDistributions]]]) -> None:
    """Write results to the store, within seconds; where it does not take them they go to its spool, and that is
    logged. ValueError or StoreError if the settings name no database that can be used."""
    from swelld.store.runs import StoredRuns

    async def write() -> None:
        runs = StoredRuns(settings)
        try:
            for result, distributions in finished:
                await runs.finish(result, distributions)
        finally:
            await runs.aclose()

    asyncio.run(write())
