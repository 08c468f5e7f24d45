"""The queries of the History dashboard, asked of a real PostgreSQL that holds runs."""

from pathlib import Path

from postgres_server import Postgres, postgres_server
from stored import opened, result, row
from stored_history import found_in

__all__ = ["postgres_server"]

STARTS = ("2026-11-14T10:20:30+00:00", "2026-11-15T10:20:30+00:00", "2025-01-01T00:00:00+00:00")


async def test_every_query_of_the_history_finds_the_runs(postgres_server: Postgres, tmp_path: Path) -> None:
    url = postgres_server.new_database()
    async with opened(tmp_path, url, instance="here") as runs:
        for number, start in enumerate(STARTS):
            run = result(f"run{number}", start)
            await runs.begin(row(run))
            await runs.finish(run)
    found = found_in(postgres_server, url, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", ("chat", "other"))
    assert found["Runs"] == [["2"]]
    assert found["Completed"] == [["2"]]
    assert found["Failed or interrupted"] == [["0"]]
    assert [line[1] for line in found["Every run"]] == ["run1", "run0"], "the newest first, without last year's"
    assert [line[1:] for line in found["Goodput"]] == [["chat local rate=10", "0.87"]] * 2
    assert len(found["Time to first token, p95"]) == 4, "two stages of two runs"
