"""A closed loop in one lane: users that ask, wait for the answer, think, and ask again."""

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Literal, NamedTuple

from swelld.clock import now
from swelld.engine.client import Request, Ticket
from swelld.engine.loads import Load
from swelld.engine.meter import Meter
from swelld.engine.plan import Change, RunStage
from swelld.load.arrivals import share
from swelld.load.stage import Among, ClosedStage

AHEAD: Final = 512
"""Requests that are kept ready, at most one for each user."""
AHEAD_AT_ONCE: Final = 4
"""How many are made ready in one go: some 0.2 ms."""
AHEAD_SECONDS: Final = 0.001
"""Between two such goes."""
UNREACHABLE_SECONDS: Final = 0.1
"""A user whom no server takes waits so long: else an outage would use up all requests in a moment."""
FAR: Final = 500_000_009
"""Shards that had no user at first number their requests from here on."""


class Claim(NamedTuple):
    """The right to one request."""

    warmup: bool
    counted: bool
    """Among a number of requests that warm up."""


Think = Callable[[], Awaitable[None]]
"""The pause of one user after an answer."""


class ClosedLoad(Load):
    """This shard's users. Requests are numbered so that all shards of all daemons together use every number once.

    Those that have no user at first have no share of a number of requests, and never get a user where there is one.
    """

    def __init__(self, order: RunStage, *context: object) -> None:
        super().__init__(order, *context)  # type: ignore[arg-type]
        assert isinstance(order.stage, ClosedStage)
        self._stage = stage = order.stage
        self._daemons = stage.among or Among(0, 1, stage)
        crews = min(self._parts, stage.users)
        early = self._part < crews
        self._among = self._parts if stage.requests is None else crews
        self._users = stage.users if order.users is None else order.users
        """Of all shards together."""
        self._present: set[int] = set()
        self._nobody = asyncio.Event()
        warmups = share(stage.warmup_requests, self._part, crews) if early else 0
        self._herd = 0 < warmups < len(self._mine())
        """Some user has no warm-up request: then all wait for the end of the warm-up."""
        warmed = min(warmups, self._begun)
        begun = self._begun - warmed
        self._warmups = self._numbered(self._part + warmed * crews, crews)
        self._warmups_left = self._warmups_open = warmups - warmed
        self._warms_up = self._warmups_left > 0
        self._first_and_step = self._part + begun * crews, crews
        if not early:
            step = self._parts - crews
            self._first_and_step = FAR + self._part - crews + begun * step, step
        self._numbers = self._numbered(*self._first_and_step)
        self._left = None if stage.requests is None else max(0, self._share(stage.requests, crews) - begun)
        self._window = asyncio.Event()
        self._ahead: deque[tuple[int, int, Request]] = deque()
        self._wanted = asyncio.Event()
        self._queueing: set[asyncio.Task[object] | None] = set()

    def _of_all(self, number: int) -> int:
        """The number, among those of all daemons, of what is number `number` here."""
        return self._daemons.number + number * self._daemons.of

    def _numbered(self, first: int, step: int) -> "itertools.count[int]":
        return itertools.count(self._of_all(first), step * self._daemons.of)

    def _share(self, requests: int, crews: int) -> int:
        return share(requests, self._part, crews) if self._part < crews else 0

    def _mine(self) -> range:
        return range(self._part, self._users, self._among) if self._part < self._among else range(0)

    def change(self, change: Change) -> None:
        if change.users is not None:
            self._users = change.users
            self._tell()
            self._admit(0.0)

    def _end(self) -> None:
        super()._end()
        for user in self._queueing:  # they have asked for nothing yet
            if user is not None:
                user.cancel()

    async def _offer(self) -> None:
        filling = asyncio.create_task(self._fill())
        try:
            await self._let_users_ask()
        finally:
            filling.cancel()

    def _fill_at_first(self) -> None:
        for _ in range(min(len(self._mine()), AHEAD)):
            self._ahead.append(self._next())

    async def _fill(self) -> None:
        """Keep requests ready, a few at a time, so that encoding them never holds up a read or a send."""
        while True:
            for _ in range(AHEAD_AT_ONCE):
                if len(self._ahead) < min(len(self._present), AHEAD):
                    self._ahead.append(self._next())
            if len(self._ahead) >= min(len(self._present), AHEAD):
                self._wanted.clear()
                await self._wanted.wait()
            await asyncio.sleep(AHEAD_SECONDS)

    def _next(self) -> tuple[int, int, Request]:
        number = next(self._numbers)
        return number, *self._prepare(number, warmup=False, repeat=self._stage.repeat)

    async def _let_users_ask(self) -> None:
        stage = self._stage
        self._fill_at_first()
        self._admit(stage.ramp_up)
        ends = []
        if stage.requests is not None:  # without, users may all go and others come before the end
            ends.append(asyncio.create_task(self._nobody.wait()))
        if stage.duration is not None:
            ends.append(asyncio.create_task(self._end_of_window(stage.duration)))
        if not ends:
            ends.append(asyncio.create_task(self._stopped.wait()))
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()

    def _admit(self, ramp_up: float) -> None:
        """Begin every user of ours that is not there yet."""
        if self._stopped.is_set():
            return
        for user in self._mine():
            if user not in self._present:
                self._present.add(user)
                place = self._of_all(user) / (self._daemons.of * self._stage.users)
                self._begin(self._user(user, self._order.start + ramp_up * place))
        self._wanted.set()
        if self._present:
            self._nobody.clear()
        else:
            self._nobody.set()

    async def _end_of_window(self, duration: float) -> Literal[True]:
        if self._warms_up:
            await self._window.wait()
            await asyncio.sleep(duration)
        else:
            await asyncio.sleep(self._order.start + self._stage.warmup_seconds + duration - now())
        return True

    async def _user(self, user: int, start: float) -> None:
        think = self._thinking(user) if self._stage.think_time else None  # it takes 2.5 kB
        try:
            if await self._stopped_before(start):
                return
            await self._ask_on(user, lambda: self._think(think))
        finally:
            self._present.discard(user)
            if not self._present:
                self._nobody.set()

    async def _ask_on(self, user: int, think: Think) -> None:
        """One request after another, for as long as there are any and this user may ask."""
        while await self._ask(user):
            await think()

    def _thinking(self, user: int) -> random.Random:
        return random.Random(f"{self._seed}/think/{self._of_all(user)}")

    async def _think(self, think: random.Random | None) -> None:
        if think is not None:
            await self._stopped_before(now() + think.expovariate(1 / self._stage.think_time))

    async def _may_ask(self, user: int) -> bool:
        """Wait until it is this user's turn; False if there is none for it."""
        while not self._stopped.is_set() and user < self._users and not self._all_claimed():
            if self._valve.open_for(user, self._users, self._lane) and not self._held():
                return True
            await self._news.wait()
        return False

    def _all_claimed(self) -> bool:
        """Whether there is nothing left for anybody."""
        return self._left == 0 and not self._warmups_left and not (self._stage.warmup_seconds and self._early())

    def _held(self) -> bool:
        """Whether everybody waits for the last answers of the warm-up."""
        return self._herd and not self._warmups_left and self._warmups_open > 0 and not self._early()

    def _early(self) -> bool:
        return now() < self._order.start + self._stage.warmup_seconds

    async def _ask(self, user: int) -> bool:
        """One request and its answer, once this user may ask; False if there is none left."""
        while await self._may_ask(user) and (claim := self._claim()) is not None:
            if claim.warmup:
                number = next(self._warmups)
                target, request = self._prepare(number, warmup=True)
            else:
                number, target, request = self._ahead.popleft() if self._ahead else self._next()
                self._wanted.set()
            if self._valve.may_ask(self._lane, target, number):
                ticket = Ticket(stage=self._order.number, index=number, warmup=claim.warmup)
                await self._put(target, request, ticket, claim)
                return True
            await self._pass_over(target, claim)
        return False

    def _claim(self) -> Claim | None:
        """The right to one request, which has to be put; None if there is none left."""
        counted = self._warmups_left > 0
        warmup = self._warming()
        if not warmup and self._left is not None:
            if self._left == 0:
                return None
            self._left -= 1
            if not self._left:
                self._tell()  # those that wait for their turn wait in vain
        return Claim(warmup, counted)

    async def _put(self, target: int, request: Request, ticket: Ticket, claim: Claim) -> None:
        """Ask, and wait for the answer; a while longer where nobody was reached."""
        meter = self._valve.meters[target]
        if meter is not None:
            await self._queue(meter)
        try:
            reached = await self._clients[target].exchange(request, ticket)
        finally:
            if meter is not None:
                meter.release()
            self._over(claim)
        if not reached:
            await self._stopped_before(now() + UNREACHABLE_SECONDS)

    async def _pass_over(self, target: int, claim: Claim) -> None:
        """A request that its target may not get: the user asks another one."""
        self._over(claim)
        await self._withhold(target)

    def _over(self, claim: Claim) -> None:
        if claim.counted:
            self._warmups_open -= 1
            if not self._warmups_open:
                self._tell()

    async def _queue(self, meter: Meter) -> None:
        """Wait for room under a ceiling; cancelled when the load is stopped."""
        user = asyncio.current_task()
        self._queueing.add(user)
        try:
            await meter.turn()
        finally:
            self._queueing.discard(user)

    def _warming(self) -> bool:
        if self._warmups_left:
            self._warmups_left -= 1
            return True
        if self._stage.warmup_seconds and self._early():
            return True  # without a warm-up, a user that woke up a bit early is in the window all the same
        self._window.set()
        return False
