"""Both databases: a test that asks for `database_url` runs once on SQLite and once on PostgreSQL."""

from pathlib import Path

import pytest

from postgres_server import Postgres, postgres_server

__all__ = ["postgres_server"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that is still empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'runs.db'}"
    server: Postgres = request.getfixturevalue("postgres_server")
    return server.new_database()
