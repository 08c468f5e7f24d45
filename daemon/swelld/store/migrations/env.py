"""Run by Alembic for every upgrade, on the connection that `swelld.store.migrate` hands in."""

from alembic import context

from swelld.store.migrate import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():  # the caller's transaction, in which this is part
    context.run_migrations()
