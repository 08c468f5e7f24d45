"""Carrying out a stage in one lane: what users that take turns and arrivals that fall due have in common."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Final

from swelld.clock import now
from swelld.engine.client import Client, Request
from swelld.engine.plan import Change, Lane, RunStage
from swelld.engine.valve import Valve
from swelld.load.arrivals import pick
from swelld.prompts.base import PromptSet

log = logging.getLogger(__name__)

WARMUP_PROMPTS: Final = 1_000_000_007
"""Warm-up asks other prompts than the window, lest it fill the server's prefix cache for it."""
CANCEL_SECONDS: Final = 5.0
"""How long what was cancelled may take to be over."""


class Load:
    """Prompts by number, targets by weight, stopping, draining."""

    def __init__(
        self,
        order: RunStage,
        lane: Lane,
        clients: Sequence[Client],
        prompts: PromptSet,
        seed: int,
        part: int,
        parts: int,
        valve: Valve | None = None,
    ) -> None:
        self._order = order
        self._begun = sum(order.begun[target] for target in lane.targets) if order.begun else 0
        self._lane = lane
        self._clients = clients
        self._prompts = prompts
        self._seed = seed
        self._part = part
        self._parts = parts
        self._valve = valve or Valve(len(clients))
        self._stopped = asyncio.Event()
        self._news = asyncio.Event()
        self._live: set[asyncio.Task[object]] = set()
        self._error: BaseException | None = None

    async def run(self) -> None:
        """Until requests or time are used up or it is stopped; then drained. Raises what broke a user or a request."""
        stop = asyncio.create_task(self._stopped.wait())
        offer = asyncio.create_task(self._offer())
        try:
            await asyncio.wait({stop, offer}, return_when=asyncio.FIRST_COMPLETED)
            self._end()
            offer.cancel()
            await asyncio.gather(offer, stop, return_exceptions=True)
            await self._drain(self._order.stage.drain_seconds)
        finally:  # this itself may have been cancelled
            self._end()
            await _give_up({stop, offer, *self._live})
        if self._error is None and not offer.cancelled():
            self._error = offer.exception()
        if self._error is not None:
            raise self._error

    def stop(self, *, force: bool) -> None:
        """Start nothing new; with `force` cancel what is under way."""
        self._end()
        if force:  # not at once: what was begun this very turn has to get under way to be measured as cancelled
            asyncio.get_running_loop().call_soon(self._cancel)

    def change(self, change: Change) -> None:
        """Go on at another level; of no effect if it is not of this kind of load."""
        raise NotImplementedError

    def throttled(self) -> None:
        """The valve was turned."""
        self._tell()

    def _end(self) -> None:
        """Nothing new from now on."""
        self._stopped.set()
        self._tell()

    def _tell(self) -> None:
        """Wake up everybody who waits for `_news`."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _cancel(self) -> None:
        for live in self._live:
            live.cancel()

    async def _offer(self) -> None:
        """Begin requests for as long as the stage lasts."""
        raise NotImplementedError

    def _prepare(self, number: int, *, warmup: bool, repeat: int = 1) -> tuple[int, Request]:
        """The target of a request, and all of its bytes."""
        target = self._lane.targets[pick(self._lane.weights, number)]
        prompt = self._order.stage.first_prompt + number // repeat + (WARMUP_PROMPTS if warmup else 0)
        return target, self._clients[target].prepare(self._prompts[prompt])

    def _begin(self, what: Coroutine[None, None, object]) -> asyncio.Task[object]:
        live = asyncio.create_task(what)
        self._live.add(live)
        live.add_done_callback(self._ended)
        return live

    def _ended(self, live: asyncio.Task[object]) -> None:
        self._live.discard(live)
        if not live.cancelled() and (error := live.exception()) is not None:
            self._error = error
            self._end()

    async def _withhold(self, target: int, reason: str | None = None) -> None:
        """Let a request go by; `reason` if it is not that of the throttle."""
        self._clients[target].begun += 1  # the place in the schedule is used up all the same
        self._valve.withhold(target, reason)
        await asyncio.sleep(0)  # many in a row must not starve the loop

    async def _drain(self, seconds: float) -> None:
        """Wait for what is under way, then cancel it."""
        if self._live:
            _, late = await asyncio.wait(self._live, timeout=seconds)
            await _give_up(late)

    async def _stopped_before(self, moment: float) -> bool:
        """Sleep until `moment`; True if stopped by then."""
        await _within(self._stopped.wait(), moment)
        return self._stopped.is_set()

    async def _news_before(self, moment: float) -> None:
        """Sleep until `moment`, or until something has changed."""
        await _within(self._news.wait(), moment)


async def _within(what: Awaitable[object], moment: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, moment - now())):
            await what
    except TimeoutError:
        pass


async def _give_up(what: set[asyncio.Task[object]]) -> None:
    """Cancel, and wait until it is over."""
    for one in what:
        one.cancel()
    if what:
        _, deaf = await asyncio.wait(what, timeout=CANCEL_SECONDS)
        if deaf:
            log.error("%d requests are not over %g s after they were cancelled", len(deaf), CANCEL_SECONDS)
