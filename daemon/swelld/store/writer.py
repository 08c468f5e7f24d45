"""The way into the database: nobody waits for it, and what it does not take now it is offered again."""

import asyncio
import contextlib
import logging
from typing import Final, Protocol

from swelld.store.database import describe, reason_of
from swelld.store.metrics import StoreMetrics
from swelld.store.record import Record
from swelld.store.spool import Spool

log = logging.getLogger(__name__)

MOST_PENDING: Final = 1000
"""Runs that wait to be written; beyond it the one that has waited longest is given up."""
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 15.0
CLOSE_SECONDS: Final = 5.0
"""For what still waits when the store is closed."""


class Saves(Protocol):
    """Whoever writes a record; see `Saver`."""

    async def save(self, record: Record, instance: str | None = None) -> None:
        """Raises whatever the database does."""


class Health:
    """Whether the database works: told to the metrics always, to the log when it changes."""

    def __init__(self, place: str, metrics: StoreMetrics) -> None:
        self.metrics = metrics
        self._place = place
        self._reason: str | None = None

    def good(self) -> None:
        """It did what it was asked."""
        self.metrics.up(up=True)
        if self._reason is not None:
            log.info("the store %s works again", self._place)
        self._reason = None

    def bad(self, error: BaseException) -> str:
        """It did not; the reason."""
        reason = reason_of(error)
        self.metrics.up(up=False)
        if reason != self._reason:
            text = "the store %s does not work (%s: %s): runs go on, and what they come to is kept until it does"
            log.error(text, self._place, reason, describe(error))
        self._reason = reason
        return reason


class Writer:
    """Writes the newest record of each run, one at a time, for as long as it takes."""

    def __init__(self, saver: Saves, health: Health, spool: Spool, first_pause: float = FIRST_PAUSE) -> None:
        self._saver = saver
        self._health = health
        self._metrics = health.metrics
        self._spool = spool
        self._first_pause = first_pause
        self._pending: dict[str, Record] = {}
        self._elsewhere: dict[str, str] = {}  # run -> instance, of records that are not of this daemon
        self._spooled: set[str] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._living: asyncio.Task[None] | None = None
        self.between_writes = asyncio.Lock()
        """Held during a write: whoever takes it finds in the database what has been said before."""

    def submit(self, record: Record, instance: str | None = None, *, spooled: bool = False) -> None:
        """Take over a record; an older one of the same run is forgotten. `spooled` if a file of the spool holds it."""
        run_id = record.row.id
        if run_id not in self._pending and len(self._pending) >= MOST_PENDING:
            self._give_up(next(iter(self._pending)))
        self._pending[run_id] = record
        self._spooled.discard(run_id)
        if spooled:
            self._spooled.add(run_id)
        if instance is not None:
            self._elsewhere[run_id] = instance
        self._metrics.pending(len(self._pending))
        self._idle.clear()
        self._wake.set()
        if self._living is None:
            self._living = asyncio.create_task(self._live())

    def waiting(self, run_id: str) -> Record | None:
        """The record of a run that is not in the database yet."""
        return self._pending.get(run_id)

    def replace(self, record: Record) -> None:
        """Put another record in the place of one that waits."""
        self._pending[record.row.id] = record
        self._spooled.discard(record.row.id)

    async def forget(self, run_id: str) -> bool:
        """Write nothing more of a run; whether anything waited."""
        found = self._pending.pop(run_id, None) is not None
        self._settle()
        async with self.between_writes:
            await asyncio.to_thread(self._spool.drop, run_id)
        return found

    async def aclose(self, seconds: float = CLOSE_SECONDS) -> None:
        """Write what waits; what cannot be written in that time goes to the spool, as far as it is finished."""
        if self._living is None:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)
        self._living.cancel()
        await asyncio.wait([self._living])
        self._living = None
        for record in self._pending.values():
            await self._keep(record)
        lost = len(self._pending.keys() - self._spooled)
        if lost:
            log.error("the last state of %d %s could not be written", lost, "run" if lost == 1 else "runs")

    async def _live(self) -> None:
        pause = self._first_pause
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                if await self._write(next(iter(self._pending.values()))):
                    pause = self._first_pause
                    continue
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _write(self, record: Record) -> bool:
        """Whether there is any point in going on with the next one at once."""
        run_id = record.row.id
        try:
            async with self.between_writes:
                await self._saver.save(record, self._elsewhere.get(run_id))
        except Exception as error:  # whatever it is, other runs go on being written
            reason = self._health.bad(error)
            self._metrics.failed(reason)
            await self._keep(record)
            if reason != "refused":
                return False
            log.error("run %s cannot be stored: %s", run_id, describe(error), exc_info=error)
            if self._pending.get(run_id) is record:
                self._give_up(run_id)
            return True
        self._health.good()
        self._metrics.wrote()
        if self._pending.get(run_id) is record:
            del self._pending[run_id]
            self._elsewhere.pop(run_id, None)
            if run_id in self._spooled:
                self._spooled.discard(run_id)
                await asyncio.to_thread(self._spool.drop, run_id)
        self._settle()
        return True

    async def _keep(self, record: Record) -> None:
        """A finished run is written to a file, once."""
        run_id = record.row.id
        if not record.over or run_id in self._spooled:
            return
        async with self.between_writes:
            if run_id in self._pending and await asyncio.to_thread(self._spool.put, record):
                self._spooled.add(run_id)

    def _give_up(self, run_id: str) -> None:
        del self._pending[run_id]
        self._elsewhere.pop(run_id, None)
        if run_id not in self._spooled:
            self._metrics.lost()
        self._spooled.discard(run_id)
        self._settle()

    def _settle(self) -> None:
        self._metrics.pending(len(self._pending))
        if not self._pending:
            self._idle.set()
