"""The tables that a store makes for itself, and whoever else does so at the same moment."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from stored import opened, result, row
from swelld.store.database import Database
from swelld.store.files import StoreError
from swelld.store.migrate import VERSION_TABLE
from swelld.store.tables import METADATA


def differences(connection: Connection) -> list[object]:
    options = {"version_table": VERSION_TABLE, "compare_type": True, "target_metadata": METADATA}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, METADATA))


async def test_the_history_leads_to_the_tables_that_are_used(database_url: str) -> None:
    database = Database(database_url)
    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []
    await database.aclose()


async def test_many_may_open_an_empty_database_at_once(tmp_path: Path, database_url: str) -> None:
    async def one(number: int) -> int:
        async with opened(tmp_path / str(number), database_url, instance=f"d{number}") as runs:
            await runs.begin(row(result(f"r{number}")))
            await asyncio.wait_for(runs._writer._idle.wait(), 30)
            return (await runs.list()).count

    counts = await asyncio.gather(*(one(number) for number in range(5)))
    assert max(counts) == 5


async def test_runs_of_an_earlier_version_are_kept(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as runs:
        await runs.enter(result("r1"))
    database = Database(database_url)
    async with database.begin() as connection:  # as the first version left it
        await connection.execute(text("ALTER TABLE runs DROP COLUMN reason"))
        await connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
    await database.aclose()
    async with opened(tmp_path, database_url) as runs:
        (found,) = (await runs.list()).runs
        assert (found.id, found.state, found.reason) == ("r1", "completed", None)
        assert await runs.get("r1") == result("r1")


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path, database_url: str) -> None:
    database = Database(database_url)
    async with database.begin() as connection:
        await connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    await database.aclose()
    with pytest.raises(StoreError, match="at version 9999 and this swelld knows it up to 0002: update swelld"):
        async with opened(tmp_path, database_url):
            pass
