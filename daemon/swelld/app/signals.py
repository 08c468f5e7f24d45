"""The first Ctrl-C drains, the second forces."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stopping(stop: Callable[[bool], None]) -> Iterator[None]:
    """SIGINT and SIGTERM call `stop(force)`, with force from the second one on."""
    loop = asyncio.get_running_loop()
    asked = 0

    def hear() -> None:
        nonlocal asked
        asked += 1
        stop(asked > 1)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, hear)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def done_before(starting: Coroutine[Any, Any, None], stopping: asyncio.Event) -> bool:
    """Whether it was done before the event was set, else it is cancelled; raises what it raises."""
    start, stop = asyncio.create_task(starting), asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((start, stop), return_when=asyncio.FIRST_COMPLETED)
    finally:
        start.cancel()  # of no effect once it is done
        stop.cancel()
    await asyncio.wait((start, stop))
    if not start.cancelled():
        start.result()
    return not stopping.is_set()
