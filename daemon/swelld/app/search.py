"""Who decides the stages of a scenario's runs, and where an unfinished search is written down."""

import hashlib
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
DIGITS: Final = 12
"""Of the hash in the name of a file."""
MOST_FILES: Final = 50
"""Of searches of one name: whoever starts one over the API may ask for something else each time."""


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
        memory = SearchFile(folder / FOLDER, name, key, search.resume)
    return lambda prompts: CapacitySearch(
        search, scenario.bounds(prompts), scenario.objectives.share, copies, memory, now
    )


class SearchFile:
    """The memory of one search in one file, which is gone when the search has come to its end. Searches of one name
    that look for different things have a file each: several of them may be under way."""

    def __init__(self, folder: Path, name: str, key: str, longest: float) -> None:
        """`longest`: seconds after which a search that was broken off begins anew."""
        self._name = re.sub(r"[^A-Za-z0-9_.-]", "-", name)
        self._path = folder / f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:DIGITS]}.json"
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
            self._tidy()
        except (OSError, StoreError) as error:
            log.warning("if the search is broken off now it has to begin anew: %s", error)

    def forget(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s is of no use any more and cannot be removed: %s", self._path, error)

    def _tidy(self) -> None:
        """Remove what others of this name have left behind: what is too old to go on with, and the oldest of many."""
        pattern = re.compile(rf"{re.escape(self._name)}-[0-9a-f]{{{DIGITS}}}\.json")
        others = (path for path in self._path.parent.iterdir() if pattern.fullmatch(path.name) and path != self._path)
        written = sorted(((_written(path), path) for path in others), reverse=True)
        oldest = time.time() - self._longest
        for number, (moment, path) in enumerate(written, start=2):
            if moment <= oldest or number > MOST_FILES:
                path.unlink(missing_ok=True)


def _written(path: Path) -> float:
    """Unix seconds; 0 where it is gone meanwhile."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
