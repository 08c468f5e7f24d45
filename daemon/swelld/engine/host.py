"""What a load process does: takes part in runs, many at a time and one after another, for as long as the hub lives."""

import asyncio
import gc
import logging
import pickle
from collections.abc import Callable
from typing import Final

from swelld.engine.plan import Alive, Broken, Close, Closed, Command, Open, Quit, Report
from swelld.engine.premises import Premises
from swelld.engine.shard import Shard
from swelld.engine.wire import NO_RUN

log = logging.getLogger(__name__)

BEAT_SECONDS: Final = 1.0
"""Between two signs of life."""


class Host:
    """The shards of one process by the keys of their runs. `send` never waits; `congested`: nobody takes it."""

    def __init__(self, premises: Premises, send: Callable[[int, Report], None], congested: Callable[[], bool]) -> None:
        self._premises = premises
        self._send = send
        self._congested = congested
        self._shards: dict[int, Shard] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._beating: asyncio.Task[None] | None = None

    def take(self, key: int, command: Command) -> bool:
        """Carry out a command; False once it is over."""
        if isinstance(command, Quit):
            return False
        if isinstance(command, Open):
            self._opening[key] = asyncio.create_task(self._open(key, command))
        elif isinstance(command, Close):
            closing = asyncio.create_task(self._close(key))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        elif key in self._shards:  # not so if it could not be opened
            self._shards[key].take(command)
        return True

    async def _open(self, key: int, command: Open) -> None:
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat())
        try:
            plan = pickle.loads(command.plan)  # noqa: S301 - from our own parent, over a private socket
            shard = Shard(plan, self._premises, lambda report: self._send(key, report), self._congested)
            self._shards[key] = shard
            await shard.open()
        except Exception as error:  # noqa: BLE001 - whatever it is, the hub must hear of it
            self._send(key, Broken(self._premises.part, str(error) or type(error).__name__))
        if len(self._shards) == 1:  # prompts may be many, and nobody need look through them for garbage
            gc.freeze()

    async def _close(self, key: int) -> None:
        opening, shard = self._opening.pop(key, None), self._shards.pop(key, None)
        if opening is not None:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            shard = self._shards.pop(key, shard)
        if shard is not None:
            await shard.aclose()
        self._send(key, Closed(self._premises.part))
        if not self._shards and not self._closing - {asyncio.current_task()}:
            await self._rest()

    async def _rest(self) -> None:
        """No run is under way: the time to look for garbage, what was frozen included."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
        gc.unfreeze()
        gc.collect()
        gc.freeze()

    async def _beat(self) -> None:
        while True:
            self._send(NO_RUN, Alive())
            await asyncio.sleep(BEAT_SECONDS)

    async def aclose(self) -> None:
        """End every shard."""
        if self._beating is not None:
            self._beating.cancel()
        for opening in self._opening.values():
            opening.cancel()
        await asyncio.gather(*self._opening.values(), *self._closing, return_exceptions=True)
        await asyncio.gather(*(shard.aclose() for shard in self._shards.values()), return_exceptions=True)
