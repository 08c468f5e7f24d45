"""The first Ctrl-C drains, the second forces."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
