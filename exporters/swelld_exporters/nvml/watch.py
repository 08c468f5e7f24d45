"""Reads the GPUs at an interval in a thread of its own: a driver call may take long, or never come back."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Final

from swelld_exporters.nvml.reading import Reading
from swelld_exporters.nvml.session import Session

log = logging.getLogger(__name__)

_LEAVE: Final = 2.0
"""Seconds that the thread has to end; one that hangs in the driver is left behind."""


class Watch:
    """From `start` to `aclose`; `deliver` is called in the event loop with each reading."""

    def __init__(self, session: Session, interval: float, deliver: Callable[[Reading], None]) -> None:
        self._session = session
        self._interval = interval
        self._deliver = deliver
        self._wake = threading.Event()
        self._stopping = False
        self._waiting: list[asyncio.Event] = []
        self._over = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to read, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="nvml", daemon=True)
        self._thread.start()

    async def refresh(self, timeout: float) -> bool:
        """A reading that begins after this call; False if there was none in time."""
        if self._over.is_set() or self._thread is None:
            return False
        read = asyncio.Event()
        self._waiting.append(read)
        self._wake.set()
        try:
            async with asyncio.timeout(timeout):
                await read.wait()
        except TimeoutError:
            return False
        return True

    async def aclose(self) -> None:
        """No more readings; may be called twice, and without a start."""
        self._stopping = True
        self._wake.set()
        if self._thread is None:
            return
        try:
            async with asyncio.timeout(_LEAVE):
                await self._over.wait()
        except TimeoutError:
            return

    def _run(self) -> None:
        try:
            while not self._stopping and not self._session.hopeless and self._read():
                self._wake.wait(self._interval)
            self._session.close()
        except Exception:
            log.exception("GPUs are no longer read")
        self._call(self._end)

    def _read(self) -> bool:
        self._wake.clear()
        waiting, self._waiting = self._waiting, []
        return self._call(self._take, self._session.read(), waiting)

    def _call(self, function: Callable[..., object], *arguments: object) -> bool:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody listens any more
            return False
        return True

    def _take(self, reading: Reading, waiting: list[asyncio.Event]) -> None:
        if not self._stopping:
            self._deliver(reading)
        for read in waiting:
            read.set()

    def _end(self) -> None:
        self._over.set()
        for read in self._waiting:
            read.set()
