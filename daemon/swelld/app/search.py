"""Who decides the stages of a scenario's runs, and where an unfinished search is written down."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from swelld.clock import now
from swelld.load.course import Course
from swelld.load.search import Searching
from swelld.load.sweep import Sweeping
from swelld.scenario import Scenario
from swelld.search.memory import Forgetful, Found, Memory, Notes
from swelld.search.searching import CapacitySearch
from swelld.search.sweeping import Sweep
from swelld.store.files import StoreError, replace

log = logging.getLogger(__name__)

FOLDER: Final = "searches"
"""Below the directory of results: the searches that were broken off."""


def course_of(
    scenario: Scenario, name: str, key: str, folder: Path | None, copies: int
) -> Callable[[int | None], Course] | None:
    """None where the stages are known beforehand. `key`: of everything that makes it this search; `folder`: of results,
    None if nothing is kept; `copies`: how many times the load is carried side by side."""
    load = scenario.load
    if isinstance(load, Sweeping):
        sweep = load
        return lambda prompts: Sweep(sweep, scenario.bounds(prompts), copies)
    if not isinstance(load, Searching):
        return None
    search = load.search
    memory: Memory = Forgetful()
    if folder is not None and search.resume:
        memory = SearchFile(folder / FOLDER / f"{_file_name(name)}.json", key, search.resume)
    return lambda prompts: CapacitySearch(
        search, scenario.bounds(prompts), scenario.objectives.share, copies, memory, now
    )


class SearchFile:
    """The memory of one search in one file, which is gone when the search has come to its end."""

    def __init__(self, path: Path, key: str, longest: float) -> None:
        """`longest`: seconds after which a search that was broken off begins anew."""
        self._path = path
        self._key = key
        self._longest = longest

    def recall(self) -> Sequence[Found]:
        try:
            notes = msgspec.json.decode(self._path.read_bytes(), type=Notes)
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            log.warning("the search begins anew: %s cannot be read: %s", self._path, error)
            return ()
        if notes.key != self._key or not 0 <= time.time() - notes.written < self._longest:
            return ()
        log.info("the search goes on after %d levels that were measured before", len(notes.found))
        return notes.found

    def keep(self, found: Sequence[Found]) -> None:
        notes = Notes(key=self._key, written=time.time(), found=list(found))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace(self._path, msgspec.json.encode(notes))
        except (OSError, StoreError) as error:
            log.warning("if the search is broken off now it has to begin anew: %s", error)

    def forget(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s is of no use any more and cannot be removed: %s", self._path, error)


def _file_name(scenario: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", scenario)
