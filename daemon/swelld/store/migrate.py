"""Brings the tables of a store up to what this version needs."""

import logging
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from swelld.store.files import StoreError

log = logging.getLogger(__name__)

VERSION_TABLE: Final = "run_store_version"
_LOCK: Final = 0x5377_656C_6C64  # a number of our own among PostgreSQL's advisory locks


def upgrade(connection: Connection) -> None:
    """Carry out what is missing, inside the caller's transaction; whoever comes second waits and finds it done.

    On SQLite the transaction itself must have been begun as a writing one. StoreError if the tables are of a newer
    version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    scripts = ScriptDirectory.from_config(config)
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    present, wanted = context.get_current_revision(), scripts.get_current_head()
    if present == wanted:
        return
    if present is not None and present not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"the database is at version {present} and this swelld knows it up to {wanted}: update swelld, or give it "
            "another database"
        )
    config.attributes["connection"] = connection
    logging.getLogger("alembic").setLevel(logging.WARNING)  # what it says of every step means nothing to a user
    command.upgrade(config, "head")
    log.info("the tables of the store are at version %s now", wanted)
