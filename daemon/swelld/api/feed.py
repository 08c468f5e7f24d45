"""Live progress of a run, for any number of watchers: looked at once a second, kept in one bounded ring for all."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import msgspec
import structlog

from swelld.api.control import Control, Failed
from swelld.result import Progress
from swelld.store.base import RunSummary

INTERVAL: Final = 1.0
HEARTBEAT: Final = 15.0
_KEPT: Final = 120
_END: Final = 2**53 - 1

log = structlog.get_logger(__name__)


class Event(NamedTuple):
    """Something that happened in a run."""

    id: int
    """Milliseconds since the run began: the same for every watcher, and after a new connection."""
    kind: str
    """`progress`, or `end` as the last one."""
    data: bytes
    """Progress or RunSummary, as JSON."""


class Feed:
    """The events of one run. A watcher who is slower than the ring misses progress, never the end."""

    def __init__(self, control: Control, run_id: str, interval: float) -> None:
        self._control = control
        self._run_id = run_id
        self._interval = interval
        self._ring: deque[Event] = deque(maxlen=_KEPT)
        self._news = asyncio.Event()
        self._over = False
        self._task = asyncio.create_task(self._look())

    async def follow(self, after: int | None, heartbeat: float) -> AsyncIterator[Event | None]:
        """Events from the latest one on, or those after an id; None where nothing happened for so long."""
        if after is None:
            after = self._ring[-2].id if len(self._ring) > 1 else -1
        while True:
            event = next((event for event in self._ring if event.id > after), None)
            if event is not None:
                after = event.id
                yield event
            elif self._over:
                return
            else:
                news = self._news
                try:
                    await asyncio.wait_for(news.wait(), heartbeat)
                except TimeoutError:
                    yield None

    def close(self) -> None:
        """Let every watcher go."""
        self._task.cancel()
        self._over = True
        self._tell()

    async def _look(self) -> None:
        try:
            while (progress := self._control.progress(self._run_id)) is not None:
                self._add(progress)
                await asyncio.sleep(self._interval)
            with suppress(Failed):  # it may have been deleted meanwhile
                self._end((await self._control.run(self._run_id)).run)
        except Exception:
            log.exception("the progress of a run cannot be shown", run=self._run_id)
        finally:
            self._over = True
            self._tell()

    def _add(self, progress: Progress) -> None:
        last = self._ring[-1].id if self._ring else -1
        number = max(last + 1, round(progress.elapsed * 1000))
        self._ring.append(Event(number, "progress", msgspec.json.encode(progress)))
        self._tell()

    def _end(self, run: RunSummary) -> None:
        self._ring.append(Event(_END, "end", msgspec.json.encode(run)))

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class Feeds:
    """One feed for each run that is watched, for as long as anybody does."""

    def __init__(self, control: Control, interval: float = INTERVAL, heartbeat: float = HEARTBEAT) -> None:
        self._control = control
        self._interval = interval
        self.heartbeat = heartbeat
        self._feeds: dict[str, tuple[Feed, int]] = {}
        self._closed = False

    @contextmanager
    def watching(self, run_id: str) -> Iterator[Feed]:
        """The feed of a run."""
        feed, watchers = self._feeds.get(run_id) or (Feed(self._control, run_id, self._interval), 0)
        self._feeds[run_id] = (feed, watchers + 1)
        if self._closed:
            feed.close()
        try:
            yield feed
        finally:
            feed, watchers = self._feeds[run_id]
            if watchers > 1:
                self._feeds[run_id] = (feed, watchers - 1)
            else:
                del self._feeds[run_id]
                feed.close()

    def close(self) -> None:
        """End every stream: the server is going."""
        self._closed = True
        for feed, _ in self._feeds.values():
            feed.close()


def ended(last_event_id: int | None) -> bool:
    """Whether a watcher has seen the end already."""
    return last_event_id is not None and last_event_id >= _END
