"""What budgets have used, on disk."""

import json
import time
from pathlib import Path

import pytest

from swelld.app.book import Book
from swelld.hub.budget import Budgets
from swelld.hub.ledger import Owner
from swelld.settings import Settings

CANARY = Owner("scenario", "canary")
SETTINGS = Settings.model_validate(
    {
        "targets": {"a": {"url": "http://a"}},
        "scenarios": {"canary": {"load": "1/s", "duration": "1s", "budget": {"requests": "10/d"}}},
    }
)


def book(path: Path) -> tuple[Book, Budgets]:
    budgets = Budgets()
    found = Book(budgets, path)
    found.restore()
    found.configure(SETTINGS)
    return found, budgets


def used(budgets: Budgets) -> float:
    ((_, _, ratio),) = budgets.ledger.ratios(CANARY, time.time())
    return ratio


async def test_it_outlives_a_daemon(tmp_path: Path) -> None:
    one, budgets = book(tmp_path / "new" / "budgets.json")
    budgets.ledger.use(CANARY, "requests", 4, time.time())
    await one.save()
    _, again = book(tmp_path / "new" / "budgets.json")
    assert used(again) == 0.4


async def test_trouble_is_told_once_and_gone_with_its_cause(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "blocked").touch()
    one, budgets = book(tmp_path / "blocked" / "budgets.json")
    await one.save()  # nothing was used: nothing to write
    caplog.clear()
    budgets.ledger.use(CANARY, "requests", 4, time.time())
    for _ in range(3):
        await one.save()
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert told[0].startswith("what budgets have used will not survive a restart: ")
    assert str(tmp_path / "blocked") in told[0]
    (tmp_path / "blocked").unlink()
    await one.save()
    (entry, *_) = json.loads((tmp_path / "blocked" / "budgets.json").read_bytes())
    assert (entry["name"], entry["what"], entry["used"]) == ("canary", "requests", 4)
