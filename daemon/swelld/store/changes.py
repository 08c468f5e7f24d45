"""What changes a store besides the runs themselves: notes, labels, deleting, marking what was lost, forgetting."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from swelld.store.base import OVER
from swelld.store.files import StoreError
from swelld.store.life import ABANDONED, SILENCE, is_gone
from swelld.store.rows import clean
from swelld.store.tables import METADATA, RUN_LABELS, RUNS

AT_A_TIME: Final = 100
"""Runs that one transaction deletes at most."""


async def annotate(
    connection: AsyncConnection, run_id: str, note: str | None, labels: Mapping[str, str | None]
) -> bool:
    """Replace the note, set and take away labels; False if there is no such run."""
    if (await connection.execute(select(RUNS.c.id).where(RUNS.c.id == run_id))).first() is None:
        return False
    if note is not None:
        await connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(note=clean(note)))
    for name, value in labels.items():
        here = {"run_id": run_id, "name": clean(name)}
        await connection.execute(delete(RUN_LABELS).filter_by(**here))
        if value is not None:
            await connection.execute(RUN_LABELS.insert().values(here | {"value": clean(value)}))
    return True


async def remove(connection: AsyncConnection, run_id: str) -> bool:
    """Delete a run that is over; False if there is none, StoreError if it is under way."""
    row = (await connection.execute(select(RUNS.c.state).where(RUNS.c.id == run_id))).one_or_none()
    if row is None:
        return False
    if row.state not in OVER:
        raise StoreError(f"run {run_id} is under way: cancel it first")
    await _forget(connection, RUNS.c.id == run_id)
    return True


async def interrupt_lost(connection: AsyncConnection, instance: str, life: str, now: float) -> tuple[str, ...]:
    """Mark the unfinished runs whose process is gone; their ids. `life` is ours, `now` in Unix seconds."""
    lost = [
        row.id
        for row in await connection.execute(select(RUNS).where(RUNS.c.state.not_in(OVER), RUNS.c.life != life))
        if _is_lost(row.instance == instance, row.life, now - row.heartbeat)
    ]
    if lost:
        ended = {"state": "interrupted", "finished": RUNS.c.heartbeat, "duration": RUNS.c.heartbeat - RUNS.c.started}
        still = and_(RUNS.c.id.in_(lost), RUNS.c.state.not_in(OVER))
        await connection.execute(update(RUNS).where(still).values(ended))
    return tuple(lost)


def _is_lost(ours: bool, life: str, silence: float) -> bool:
    if not ours:
        return silence > ABANDONED
    gone = is_gone(life)
    return silence > SILENCE if gone is None else gone


async def prune(connection: AsyncConnection, keep_runs: int | None, keep_for: float | None, now: float) -> int:
    """Delete the oldest runs that are too old or more than `keep_runs` of their scenario, `AT_A_TIME` at most."""
    too_many = []
    if keep_for is not None:
        too_many.append(RUNS.c.finished < now - keep_for)
    if keep_runs is not None:
        newest = func.row_number().over(
            partition_by=RUNS.c.scenario, order_by=(RUNS.c.started.desc(), RUNS.c.id.desc())
        )
        numbered = select(RUNS.c.id, newest.label("place")).where(RUNS.c.state.in_(OVER)).subquery()
        too_many.append(RUNS.c.id.in_(select(numbered.c.id).where(numbered.c.place > keep_runs)))
    if not too_many:
        return 0
    doomed = select(RUNS.c.id).where(RUNS.c.state.in_(OVER), or_(*too_many)).order_by(RUNS.c.started).limit(AT_A_TIME)
    doomed = doomed.with_for_update(skip_locked=True)  # another daemon may be at it
    ids = (await connection.execute(doomed)).scalars().all()
    if ids:
        await _forget(connection, RUNS.c.id.in_(ids))
    return len(ids)


async def _forget(connection: AsyncConnection, which: ColumnElement[bool]) -> None:
    """Parts first: a cascade would look at every table row by row."""
    ids = select(RUNS.c.id).where(which)
    for table in METADATA.tables.values():
        if table is not RUNS:
            await connection.execute(delete(table).where(table.c.run_id.in_(ids)))
    await connection.execute(delete(RUNS).where(which))
