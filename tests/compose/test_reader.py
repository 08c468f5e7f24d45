"""Grafana's own user of the database: reads what swelld writes, later tables included, and changes nothing."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgres_server import Postgres, postgres

SCRIPT = Path(__file__).parents[2] / "compose/postgres/reader.sh"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


def prepare(server: Postgres, database: str) -> None:
    """What the script does, with a secret of ours."""
    text = SCRIPT.read_text()
    assert "cat /run/secrets/grafana_database_password" in text
    found = re.search(r"<<'SQL'\n(.*?)^SQL$", text, re.DOTALL | re.MULTILINE)
    assert found
    at = ("-h", str(server.folder), "-U", "swelld", "-d", database)
    script = server.folder / "reader.sql"
    script.write_text(found[1])
    script.chmod(0o644)
    server.run("psql", *at, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "password=it's secret", "-f", str(script))


def test_it_reads_and_changes_nothing(server: Postgres) -> None:
    url = server.new_database()
    prepare(server, url.partition("@/")[2].partition("?")[0])
    server.query(
        url, "CREATE TABLE runs (id text); INSERT INTO runs VALUES ('r1'); CREATE VIEW v AS SELECT id FROM runs"
    )
    reader = url.replace("swelld@", "grafana@")
    database = url.partition("@/")[2].partition("?")[0]
    at = ("-h", str(server.folder), "-U", "grafana", "-d", database, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c")
    assert reader != url
    assert server.run("psql", *at, "SELECT id FROM v") == "r1\n"
    for statement, why in (
        ("INSERT INTO runs VALUES ('r2')", "read-only"),
        ("SET TRANSACTION READ WRITE; DELETE FROM runs", "permission denied"),
        ("SET TRANSACTION READ WRITE; CREATE TABLE mine (id text)", "permission denied"),
    ):
        with pytest.raises(AssertionError, match=why):
            server.run("psql", *at, statement)


def test_the_script_is_one_that_a_shell_reads() -> None:
    assert subprocess.run(["sh", "-n", SCRIPT], check=False).returncode == 0
    assert SCRIPT.stat().st_mode & 0o111
