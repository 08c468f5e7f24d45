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
        self.looked = False

    def lot(self) -> Lot:
        """What is known now."""
        return Lot(self.settings.kind, self.settings.target, [one for labels in self._known.values() for one in labels])

    async def look(self) -> bool:
        """At every place; True if anything is other than before."""
        places, before = await self._source.places(), self._known
        read = await asyncio.gather(*(self._read(place) for place in places))
        self._known = {place: labels for place, labels in zip(places, read, strict=True) if labels is not None}
        self._troubles = {place: text for place, text in self._troubles.items() if place in places}
        self.looked = True
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

    `changed` is told all targets whenever they are others than what it, or who called `watch`, was told last.
    """

    def __init__(self, registry: Registry, changed: Callable[[Found], None], settle: float = SETTLE_SECONDS) -> None:
        self._registry = registry
        self._changed = changed
        self._settle = settle
        self._entries: list[_Entry] = []
        self._looking: list[asyncio.Task[None]] = []
        self._telling: asyncio.TimerHandle | None = None
        self._reserved: Collection[str] = ()
        self._told: Found = {}
        self._latest = Merged({}, {}, [])

    async def watch(self, entries: Sequence[Discovery], reserved: Collection[str] = ()) -> Found:
        """Look at these places from now on; the targets after a first look at those that are new.

        May be called again with other entries: those that stay keep what they know. `reserved` are the names of
        configured targets. It takes no longer than the deadline of one look.
        """
        await self.aclose()
        self._entries = [self._known(settings) or _Entry(settings, self._registry) for settings in entries]
        self._reserved = frozenset(reserved)
        await asyncio.gather(*(entry.look() for entry in self._entries if not entry.looked))
        self._looking = [asyncio.create_task(self._look(entry)) for entry in self._entries]
        self._merge()
        self._told = self._latest.found
        return dict(self._told)

    async def aclose(self) -> None:
        """Look no more."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        for looking in self._looking:
            looking.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
        self._looking = []

    def _known(self, settings: Discovery) -> _Entry | None:
        return next((entry for entry in self._entries if entry.settings == settings), None)

    async def _look(self, entry: _Entry) -> None:
        while True:
            await asyncio.sleep(entry.settings.interval)
            try:
                changed = await entry.look()
            except Exception:
                log.exception("discovery: a look failed")
                continue
            if changed:
                self._merge()
            if self._latest.found != self._told and self._telling is None:
                self._telling = asyncio.get_running_loop().call_later(self._settle, self._tell)

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
        before, self._latest = self._latest, merged((entry.lot() for entry in self._entries), self._reserved)
        self._show(self._latest)
        for ignored in [one for one in self._latest.ignored if one not in before.ignored][:_TOLD]:
            log.warning("discovery: %s", ignored.text)

    def _show(self, result: Merged) -> None:
        found, ignored = self._registry.gauge(names.DISCOVERED_TARGETS), self._registry.gauge(names.DISCOVERY_IGNORED)
        kinds: set[Kind] = {entry.settings.kind for entry in self._entries}
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
