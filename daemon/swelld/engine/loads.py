"""Carrying out a stage in one lane: users that take turns, or arrivals that fall due."""

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any

from swelld.clock import now
from swelld.engine.client import Client, Request, Ticket
from swelld.engine.pacing import Alarm
from swelld.engine.plan import Lane, RunStage
from swelld.load.arrivals import arrivals, pick, share
from swelld.load.stage import ClosedStage, OpenStage
from swelld.prompts.base import PromptSet

AHEAD = 512
"""Requests that are kept ready, at most one for each user."""
AHEAD_AT_ONCE = 4
"""How many are made ready in one go: some 0.2 ms."""
AHEAD_SECONDS = 0.001
"""Between two such goes."""
FULL = "as many requests in flight as `max_in_flight` allows"
DOWN = "the load process was down when it was due"
WARMUP_PROMPTS = 1_000_000_007
"""Warm-up asks other prompts than the window, lest it fill the server's prefix cache for it."""
UNREACHABLE_SECONDS = 0.1
"""A user whom no server takes waits so long: else an outage would use up all requests in a moment."""


class _Load:
    """What both kinds share: prompts by number, targets by weight, stopping, draining."""

    def __init__(
        self,
        order: RunStage,
        lane: Lane,
        clients: Sequence[Client],
        prompts: PromptSet,
        seed: int,
        part: int,
        parts: int,
    ) -> None:
        self._order = order
        self._begun = sum(order.begun[target] for target in lane.targets) if order.begun else 0
        self._lane = lane
        self._clients = clients
        self._prompts = prompts
        self._seed = seed
        self._part = part
        self._parts = parts
        self._stopped = asyncio.Event()
        self._live: set[asyncio.Task[object]] = set()
        self._error: BaseException | None = None

    async def run(self) -> None:
        """Until requests or time are used up or it is stopped; then drained. Raises what broke a user or a request."""
        stop = asyncio.create_task(self._stopped.wait())
        offer = asyncio.create_task(self._offer())
        await asyncio.wait({stop, offer}, return_when=asyncio.FIRST_COMPLETED)
        self._stopped.set()
        offer.cancel()
        await asyncio.gather(offer, stop, return_exceptions=True)
        await self._drain(self._order.stage.drain_seconds)
        if self._error is None and not offer.cancelled():
            self._error = offer.exception()
        if self._error is not None:
            raise self._error

    def stop(self, *, force: bool) -> None:
        """Start nothing new; with `force` cancel what is under way."""
        self._stopped.set()
        if force:  # not at once: what was begun this very turn has to get under way to be measured as cancelled
            asyncio.get_running_loop().call_soon(self._cancel)

    def _cancel(self) -> None:
        for live in self._live:
            live.cancel()

    async def _offer(self) -> None:
        """Begin requests for as long as the stage lasts."""
        raise NotImplementedError

    def _prepare(self, number: int, *, warmup: bool, repeat: int = 1) -> tuple[Client, Request]:
        client = self._clients[self._lane.targets[pick(self._lane.weights, number)]]
        prompt = number // repeat + (WARMUP_PROMPTS if warmup else 0)
        return client, client.prepare(self._prompts[prompt])

    def _begin(self, what: Coroutine[None, None, object]) -> None:
        live = asyncio.create_task(what)
        self._live.add(live)
        live.add_done_callback(self._ended)

    def _ended(self, live: asyncio.Task[object]) -> None:
        self._live.discard(live)
        if not live.cancelled() and (error := live.exception()) is not None:
            self._error = error
            self._stopped.set()

    async def _drain(self, seconds: float) -> None:
        """Wait for what is under way, then cancel it."""
        if self._live:
            _, late = await asyncio.wait(self._live, timeout=seconds)
            for live in late:
                live.cancel()
            if late:
                await asyncio.wait(late)

    async def _stopped_before(self, moment: float) -> bool:
        """Sleep until `moment`; True if stopped by then."""
        try:
            async with asyncio.timeout(max(0.0, moment - now())):
                await self._stopped.wait()
        except TimeoutError:
            pass
        return self._stopped.is_set()


class ClosedLoad(_Load):
    """This shard's users. Requests are numbered so that all shards together use every number once."""

    def __init__(self, order: RunStage, *context: object) -> None:
        super().__init__(order, *context)  # type: ignore[arg-type]
        assert isinstance(order.stage, ClosedStage)
        self._stage = stage = order.stage
        crews = min(self._parts, stage.users)  # a shard without users has no share of the requests either
        self._users = range(self._part, stage.users, self._parts)
        warmups = share(stage.warmup_requests, self._part, crews) if self._users else 0
        warmed = min(warmups, self._begun)
        begun = self._begun - warmed
        self._warmups = itertools.count(self._part + warmed * crews, crews)
        self._numbers = itertools.count(self._part + begun * crews, crews)
        self._warmups_left = warmups - warmed
        self._left = None if stage.requests is None else max(0, share(stage.requests, self._part, crews) - begun)
        self._window = asyncio.Event()
        self._ahead: deque[tuple[int, Client, Request]] = deque()
        self._wanted = asyncio.Event()

    async def _offer(self) -> None:
        filling = asyncio.create_task(self._fill())
        try:
            await self._let_users_ask()
        finally:
            filling.cancel()

    async def _fill(self) -> None:
        """Keep requests ready, a few at a time, so that encoding them never holds up a read or a send."""
        while True:
            for _ in range(AHEAD_AT_ONCE):
                if len(self._ahead) < min(len(self._users), AHEAD):
                    self._ahead.append(self._next())
            if len(self._ahead) >= min(len(self._users), AHEAD):
                self._wanted.clear()
                await self._wanted.wait()
            await asyncio.sleep(AHEAD_SECONDS)

    def _next(self) -> tuple[int, Client, Request]:
        number = next(self._numbers)
        return number, *self._prepare(number, warmup=False, repeat=self._stage.repeat)

    async def _let_users_ask(self) -> None:
        stage = self._stage
        for _ in range(min(len(self._users), AHEAD)):
            self._ahead.append(self._next())
        for user in self._users:
            self._begin(self._user(user, self._order.start + stage.ramp_up * user / stage.users))
        users = asyncio.gather(*self._live, return_exceptions=True)
        if stage.duration is None:
            await asyncio.wait([users])  # a stop cancels this, and must not cancel the users with it
            return
        clock = asyncio.create_task(self._end_of_window(stage.duration))
        ends: list[asyncio.Future[Any]] = [users, clock]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        clock.cancel()

    async def _end_of_window(self, duration: float) -> None:
        if self._warmups_left:
            await self._window.wait()
            await asyncio.sleep(duration)
        else:
            await asyncio.sleep(self._order.start + self._stage.warmup_seconds + duration - now())

    async def _user(self, user: int, start: float) -> None:
        think = random.Random(f"{self._seed}/think/{user}") if self._stage.think_time else None  # it takes 2.5 kB
        if await self._stopped_before(start):
            return
        while not self._stopped.is_set():
            warmup = self._warming()
            if not warmup and self._left is not None:
                if self._left == 0:
                    return
                self._left -= 1
            if warmup:
                number = next(self._warmups)
                client, request = self._prepare(number, warmup=True)
            else:
                number, client, request = self._ahead.popleft() if self._ahead else self._next()
                self._wanted.set()
            reached = await client.exchange(request, Ticket(stage=self._order.number, index=number, warmup=warmup))
            if not reached:
                await self._stopped_before(now() + UNREACHABLE_SECONDS)
            if think is not None:
                await self._stopped_before(now() + think.expovariate(1 / self._stage.think_time))

    def _warming(self) -> bool:
        if self._warmups_left:
            self._warmups_left -= 1
            return True
        if self._stage.warmup_seconds and now() < self._order.start + self._stage.warmup_seconds:
            return True  # without a warm-up, a user that woke up a bit early is in the window all the same
        self._window.set()
        return False


class OpenLoad(_Load):
    """This shard's arrivals: every n-th of the whole schedule, at its own moment, whatever became of the others."""

    def __init__(self, order: RunStage, *context: object) -> None:
        super().__init__(order, *context)  # type: ignore[arg-type]
        assert isinstance(order.stage, OpenStage)
        self._stage = order.stage
        self._limit = share(order.stage.max_in_flight, self._part, self._parts)

    async def _offer(self) -> None:
        alarm = Alarm()
        try:
            mine = itertools.islice(arrivals(self._stage, self._seed), self._part, None, self._parts)
            back = now() if self._order.begun else 0.0
            for arrival in itertools.islice(mine, self._begun, None):
                due = self._order.start + arrival.due
                client, request = self._prepare(arrival.number, warmup=arrival.warmup)
                ticket = Ticket(stage=self._order.number, index=arrival.number, warmup=arrival.warmup, due=due)
                await alarm.until(due)
                if len(self._live) < self._limit and due >= back:
                    self._begin(client.start(request, ticket))
                else:
                    client.drop(request, ticket, FULL if due >= back else DOWN)
                    await asyncio.sleep(0)  # a backlog of drops must not starve the loop
            if self._stage.duration is not None and self._stage.requests is None:
                await self._until_end()
        finally:
            alarm.close()

    async def _until_end(self) -> None:
        """The window lasts to its end even if the last arrival came before."""
        if not self._stage.warmup_requests:
            await asyncio.sleep(self._order.start + self._stage.warmup_seconds + (self._stage.duration or 0) - now())
