"""The one bounded queue in front of every exporter: batches, deadlines, tries again, and counts what is lost."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import count
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from swelld.clock import now
from swelld.config import Config
from swelld_exporters import names
from swelld_exporters.base import Exchanged, Origin, Partial, Permanent, TryLater
from swelld_exporters.prometheus.registry import Registry

log = logging.getLogger(__name__)

Item_contra = TypeVar("Item_contra", contravariant=True)

JITTER: Final = 0.5
"""A pause is drawn from this share of itself up to all of it, lest many instances come back at the same moment."""


class Sink(Protocol[Item_contra]):
    """What stands behind an outlet: gets one batch at a time, never two at once; anything that it raises but Permanent
    is tried again."""

    async def export(self, batch: Sequence[Item_contra]) -> None:
        """Deliver a batch, which is never changed."""

    async def aclose(self) -> None:
        """Let go of everything; may be called twice, and without any export before."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an outlet holds, and how long it waits; in seconds."""

    queue: int = 8192
    """Items held at a time, those that are being exported among them."""
    batch: int = 512
    """A batch is exported once so many wait,"""
    age: float = 1.0
    """or once the oldest has waited so long."""
    deadline: float = 10.0
    """Of one export."""
    first_pause: float = 0.5
    """After a batch failed for the first time; doubled after each further time."""
    longest_pause: float = 15.0
    patience: float = 60.0
    """A batch is given up so long after it was first tried."""
    flush: float = 5.0
    """For everything that is left when the outlet is closed."""


class Fate(Enum):
    """What became of an item."""

    EXPORTED = "exported"
    DROPPED = "dropped"  # never tried: the queue was full, or there was no time left at the end
    FAILED = "failed"  # refused for good, or tried in vain until patience ran out


class Outlet(Generic[Item_contra]):
    """Takes items at once and hands them to one exporter in batches, one batch at a time.

    When it is full the **newest** are dropped: they are refused at the door, so that what is under way stays complete
    and in order, nothing is moved, and the beginning of an outage is what is kept. What has been put is, at any time,
    exported, dropped or held.
    """

    def __init__(
        self,
        name: str,
        exporter: Sink[Item_contra],
        registry: Registry,
        limits: Limits = Limits(),
        *,
        choose: Callable[[Item_contra], bool] | None = None,
        tell: Callable[[Fate, int], None] = lambda fate, items: None,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Only what `choose` wants is taken and counted at all; `tell` hears of every such item's fate, once."""
        self.name = name
        self.limits = limits
        self._exporter = exporter
        self._choose = choose
        self._tell = tell
        self._jitter = jitter
        self._waiting: deque[Item_contra] = deque()
        self._since = 0.0
        """When the oldest of those that wait was put."""
        self._under_way = 0
        self._awake = asyncio.Event()
        self._closing = False
        self._running: asyncio.Task[None] | None = None
        self._failing = False
        self._lost = 0
        self._length = registry.gauge(names.OUTLET_QUEUE_LENGTH).labels(name)
        self._dropped = registry.counter(names.OUTLET_DROPPED).labels(name)
        self._exported = registry.counter(names.OUTLET_EXPORTED).labels(name)
        self._failures = registry.counter(names.OUTLET_FAILURES).labels(name)

    @property
    def held(self) -> int:
        """Items that wait or are being exported."""
        return len(self._waiting) + self._under_way

    def put(self, items: Iterable[Item_contra]) -> None:
        """Take what is wanted and what there is room for; never waits. Called in the event loop."""
        items = tuple(items if self._choose is None else filter(self._choose, items))
        room = max(0, self.limits.queue - self.held) if not self._closing else 0
        if items[:room]:
            if not self._waiting:
                self._since = now()
            self._waiting.extend(items[:room])
            if self._running is None:
                self._running = asyncio.get_running_loop().create_task(self._run(), name=f"outlet {self.name}")
            self._awake.set()
        if items[room:]:
            self._account(Fate.DROPPED, len(items) - room)
        self._length.set(self.held)

    async def aclose(self) -> None:
        """Export what is left as long as the deadline lets it, count the rest as dropped, close the exporter."""
        self._closing = True
        self._awake.set()
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=self.limits.flush)
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
        if self.held:
            self._account(Fate.DROPPED, self.held)
            self._waiting.clear()
            self._under_way = 0
        self._length.set(0)
        try:
            async with asyncio.timeout(self.limits.flush):
                await self._exporter.aclose()
        except Exception as error:  # noqa: BLE001 - an exporter may fail alone, also at the end
            log.warning("the exporter %s did not close: %s", self.name, _said(error))
        if self._lost:
            log.warning("the exporter %s lost %d of %d", self.name, self._lost, self._lost + int(self._exported.value))
            self._lost = 0

    async def _run(self) -> None:
        while await self._due():
            batch = tuple(self._waiting.popleft() for _ in range(min(self.limits.batch, len(self._waiting))))
            self._since = now()  # what is left waits its time once more, lest it make a small batch
            self._under_way = len(batch)
            fate, lost = await self._deliver(batch)
            self._under_way = 0
            self._account(fate, len(batch) - lost)
            self._account(Fate.FAILED, lost)
            self._length.set(self.held)

    async def _due(self) -> bool:
        """Wait for the next batch; False if there will be none."""
        while not self._closing:
            if len(self._waiting) >= self.limits.batch:
                break
            left = self._since + self.limits.age - now() if self._waiting else None
            if left is not None and left <= 0:
                break
            self._awake.clear()
            try:
                async with asyncio.timeout(left):
                    await self._awake.wait()
            except TimeoutError:
                continue
        return bool(self._waiting)

    async def _deliver(self, batch: Sequence[Item_contra]) -> tuple[Fate, int]:
        """Try until it is there or there is no sense in it any more; how many the receiver refused of one it took."""
        began = now()
        for attempt in count():
            try:
                async with asyncio.timeout(self.limits.deadline):
                    await self._exporter.export(batch)
            except Partial as partial:
                self._fails(partial)
                return Fate.EXPORTED, min(partial.refused, len(batch))
            except Permanent as error:
                self._fails(error)
                return Fate.FAILED, 0
            except Exception as error:  # noqa: BLE001 - an exporter may fail alone, whatever the reason
                self._fails(error)
                pause = self._pause(attempt, error)
                if now() + pause > began + self.limits.patience:
                    return Fate.FAILED, 0
                await asyncio.sleep(pause)
            else:
                break
        if self._failing:
            log.info("the exporter %s delivers again", self.name)
            self._failing = False
        return Fate.EXPORTED, 0

    def _pause(self, attempt: int, error: Exception) -> float:
        """Before the next try: what the receiver asked for, or twice as long as the last time."""
        limits = self.limits
        longest = min(limits.longest_pause, limits.first_pause * 2 ** min(attempt, 30))
        pause = self._jitter(JITTER * longest, longest)
        return max(pause, error.after) if isinstance(error, TryLater) else pause

    def _fails(self, error: Exception) -> None:
        self._failures.inc()
        if not self._failing:
            log.warning("the exporter %s cannot deliver: %s", self.name, _said(error))
            self._failing = True

    def _account(self, fate: Fate, items: int) -> None:
        if not items:
            return
        if fate is Fate.EXPORTED:
            self._exported.inc(items)
        else:
            self._dropped.inc(items)
            self._lost += items
        self._tell(fate, items)


@dataclass(frozen=True, slots=True)
class RunOver:
    """A run that has ended."""

    origin: Origin
    """Its stage, target, model and URL are empty."""
    ended: float
    """Monotonic."""
    state: str


class Opened(NamedTuple):
    """What an exporter's settings open."""

    exchanges: tuple[Outlet[Exchanged], ...] = ()
    runs: tuple[Outlet[RunOver], ...] = ()
    """Those of them that want to hear of the end of a run, too."""


class ExporterSettings(Config):
    """What the settings of every exporter of exchanges have in common."""

    enabled: bool = False
    """Whether to export."""

    def open(self, registry: Registry) -> Opened:
        """The outlets, if any are wanted; ValueError says what in the settings cannot be used."""
        raise NotImplementedError


def _said(error: Exception) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
