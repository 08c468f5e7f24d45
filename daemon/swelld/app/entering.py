"""Runs of `swelld run` on their way into the store: from their directories, when somebody looks for them."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from swelld.store.files import StoreError
from swelld.store.results import RESULT, RunDirectory, load_result

if TYPE_CHECKING:
    from swelld.store.runs import StoredRuns

log = logging.getLogger(__name__)


def left_out(root: Path) -> list[RunDirectory]:
    """Directories below the store's own of runs that are over and that no store was told of, the oldest first."""
    directories = (RunDirectory(file.parent) for file in sorted(root.glob(f"*/{RESULT}")))
    return [one for one in directories if not one.stored]


async def enter(kept: "StoredRuns", directories: list[RunDirectory]) -> None:
    """Each of them once: what is deleted from the store later on does not come back from its directory."""
    for directory in directories:
        try:
            result = load_result(directory.path)
        except StoreError:
            continue  # of another version, or somebody else's
        try:
            await kept.enter(result)
        except StoreError as error:
            log.warning("runs stay in their directories: %s", error)
            return
        directory.mark_stored()
