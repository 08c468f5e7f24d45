"""Writing records: each in one transaction, only what has changed since the last one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Table, delete, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from swelld.result import SCHEMA_NAME, Result, StageResult
from swelld.store import tables
from swelld.store.blobs import pack_result
from swelld.store.database import Database
from swelld.store.record import Record
from swelld.store.rows import (
    Row,
    begun,
    by_position,
    clean,
    distribution_rows,
    error_rows,
    finding_rows,
    gpu_rows,
    headline,
    server_rows,
    stage_row,
    statistics_rows,
)

STAGE_TABLES: Final = (tables.RUN_STAGES, tables.RUN_STATISTICS, tables.RUN_DISTRIBUTIONS, tables.RUN_ERRORS)
RUN_TABLES: Final = (tables.RUN_FINDINGS, tables.RUN_SERVERS, tables.RUN_GPUS, tables.RUN_DOCUMENTS)

_KEPT: Final = ("id", "note")
"""Columns of `runs` that are written once: a person may have changed them since."""


@dataclass(slots=True)
class _Changes:
    """The rows that a record comes to."""

    run: Row
    labels: list[Row] = field(default_factory=list)
    targets: list[Row] = field(default_factory=list)
    positions: list[int] | None = None
    """Stages that are written anew; None if all are."""
    rows: dict[Table, list[Row]] = field(default_factory=dict)


class Saver:
    """Writes the records of one daemon."""

    def __init__(self, database: Database, instance: str, life: str) -> None:
        self._database = database
        self._instance = instance
        self._life = life
        self._written: dict[str, list[StageResult]] = {}

    async def save(self, record: Record, instance: str | None = None) -> None:
        """The record replaces what is stored of its run, but for note and labels; `instance` if it was not this one.

        Whatever goes wrong is an SQLAlchemyError, OSError or TimeoutError, and leaves the run as it was stored.
        """
        row = record.row
        written = [] if record.over else self._written.get(row.id, [])
        changes = await asyncio.to_thread(_changes, record, written)
        changes.run |= {"instance": instance or self._instance, "life": self._life}
        async with self._database.begin() as connection:
            await self._write(connection, record, changes)
        if record.over:
            self._written.pop(row.id, None)
        elif record.result is not None:
            self._written[row.id] = list(record.result.stages)

    async def _write(self, connection: AsyncConnection, record: Record, changes: _Changes) -> None:
        new = await self._upsert(connection, changes.run)
        if new:
            await _fill(connection, tables.RUN_LABELS, changes.labels)
            await _fill(connection, tables.RUN_TARGETS, changes.targets)
        if record.result is None:
            return
        for table in STAGE_TABLES:
            if not new:
                of_run = delete(table).where(table.c.run_id == record.row.id)
                here = changes.positions
                await connection.execute(of_run if here is None else of_run.where(table.c.position.in_(here)))
            await _fill(connection, table, changes.rows[table])
        for table in RUN_TABLES:
            if not new:
                await connection.execute(delete(table).where(table.c.run_id == record.row.id))
            await _fill(connection, table, changes.rows[table])

    async def _upsert(self, connection: AsyncConnection, row: Row) -> bool:
        """Whether the run was not there yet."""
        made = sqlite.insert if self._database.dialect == "sqlite" else postgresql.insert
        statement = made(tables.RUNS).values(row).on_conflict_do_nothing()
        if (await connection.execute(statement)).rowcount == 1:
            return True
        changed = {name: value for name, value in row.items() if name not in _KEPT}
        await connection.execute(tables.RUNS.update().where(tables.RUNS.c.id == row["id"]).values(changed))
        return False


async def _fill(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await connection.execute(insert(table), list(rows))


def _changes(record: Record, written: Sequence[StageResult]) -> _Changes:
    row = record.row
    run = begun(row) | {
        "state": record.state,
        "heartbeat": record.at,
        "finished": record.at if record.over else None,
        "duration": record.at - row.started,
        "reason": None if record.reason is None else clean(record.reason),
    }
    found = _Changes(run)
    found.labels = [{"run_id": row.id, "name": clean(n), "value": clean(v)} for n, v in row.labels.items()]
    found.targets = [{"run_id": row.id, "name": one.name, "model": one.model} for one in row.targets]
    if record.result is not None:
        run |= headline(record.result)
        _add_result(found, record.result, record, written)
    return found


def _add_result(found: _Changes, result: Result, record: Record, written: Sequence[StageResult]) -> None:
    run_id = record.row.id
    stages = list(enumerate(result.stages))
    changed = [(p, s) for p, s in stages if p >= len(written) or written[p] != s]
    spread = by_position(result, record.distributions)
    found.positions = [position for position, _ in changed] if written else None
    found.rows = {
        tables.RUN_STAGES: [stage_row(run_id, *one) for one in changed],
        tables.RUN_STATISTICS: [row for one in changed for row in statistics_rows(run_id, *one)],
        tables.RUN_ERRORS: [row for one in changed for row in error_rows(run_id, *one)],
        tables.RUN_DISTRIBUTIONS: [row for p, _ in changed for row in distribution_rows(run_id, p, spread.get(p, {}))],
        tables.RUN_FINDINGS: finding_rows(result),
        tables.RUN_SERVERS: server_rows(result),
        tables.RUN_GPUS: gpu_rows(result),
        tables.RUN_DOCUMENTS: [{"run_id": run_id, "format": SCHEMA_NAME, "data": pack_result(result)}],
    }
