"""The history of the tables, carried out by Alembic when a store is opened."""
