"""`Runs` on a database: what the daemon, the API and the command line have in hand."""

import asyncio
import logging
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from swelld.result import Result
from swelld.store import changes, queries
from swelld.store.base import Filter, Listing, Page, RunRow, RunSummary, StageDistributions, State
from swelld.store.database import Database
from swelld.store.files import StoreError
from swelld.store.life import this_life
from swelld.store.metrics import StoreMetrics
from swelld.store.record import Record, snapshot
from swelld.store.rows import row_of, unix
from swelld.store.saving import Saver
from swelld.store.settings import Store
from swelld.store.spool import Spool
from swelld.store.writer import Health, Writer
from swelld_exporters.prometheus.registry import Registry

log = logging.getLogger(__name__)

KEEPING_SECONDS: Final = 60.0
"""Between two rounds of housekeeping."""
RETRY_SECONDS: Final = 5.0
"""The same while the database does not work."""


class StoredRuns:
    """The runs of one database, signed with this daemon's name."""

    def __init__(self, settings: Store, registry: Registry | None = None) -> None:
        """StoreError or ValueError if the settings name no database that can be used. Nothing is opened yet."""
        self._settings = settings
        self.instance = settings.instance or socket.gethostname()
        self._life = this_life()
        self._database = Database(settings.database())
        self._health = Health(self._database.place, StoreMetrics(registry or Registry()))
        self._spool = Spool(settings.dir / "spool", self.instance)
        self._saver = Saver(self._database, self.instance, self._life)
        self._writer = Writer(self._saver, self._health, self._spool)
        self._under_way: dict[str, Record] = {}
        self._keeping: asyncio.Task[None] | None = None
        self._spool_taken = False

    async def start(self) -> None:
        """Open the database and begin with housekeeping. A database that cannot be reached is tried again and again;
        StoreError only for one that this version cannot read."""
        first = await self._keep_house()
        self._keeping = asyncio.create_task(self._keep(first))

    async def begin(self, row: RunRow) -> None:
        self._submit(Record(row, "pending", time.time()))

    async def checkpoint(
        self, result: Result, distributions: Sequence[StageDistributions] = (), state: State = "running"
    ) -> None:
        self._submit(self._record(result).follow(result, distributions, state, time.time()))

    async def finish(self, result: Result, distributions: Sequence[StageDistributions] = ()) -> None:
        self._submit(self._record(result).follow(result, distributions, result.run.state, unix(result.run.finished)))

    async def fail(self, run_id: str, finished: float, reason: str) -> None:
        if record := self._under_way.get(run_id):
            self._submit(record.fail(finished, reason))

    async def enter(self, result: Result) -> None:
        """A run that is over and was carried out elsewhere, unless it is there; StoreError where it cannot be
        written."""
        if await self.summary(result.run.id) is not None:
            return
        record = self._record(result).follow(result, (), result.run.state, unix(result.run.finished))
        try:
            await self._saver.save(record)
        except (SQLAlchemyError, OSError) as error:
            raise self._database.trouble(error) from error

    async def list(self, wanted: Filter = Filter(), page: Page = Page()) -> Listing:  # noqa: B008 - frozen
        async with self._database.read() as connection:
            return await queries.listing(connection, wanted, page)

    async def summary(self, run_id: str) -> RunSummary | None:
        async with self._database.read() as connection:
            return await queries.summary(connection, run_id)

    async def get(self, run_id: str) -> Result | None:
        waiting = self._writer.waiting(run_id)
        if waiting is not None and waiting.result is not None:
            return waiting.result
        async with self._database.read() as connection:
            return await queries.result(connection, run_id)

    async def distributions(self, run_id: str) -> tuple[StageDistributions, ...]:
        waiting = self._writer.waiting(run_id)
        if waiting is not None and waiting.result is not None:
            return tuple(snapshot(one) for one in waiting.distributions)
        async with self._database.read() as connection:
            return await queries.distributions(connection, run_id)

    async def annotate(
        self, run_id: str, note: str | None = None, labels: Mapping[str, str | None] | None = None
    ) -> bool:
        labels = labels or {}
        waits = self._annotate_waiting(run_id, note, labels)
        async with self._writer.between_writes, self._database.change() as connection:
            return await changes.annotate(connection, run_id, note, labels) or waits

    async def delete(self, run_id: str) -> bool:
        if run_id in self._under_way:
            raise StoreError(f"run {run_id} is under way: cancel it first")
        waited = await self._writer.forget(run_id)
        async with self._database.change() as connection:
            return await changes.remove(connection, run_id) or waited

    async def interrupt_lost(self) -> tuple[str, ...]:
        async with self._database.change() as connection:
            lost = await changes.interrupt_lost(connection, self.instance, self._life, time.time())
        for run_id in lost:
            log.warning("run %s was lost with its process: it is interrupted", run_id)
        return lost

    async def prune(self) -> int:
        total = 0
        keep = (self._settings.keep_runs, self._settings.keep_for)
        while True:
            async with self._database.change() as connection:
                total += (found := await changes.prune(connection, *keep, time.time()))
            if found < changes.AT_A_TIME:
                return total

    async def aclose(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        await self._writer.aclose()
        await self._database.aclose()

    def _record(self, result: Result) -> Record:
        return self._under_way.get(result.run.id) or Record(row_of(result), "pending", unix(result.run.started))

    def _submit(self, record: Record) -> None:
        if record.over:
            self._under_way.pop(record.row.id, None)
        else:
            self._under_way[record.row.id] = record
        self._writer.submit(record)

    def _annotate_waiting(self, run_id: str, note: str | None, labels: Mapping[str, str | None]) -> bool:
        """A run that the database has never seen takes note and labels along."""
        present = self._writer.waiting(run_id) or self._under_way.get(run_id)
        if present is None:
            return False
        merged = {**present.row.labels, **labels}
        kept = {name: value for name, value in merged.items() if value is not None}
        row = msgspec.structs.replace(present.row, note=present.row.note if note is None else note, labels=kept)
        if self._writer.waiting(run_id):
            self._writer.replace(replace(present, row=row))
        if run_id in self._under_way:
            self._under_way[run_id] = replace(self._under_way[run_id], row=row)
        return True

    async def _keep(self, good: bool) -> None:
        while True:
            await asyncio.sleep(KEEPING_SECONDS if good else RETRY_SECONDS)
            try:
                good = await self._keep_house()
            except Exception as error:  # whatever it is, it is tried again
                self._health.bad(error)
                log.debug("housekeeping failed", exc_info=error)
                good = False

    async def _keep_house(self) -> bool:
        """Whether the database works."""
        try:
            await self.interrupt_lost()
            await self._take_spool()
            await self.prune()
        except StoreError as error:
            if error.__cause__ is None:
                raise
            self._health.bad(error.__cause__)
            return False
        self._health.good()
        return True

    async def _take_spool(self) -> None:
        """Once: results that an earlier life could not write."""
        if self._spool_taken:
            return
        for record, instance in await asyncio.to_thread(lambda: [*self._spool.read()]):
            self._writer.submit(record, instance, spooled=True)
        self._spool_taken = True
