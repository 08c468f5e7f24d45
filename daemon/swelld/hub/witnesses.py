"""Those who watch something beside the load while a run goes on."""

import asyncio
from collections.abc import Sequence
from typing import Any

from swelld.hub.spec import Witness


async def dismissed(witnesses: Sequence[Witness], forced: asyncio.Event) -> list[BaseException]:
    """Ends them all, and returns what failed; once `forced` is set nobody waits for them any more."""
    ending = [asyncio.create_task(witness.end()) for witness in witnesses]
    impatient = asyncio.create_task(forced.wait())
    ended = asyncio.gather(*ending, return_exceptions=True)
    either: list[asyncio.Future[Any]] = [ended, impatient]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*ending, impatient):
            task.cancel()
        await asyncio.wait([*ending, impatient])
    return [error for error in ended.result() if error and not isinstance(error, asyncio.CancelledError)]
