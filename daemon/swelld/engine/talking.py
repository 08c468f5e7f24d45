"""Loads of sessions: a user asks, gets the answer, thinks, and asks on; a turn without a good answer ends it."""

import asyncio
import math
from collections.abc import Coroutine

from swelld.clock import now
from swelld.engine.arriving import OpenLoad
from swelld.engine.asking import Claim, ClosedLoad, Think
from swelld.engine.client import Client, Request, Ticket
from swelld.engine.conversing import ConversingClient, Talk
from swelld.engine.loads import WARMUP_PROMPTS, Load
from swelld.engine.meter import Meter
from swelld.engine.plan import RunStage
from swelld.load.arrivals import Arrival, pick
from swelld.load.stage import ClosedStage, Stage
from swelld.prompts.base import PromptSet
from swelld.prompts.sessions import SessionSet


def client_for(prompts: PromptSet) -> type[Client]:
    """The client that such prompts need."""
    return ConversingClient if isinstance(prompts, SessionSet) else Client


def load_for(prompts: PromptSet, stage: Stage) -> type[Load]:
    """The load that carries out a stage with such prompts."""
    if isinstance(prompts, SessionSet):
        return ClosedSessions if isinstance(stage, ClosedStage) else OpenSessions
    return ClosedLoad if isinstance(stage, ClosedStage) else OpenLoad


class _Sessions(Load):
    """Where they come from."""

    def _talk(self, number: int, *, warmup: bool) -> tuple[int, Talk]:
        """The target of a session, which it keeps, and what will be said."""
        assert isinstance(self._prompts, SessionSet)
        place = self._order.stage.first_prompt + number + (WARMUP_PROMPTS if warmup else 0)
        return self._lane.targets[pick(self._lane.weights, number)], Talk(self._prompts.session(place))


class ClosedSessions(ClosedLoad, _Sessions):
    """Users that carry one session after another. A number of requests counts every turn."""

    def __init__(self, order: RunStage, *context: object) -> None:
        super().__init__(order, *context)
        self._talks = {warmup: self._numbered(*self._first_and_step) for warmup in (True, False)}

    def _fill_at_first(self) -> None:
        """Nothing is kept ready: what is asked depends on what was answered."""

    async def _fill(self) -> None:
        """Likewise."""

    async def _ask_on(self, user: int, think: Think) -> None:
        while (begun := await self._begun_by(user)) is not None:
            if not await self._see_through(user, think, *begun):
                return
            await think()

    async def _begun_by(self, user: int) -> tuple[Claim, int, Talk] | None:
        """The user's next session and its target, once it may ask; None if there is nothing left to be asked."""
        while await self._may_ask(user) and (claim := self._claim()) is not None:
            number = next(self._talks[claim.warmup])
            target, talk = self._talk(number, warmup=claim.warmup)
            if self._valve.may_ask(self._lane, target, number):
                return claim, target, talk
            await self._pass_over(target, claim)
        return None

    async def _see_through(self, user: int, think: Think, first: Claim, target: int, talk: Talk) -> bool:
        """One session; False if there is nothing left to be asked, or for this user."""
        claim: Claim | None = first
        while claim is not None:
            index = next(self._warmups if claim.warmup else self._numbers)
            ticket = talk.ticket(self._order.number, index, warmup=claim.warmup)
            await self._put(target, self._clients[target].prepare(talk.prompt()), ticket, claim)
            if not talk.goes_on():
                return True
            if talk.pause is None:
                await think()
            else:
                await self._stopped_before(now() + talk.pause)
            if not await self._may_ask(user):
                return False
            if self._valve.shut(target):
                return True  # the others go on: this user is free for them
            claim = self._claim()
        return False


class OpenSessions(OpenLoad, _Sessions):
    """Every arrival begins a session, whose later turns are due when its user has thought. All turns of a session go by
    the number of its arrival; a limit of requests in flight is one of sessions."""

    def __init__(self, order: RunStage, *context: object) -> None:
        super().__init__(order, *context)
        self._coming: Talk | None = None
        """That of the next arrival."""

    async def _offer(self) -> None:
        await super()._offer()
        end = self._order.start + self._schedule.end
        while self._live and now() < end:  # the last to come may still say all that they have to say
            await asyncio.wait(self._live, timeout=None if end == math.inf else end - now())

    def _ready(self, arrival: Arrival) -> tuple[int, Request]:
        target, self._coming = self._talk(arrival.number, warmup=arrival.warmup)
        return target, self._clients[target].prepare(self._coming.prompt())

    def _ticket(self, arrival: Arrival, due: float) -> Ticket:
        assert self._coming is not None
        return self._coming.ticket(self._order.number, arrival.number, due, warmup=arrival.warmup)

    def _send(self, target: int, request: Request, ticket: Ticket, meter: Meter | None) -> None:
        assert self._coming is not None
        begun = self._clients[target].start(request, ticket)
        self._begin(self._see_through(self._coming, target, begun, ticket, meter))

    async def _see_through(
        self, talk: Talk, target: int, exchange: Coroutine[None, None, bool], first: Ticket, meter: Meter | None
    ) -> None:
        client = self._clients[target]
        while True:
            try:
                await exchange
            finally:
                if meter is not None:
                    meter.release()
            if not talk.goes_on():
                return
            due = now() + (talk.pause or 0.0)
            request = client.prepare(talk.prompt())
            ticket = talk.ticket(first.stage, first.index, due, warmup=first.warmup)
            if await self._stopped_before(due) or not await self._let_through(target, meter):
                return
            exchange = client.start(request, ticket)

    async def _let_through(self, target: int, meter: Meter | None) -> bool:
        """Wait for as long as nothing may be sent, and for room under a ceiling; False if stopped by then."""
        while self._valve.shut(target) and not self._stopped.is_set():
            await self._news.wait()
        if meter is not None and not self._stopped.is_set():
            await meter.turn()
            if self._stopped.is_set():
                meter.release()
        return not self._stopped.is_set()
