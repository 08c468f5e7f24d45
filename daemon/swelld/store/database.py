"""The database behind a store: opened, brought up to date, and asked with deadlines."""

import asyncio
import contextlib
import errno
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from swelld.store.files import StoreError
from swelld.store.migrate import upgrade

BUSY_SECONDS: Final = 2.0
"""How long a locked SQLite file is waited for, each time."""
CONNECT_SECONDS: Final = 5.0
COMMAND_SECONDS: Final = 15.0
DEADLINE: Final = 30.0
"""Of a whole transaction: beyond it the database counts as unreachable."""

Reason = Literal["full", "readonly", "locked", "unreachable", "refused", "other"]
"""All but `refused` are trouble of the database, not of what is written: trying again may help."""

_SQLITE: Final[dict[int, Reason]] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_READONLY: "readonly",
    sqlite3.SQLITE_CANTOPEN: "unreachable",
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_CONSTRAINT: "refused",
    sqlite3.SQLITE_TOOBIG: "refused",
}
_SYSTEM: Final[dict[int | None, Reason]] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "readonly",
    errno.EACCES: "readonly",
}
_POSTGRESQL: Final[dict[str, Reason]] = {
    "53100": "full",
    "25006": "readonly",
    "55P03": "locked",
    "40P01": "locked",
    "40001": "locked",
}


class Database:
    """One SQLite file or PostgreSQL database; the tables are made or brought up to date by the first `begin`."""

    def __init__(self, url: str) -> None:
        """StoreError if the URL or its driver cannot be used."""
        self.url = _with_driver(url)
        self.place = self.url.render_as_string(hide_password=True)
        self._engine = _engine(self.url)
        self._reading = self._engine.execution_options(swelld_read=True)
        self._ready = False
        self._upgrading = asyncio.Lock()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.url.get_backend_name()

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes; whatever goes wrong is an SQLAlchemyError, OSError or TimeoutError."""
        await self._prepare()
        async with asyncio.timeout(DEADLINE), self._engine.begin() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def change(self) -> AsyncIterator[AsyncConnection]:
        """The same for a person who waits for it: StoreError where it cannot."""
        try:
            async with self.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise self.trouble(error) from error

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, never in the way of a writer; StoreError where it cannot."""
        try:
            await self._prepare()
            async with asyncio.timeout(DEADLINE), self._reading.connect() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise self.trouble(error) from error

    def trouble(self, error: BaseException) -> StoreError:
        """What to say of an error: the place and the remedy."""
        return StoreError(f"the store {self.place} cannot be used: {describe(error)}; {_REMEDIES[reason_of(error)]}")

    async def aclose(self) -> None:
        """Let go of every connection."""
        with contextlib.suppress(SQLAlchemyError, OSError):
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._engine.dispose()

    async def _prepare(self) -> None:
        if self._ready:
            return
        async with self._upgrading:
            if self._ready:
                return
            if self.dialect == "sqlite" and self.url.database:
                await asyncio.to_thread(_make_folder, self.url.database)
            async with asyncio.timeout(DEADLINE), self._engine.begin() as connection:
                await connection.run_sync(upgrade)
            self._ready = True


_REMEDIES: Final[dict[Reason, str]] = {
    "full": "free some space",
    "readonly": "make it writable, or choose another place with `store.dir` or `store.url`",
    "locked": "another program holds a lock on it: end that program, or wait",
    "unreachable": "see that it is there and that its user may use it, or change `store.url` or `store.dir`",
    "refused": "see what was refused",
    "other": "see that it is sound",
}


def describe(error: BaseException) -> str:
    """The first line of what the driver said, without the statement and its values."""
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    said = lines[0] if lines else type(cause).__name__
    return said.rpartition("'>: ")[2].rpartition("'>) ")[2]


def reason_of(error: BaseException) -> Reason:
    """What kind of trouble it is."""
    for cause in _causes(error):
        code = getattr(cause, "sqlite_errorcode", None)
        if isinstance(code, int) and (found := _SQLITE.get(code & 0xFF)):
            return found
        state = getattr(cause, "sqlstate", None)
        if isinstance(state, str):
            if found := _POSTGRESQL.get(state):
                return found
            if state[:2] in ("08", "57", "28", "3D", "53"):
                return "unreachable"
            if state[:2] in ("22", "23"):
                return "refused"
        if isinstance(cause, OSError):
            return _SYSTEM.get(cause.errno, "unreachable")
    if isinstance(error, (IntegrityError, DataError)):
        return "refused"
    if isinstance(error, DBAPIError):
        return "unreachable" if error.connection_invalidated else "other"
    return "other" if isinstance(error, SQLAlchemyError) else "refused"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException | None] = [error]
    while seen:
        cause = seen.pop()
        if cause is not None:
            yield cause
            orig = getattr(cause, "orig", None)
            seen += [cause.__cause__, orig if isinstance(orig, BaseException) else None]


def _make_folder(file: str) -> None:
    """SQLite itself would only say that it cannot open the file."""
    folder = Path(file).absolute().parent
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise OSError(errno.EROFS, "the directory is not writable", str(folder))


def _with_driver(url: str) -> URL:
    try:
        found = make_url(url)
    except ArgumentError:
        raise StoreError("store.url is no URL of a database: write postgresql://USER:PASSWORD@HOST:5432/NAME") from None
    if found.get_backend_name() == "sqlite":
        return found.set(drivername="sqlite+aiosqlite")
    if "sslmode" in found.query:  # libpq's name, which everybody writes; the driver has its own
        found = found.update_query_dict({"ssl": found.query["sslmode"]}).difference_update_query(["sslmode"])
    return found.set(drivername="postgresql+asyncpg")


def _engine(url: URL) -> AsyncEngine:
    sqlite = url.get_backend_name() == "sqlite"
    options: dict[str, Any] = {"timeout": BUSY_SECONDS}
    if not sqlite:
        options = {"timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS}
        options["server_settings"] = {"application_name": "swelld"}
    try:
        engine = create_async_engine(
            url,
            connect_args=options,
            pool_size=2,
            max_overflow=3,
            pool_timeout=CONNECT_SECONDS,
            pool_pre_ping=not sqlite,
        )
    except ImportError as error:
        raise StoreError(
            f"store.url needs a library that is missing ({error}): pip install 'swelld[postgres]'"
        ) from None
    if sqlite:
        event.listen(engine.sync_engine, "connect", _sqlite_connects)
        event.listen(engine.sync_engine, "begin", _sqlite_begins)
    return engine


def _sqlite_connects(connection: Any, _: object) -> None:
    connection.isolation_level = None  # no transactions of the driver's own: it begins them too late
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begins(connection: Any) -> None:
    """A writer takes its place at once: one that reads first could find that another has written since."""
    reads = connection.get_execution_options().get("swelld_read")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
