"""Finished runs that the database would not take, as files until it does."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from swelld.store.files import StoreError, replace
from swelld.store.record import Record, from_bytes, to_bytes

log = logging.getLogger(__name__)

MOST_FILES: Final = 1000


class Spool:
    """A directory with a file for each run; every call may take as long as the disk does."""

    def __init__(self, folder: Path, instance: str) -> None:
        self._folder = folder
        self._instance = instance

    def put(self, record: Record) -> bool:
        """Whether the record is in a file now."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if len(list(self._folder.glob("*.run"))) >= MOST_FILES:
                return False
            replace(self._path(record.row.id), to_bytes(record, self._instance))
        except (OSError, StoreError):
            return False
        return True

    def drop(self, run_id: str) -> None:
        """The run is in the database, or nobody wants it any more."""
        try:
            self._path(run_id).unlink(missing_ok=True)
        except OSError as error:  # it will be written once more after the next start, which changes nothing
            log.debug("%s stays: %s", self._path(run_id), error)

    def read(self) -> Iterator[tuple[Record, str]]:
        """What is there from before, each with its instance; a file that cannot be read is told and left."""
        for path in sorted(self._folder.glob("*.run")) if self._folder.is_dir() else []:
            try:
                yield from_bytes(path.read_bytes())
            except (OSError, StoreError, msgspec.MsgspecError) as error:
                log.error("%s cannot be read and stays where it is: %s", path, error)

    def _path(self, run_id: str) -> Path:
        plain = run_id.replace("-", "").replace("_", "").isalnum() and run_id.isascii() and len(run_id) < 100
        return self._folder / f"{run_id if plain else hashlib.sha256(run_id.encode()).hexdigest()}.run"
