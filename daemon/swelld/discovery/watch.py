"""Looks again and again, keeps the last good answer of every place, and tells when the targets are others."""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Final

from swelld.discovery.groups import Gone, Labels, Trouble
from swelld.discovery.settings import Discovery, Kind
from swelld.discovery.sources import Source, source
from swelld.discovery.targets import Found, Lot, Merged, Reason, merged
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 10.0
"""Deadline of one look at one place."""
SETTLE_SECONDS: Final = 1.0
"""From the first change to telling it: several that come together are told once."""
_REASONS: Final[tuple[Reason, ...]] = ("invalid", "name_taken", "overflow")
_TOLD: Final = 10


class _Entry:
    """One entry of the configuration, and what is known from it."""

    def __init__(self, settings: Discovery, registry: Registry) -> None:
        self.settings = settings
        self._source: Source = source(settings)
        self._known: dict[str, list[Labels]] = {}
        self._troubles: dict[str, str] = {}
        self._looks = registry.counter(names.DISCOVERY_REFRESHES).labels(settings.kind)
        self._failures = registry.counter(names.DISCOVERY_REFRESH_FAILURES).labels(settings.kind)
        self.looked = asyncio.Event()

    def lot(self) -> Lot:
        """What is known now."""
        return Lot(self.settings.kind, self.settings.target, [one for labels in self._known.values() for one in labels])

    async def look(self) -> bool:
        """At every place; True if anything is other than before."""
        places, before = await self._source.places(), self._known
        read = await asyncio.gather(*(self._read(place) for place in places))
        self._known = {place: labels for place, labels in zip(places, read, strict=True) if labels is not None}
        self._troubles = {place: text for place, text in self._troubles.items() if place in places}
        return self._known != before

    async def _read(self, place: str) -> list[Labels] | None:
        self._looks.inc()
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                labels = await self._source.read(place)
        except Gone as gone:
            self._troubled(place, f"{gone}; it has no targets")
            return None
        except (Trouble, TimeoutError) as trouble:
            text = str(trouble) or f"no answer within {LOOK_SECONDS:g} s"
            self._troubled(place, f"{text}; what is known of it still holds")
            return self._known.get(place)
        if self._troubles.pop(place, None):
            log.info("discovery: %s can be read again", place)
        return labels

    def _troubled(self, place: str, text: str) -> None:
        self._failures.inc()
        if self._troubles.get(place) != text:
            log.warning("discovery: %s %s", place, text)
        self._troubles[place] = text


class Watch:
    """All entries of the configuration, looked at for ever.

    `changed` is told all targets whenever they are others than what it, or whoever called `begin` or `change`, knows.
    """

    def __init__(self, registry: Registry, changed: Callable[[Found], None], settle: float = SETTLE_SECONDS) -> None:
        self._registry = registry
        self._changed = changed
        self._settle = settle
        self._looking: dict[_Entry, asyncio.Task[None]] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._telling: asyncio.TimerHandle | None = None
        self._reserved: Collection[str] = ()
        self._told: Found = {}
        self._latest = Merged({}, {}, [])

    async def begin(self, entries: Sequence[Discovery], reserved: Collection[str] = ()) -> Found:
        """The same as `change`, after a first look, which takes no longer than its deadline."""
        self.change(entries, reserved)
        await asyncio.gather(*(entry.looked.wait() for entry in self._looking))
        return self._known()

    def change(self, entries: Sequence[Discovery], reserved: Collection[str] = ()) -> Found:
        """Look at these places from now on; what is known of them by now.

        Entries that were there before keep what they know, others are looked at at once. `reserved` are the names of
        configured targets.
        """
        before, self._looking = self._looking, {}
        for settings in entries:
            old = next((entry for entry in before if entry.settings == settings), None)
            entry = old or _Entry(settings, self._registry)
            self._looking[entry] = before.pop(old) if old else asyncio.create_task(self._look(entry))
        for task in before.values():
            self._end(task)
        self._reserved = frozenset(reserved)
        self._merge()
        return self._known()

    async def aclose(self) -> None:
        """Look no more."""
        self._forget_telling()
        for task in self._looking.values():
            self._end(task)
        self._looking = {}
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _known(self) -> Found:
        """What the caller knows by now need not be told."""
        self._forget_telling()
        self._told = self._latest.found
        return dict(self._told)

    def _end(self, task: "asyncio.Task[None]") -> None:
        task.cancel()
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _forget_telling(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    async def _look(self, entry: _Entry) -> None:
        while True:
            try:
                if await entry.look():
                    self._merge()
            except Exception:
                log.exception("discovery: a look failed")
            entry.looked.set()
            if self._latest.found != self._told and self._telling is None:
                self._telling = asyncio.get_running_loop().call_later(self._settle, self._tell)
            await asyncio.sleep(entry.settings.interval)

    def _tell(self) -> None:
        self._telling = None
        found = self._latest.found
        if found == self._told:
            return
        come, gone = sorted(found.keys() - self._told.keys()), sorted(self._told.keys() - found.keys())
        log.info("discovery: %d targets; new: %s; gone: %s", len(found), _few(come), _few(gone))
        self._told = found
        self._changed(dict(found))

    def _merge(self) -> None:
        before, self._latest = self._latest, merged((entry.lot() for entry in self._looking), self._reserved)
        self._show(self._latest)
        known = set(before.ignored)
        for ignored in [one for one in self._latest.ignored if one not in known][:_TOLD]:
            log.warning("discovery: %s", ignored.text)

    def _show(self, result: Merged) -> None:
        found, ignored = self._registry.gauge(names.DISCOVERED_TARGETS), self._registry.gauge(names.DISCOVERY_IGNORED)
        kinds: set[Kind] = {entry.settings.kind for entry in self._looking}
        for (old,) in [labels for labels in found.series if labels[0] not in kinds]:
            found.remove(kind=old)
            ignored.remove(kind=old)
        for kind in kinds:
            found.labels(kind).set(sum(one == kind for one in result.kinds.values()))
            for reason in _REASONS:
                count = sum((one.kind, one.reason) == (kind, reason) for one in result.ignored)
                ignored.labels(kind, reason).set(count)


def _few(found: Sequence[str]) -> str:
    return ", ".join(found[:_TOLD]) + (f" and {len(found) - _TOLD} more" if len(found) > _TOLD else "") or "none"
