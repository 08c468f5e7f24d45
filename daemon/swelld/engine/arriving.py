"""An open loop in one lane: arrivals that fall due."""

import asyncio
from typing import Final

from swelld.clock import now
from swelld.engine.client import Request, Ticket
from swelld.engine.loads import Load
from swelld.engine.meter import Meter
from swelld.engine.pacing import Alarm
from swelld.engine.plan import Change, RunStage
from swelld.engine.valve import CEILING
from swelld.load.arrivals import Arrival, Schedule, share
from swelld.load.replay import Replaying
from swelld.load.stage import OpenStage, Replayed
from swelld.prompts.base import PromptSet
from swelld.prompts.traces import TracePrompts

FULL: Final = "as many requests in flight as `max_in_flight` allows"
DOWN: Final = "the load process was down when it was due"
NEAR: Final = 0.02
"""An arrival that is due so soon is let be when the rate is changed: the change itself is further off."""
AT_ONCE: Final = 200
"""Arrivals of a predecessor that are passed over in one go: some 0.5 ms."""


class OpenLoad(Load):
    """This shard's arrivals: every n-th of the whole schedule, at its own moment, whatever became of the others.

    Where fewer requests may be open than there are shards, so many shards carry all of it: one that may have none open
    could but drop its part.
    """

    def __init__(self, order: RunStage, *context: object) -> None:
        super().__init__(order, *context)  # type: ignore[arg-type]
        assert isinstance(order.stage, OpenStage)
        self._stage = order.stage
        parts = min(self._parts, order.stage.max_in_flight)
        self._limit = share(order.stage.max_in_flight, self._part, parts) if self._part < parts else 0
        planned = _trace(self._prompts, order.stage.replay) if order.stage.replay else None
        self._schedule = Schedule(order.stage, self._seed, self._part, parts, order.turns, planned)
        self._turned = False

    def change(self, change: Change) -> None:
        if change.turn is not None:
            self._schedule.turn(change.turn)
            self._turned = True
            self._tell()

    async def _offer(self) -> None:
        if not self._limit:
            return
        alarm = Alarm()
        try:
            await self._pass_over(self._begun)
            back = now() if self._order.begun else 0.0
            arrival = self._schedule.next()
            while True:
                if arrival is None:
                    if not await self._turned_before_end():
                        return
                    arrival = self._schedule.present()
                    continue
                due = self._order.start + arrival.due
                if due - now() > 2 * NEAR and await self._turned_before(due - NEAR):
                    arrival = self._schedule.present()
                    continue
                await self._fall_due(arrival, due, back, alarm)
                arrival = self._schedule.next()
        finally:
            alarm.close()

    async def _pass_over(self, count: int) -> None:
        """Arrivals that a predecessor has seen to: months of them may be many."""
        for number in range(count):
            self._schedule.next()
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)

    async def _fall_due(self, arrival: Arrival, due: float, back: float, alarm: Alarm) -> None:
        """Wait for the moment, then send, drop or withhold; `back` is when a shard that died was replaced."""
        target, request = self._ready(arrival)
        ticket = self._ticket(arrival, due)
        client, valve = self._clients[target], self._valve
        await alarm.until(due)
        if not valve.lets_through(target, self._schedule.place):
            await self._withhold(target)
        elif len(self._live) >= self._limit or due < back:
            client.drop(request, ticket, FULL if due >= back else DOWN)
            await asyncio.sleep(0)  # a backlog of drops must not starve the loop
        elif (meter := valve.meters[target]) is None or meter.take(now()):
            self._send(target, request, ticket, meter)
        else:
            await self._withhold(target, CEILING)

    def _ready(self, arrival: Arrival) -> tuple[int, Request]:
        """The target and the bytes of an arrival; a trace is asked in its order, from its first request on."""
        if self._stage.replay is not None:
            return self._prepare(self._schedule.place, warmup=False)
        return self._prepare(arrival.number, warmup=arrival.warmup)

    def _ticket(self, arrival: Arrival, due: float) -> Ticket:
        return Ticket(stage=self._order.number, index=arrival.number, warmup=arrival.warmup, due=due)

    def _send(self, target: int, request: Request, ticket: Ticket, meter: Meter | None) -> None:
        """At once; the meter, if any, has let it through."""
        sent = self._begin(self._clients[target].start(request, ticket))
        if meter is not None:
            sent.add_done_callback(lambda _: meter.release())

    async def _turned_before(self, moment: float) -> bool:
        """Sleep until `moment`; True at once when the rate is changed."""
        while not self._turned and now() < moment:
            await self._news_before(moment)
        turned, self._turned = self._turned, False
        return turned

    async def _turned_before_end(self) -> bool:
        """The window lasts to its end even if no arrival is left; True if a change of the rate brings more."""
        stage = self._stage
        if stage.duration is None or stage.requests is not None or stage.warmup_requests:
            return False
        return await self._turned_before(self._order.start + stage.warmup_seconds + stage.duration)


def _trace(prompts: PromptSet, replayed: Replayed) -> Replaying:
    if not isinstance(prompts, TracePrompts):
        raise ValueError("only the prompts of a trace can be replayed; set `prompts` to {kind: trace, file: ...}")
    return Replaying(prompts.trace, replayed)
