"""What budgets have used, over restarts of the daemon: one small JSON file."""

import asyncio
import logging
import time
from pathlib import Path

import msgspec

from swelld.hub.budget import Budgets
from swelld.settings import Settings
from swelld.store import files
from swelld.store.files import StoreError

log = logging.getLogger(__name__)


class Book:
    """Reads it once and writes it now and then; what cannot be read or written is told, and costs nothing but its
    content."""

    def __init__(self, budgets: Budgets, path: Path) -> None:
        self._budgets = budgets
        self._path = path
        self._written: list[object] = []
        self._trouble = ""

    def configure(self, settings: Settings) -> None:
        """The budgets from now on."""
        self._budgets.configure(
            {name: scenario.budget for name, scenario in settings.scenarios.items()},
            {name: target.budget for name, target in settings.targets.items()},
        )

    def restore(self) -> None:
        """Go on where an earlier process ended."""
        try:
            self._budgets.ledger.restore(msgspec.json.decode(self._path.read_bytes()))
        except FileNotFoundError:
            return
        except (ValueError, RecursionError, OSError) as error:  # the first is also what msgspec raises
            log.warning("the budgets begin at nothing used: %s cannot be read: %s", self._path, error)

    async def save(self) -> None:
        """Write what has changed."""
        used: list[object] = [*self._budgets.ledger.snapshot(time.time())]
        if used == self._written:
            return
        try:
            await asyncio.to_thread(files.keep, self._path, msgspec.json.encode(used))
        except StoreError as error:
            if str(error) != self._trouble:
                log.error("what budgets have used will not survive a restart: %s", error)
            self._trouble = str(error)
        else:
            self._written, self._trouble = used, ""
