"""What schedules remember over a restart: one small JSON file, whole or not there."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from swelld.schedule.timing import Remembered
from swelld.store import files
from swelld.store.files import StoreError

log = logging.getLogger(__name__)

_FORM: Final = "swelld.schedules/1"
_PAUSE_SECONDS: Final = 1.0
"""Between two writes at least: what happened within may be forgotten when the daemon is killed."""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = _FORM
    scenarios: dict[str, Remembered] = {}


class Memory:
    """What the keepers of a daemon remember. Never fatal: what cannot be read is set aside, what cannot be written is
    said in the log, once until it can."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Remembered] = {}
        self._changed = asyncio.Event()
        self._trouble = ""
        self._writing = threading.Lock()

    def load(self, scenarios: Iterable[str]) -> None:
        """Read the file; of scenarios that there are no more, nothing is kept."""
        known = self._read()
        self._known = {name: known[name] for name in scenarios if name in known}

    def of(self, scenario: str) -> Remembered | None:
        """What is remembered of a scenario."""
        return self._known.get(scenario)

    def remember(self, scenario: str, remembered: Remembered) -> None:
        """Keep it; it is written by `keep_written`, or at the next `write`."""
        self._known[scenario] = remembered
        self._changed.set()

    def forget(self, scenario: str) -> None:
        """Nothing is kept of a scenario that was removed."""
        if self._known.pop(scenario, None):
            self._changed.set()

    async def keep_written(self) -> None:
        """Write what changes, soon and beside the event loop, until cancelled; then call `write`."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await asyncio.to_thread(self._write)
            await asyncio.sleep(_PAUSE_SECONDS)

    def write(self) -> None:
        """Write now."""
        self._changed.clear()
        self._write()

    def _write(self) -> None:
        with self._writing:  # what was written last is the latest
            content = msgspec.json.format(msgspec.json.encode(_File(scenarios=self._known)), indent=1) + b"\n"
            try:
                files.keep(self._path, content)
            except StoreError as error:
                if str(error) != self._trouble:
                    log.error("schedules will not survive a restart: %s", error)
                self._trouble = str(error)
            else:
                self._trouble = ""

    def _read(self) -> dict[str, Remembered]:
        try:
            return _decoded(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            log.error("cannot read %s: %s; schedules begin anew", self._path, error.strerror)
        except ValueError as error:  # also what msgspec raises
            self._set_aside(error)
        return {}

    def _set_aside(self, error: ValueError) -> None:
        aside = self._path.with_name(f"{self._path.name}.broken-{time.time_ns()}")
        try:
            self._path.rename(aside)
        except OSError as trouble:
            log.error("%s is broken (%s) and cannot be set aside: %s", self._path, error, trouble.strerror)
        else:
            log.error("%s is broken (%s); it is kept as %s, and schedules begin anew", self._path, error, aside.name)


def _decoded(content: bytes) -> dict[str, Remembered]:
    found = msgspec.json.decode(content, type=_File)
    if found.schema != _FORM:
        raise ValueError(f"its schema is {found.schema!r}, not {_FORM}")
    return found.scenarios
