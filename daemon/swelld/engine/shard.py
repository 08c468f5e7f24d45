"""One run's share in one load process: carries it out stage by stage and reports what came back."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from swelld.checks.judge import Judge
from swelld.clock import now
from swelld.engine.calibrator import Calibrator
from swelld.engine.client import Client
from swelld.engine.loads import Load
from swelld.engine.plan import (
    BEFORE,
    Broken,
    Change,
    End,
    Opened,
    Order,
    Plan,
    Pulse,
    Report,
    RunStage,
    StageDone,
    Stop,
    Throttle,
)
from swelld.engine.premises import Premises
from swelld.engine.talking import client_for, load_for
from swelld.engine.tracing import Draw
from swelld.engine.valve import Valve
from swelld.load.arrivals import share
from swelld.measurement import Measurement
from swelld.prompts.base import PromptSet, Tokenizer

log = logging.getLogger(__name__)

PULSE_SECONDS: Final = 0.2
CLOSE_SECONDS: Final = 3.0
"""How long the connections of one target may take to close."""
MOST_KEPT: Final = 100_000
"""Measurements that wait for the hub to take them; the oldest beyond it are lost, and counted."""


class Shard:
    """The share of a plan that falls to one process, inside the running event loop.

    `congested` says that reports are not being taken: what was measured is kept for a later one then.
    """

    def __init__(
        self,
        plan: Plan,
        premises: Premises,
        report: Callable[[Report], None],
        congested: Callable[[], bool] = lambda: False,
    ) -> None:
        self._plan = plan
        self._premises = premises
        self._part = premises.part
        self._parts = premises.parts
        self._report = report
        self._congested = congested
        self._measurements: list[Measurement] = []
        self._lost = 0
        self._tick = 0
        self._prompts: PromptSet | None = None
        self._loads: list[Load] = []
        self._clients: list[Client] = []
        self._valve = Valve(len(plan.targets))
        self._calibrator: Calibrator | None = None
        self._pulsing: asyncio.Task[None] | None = None
        self._stages: set[asyncio.Task[None]] = set()
        self._number = BEFORE
        self._stopped = False

    async def open(self) -> None:
        """Make ready whatever takes time: prompts, tokenizers, addresses. ValueError says what cannot be used."""
        plan = self._plan
        prompts, tokenizers = await asyncio.to_thread(_read, plan)  # other runs of the process go on meanwhile
        self._prompts = prompts
        draw = Draw(plan.tracing, self._parts) if plan.tracing else None
        for number, target in enumerate(plan.targets):
            limit = max(1, share(target.connections, self._part, self._parts))
            adapter, counter = plan.adapters[number], tokenizers[number]
            judge = Judge(plan.checks, plan.seed, number) if plan.checks else None
            emit = self._measurements.append
            self._clients.append(client_for(prompts)(number, target, adapter, limit, emit, counter, draw, judge))
        clients = [*self._clients]
        if plan.calibration is not None:
            self._calibrator = Calibrator(plan.calibration, self._part, self._parts)
            clients.append(self._calibrator.client)
        await asyncio.gather(*(c.pool.addresses.look_up() for c in clients if not c.pool.addresses.socket_path))
        hold = self._premises.meters.hold
        self._valve.meters = [hold(name, target) for name, target in zip(plan.names, plan.targets, strict=True)]
        self._premises.vitals.begin()
        self._tick = self._premises.vitals.ticks
        self._pulsing = asyncio.create_task(self._pulse_for_ever())
        self._report(Opened(self._part, prompts.size))

    def take(self, order: Order) -> None:
        """Carry out an order; it is begun before the next one is looked at."""
        if isinstance(order, RunStage):
            stage = asyncio.create_task(self._carry_out(order))
            self._stages.add(stage)
            stage.add_done_callback(self._stages.discard)
        elif isinstance(order, Stop):
            self.stop(force=order.force)
        elif isinstance(order, End):
            for load in self._loads if order.number == self._number else ():
                load.stop(force=order.force)
        elif isinstance(order, Throttle):
            self._valve.turn(order)
            for load in self._loads:
                load.throttled()
        elif isinstance(order, Change):
            for load in self._loads:
                load.change(order)

    async def _carry_out(self, order: RunStage) -> None:
        try:
            await self.run_stage(order)
        except Exception as error:  # noqa: BLE001 - the run must hear of it, whatever it is
            self._report(Broken(self._part, f"{type(error).__name__}: {error}"))

    async def run_stage(self, order: RunStage) -> None:
        """Carry out the share of one stage in every lane, drain it, report it done."""
        self._number = order.number
        for number, client in enumerate(self._clients):
            client.begun = order.begun[number] if order.begun else 0
        loads, beside = self._share_of(order)
        self._loads = [*loads, *beside]
        if self._stopped:  # the order to stop came before this one was taken up
            self.stop(force=False)
        main = [asyncio.create_task(load.run()) for load in loads]
        calibrating = [asyncio.create_task(load.run()) for load in beside]
        try:
            await asyncio.gather(*main)
        finally:  # one of them may have failed, or all of this was cancelled
            for load in self._loads:
                load.stop(force=False)
            for one in main:
                one.cancel()
            found = await asyncio.gather(*main, *calibrating, return_exceptions=True)
            self._loads = []
            for error in found[len(main) :]:  # the load itself does not suffer from it
                if isinstance(error, Exception):
                    log.error("the calibration beside stage %d broke: %r", order.number, error)
        self.pulse(whatever=True)
        self._report(StageDone(self._part, order.number))

    def _share_of(self, order: RunStage) -> tuple[Sequence[Load], Sequence[Load]]:
        """The loads of a stage, and those that last as long as they do."""
        assert self._prompts is not None
        seed, calibrator = self._plan.seed, self._calibrator
        if order.number == BEFORE:
            return ([calibrator.load(order, seed)] if calibrator else []), []
        kind = load_for(self._prompts, order.stage)
        loads = [
            kind(order, lane, self._clients, self._prompts, seed, self._part, self._parts, self._valve)
            for lane in self._plan.lanes_of(order.stage)
        ]
        return loads, calibrator.beside(order, seed) if calibrator else []

    def stop(self, *, force: bool) -> None:
        """Start nothing new; with `force` cancel what is under way."""
        self._stopped = True
        for load in self._loads:
            load.stop(force=force)

    def pulse(self, *, whatever: bool = False) -> None:
        """Report now; while reports are not being taken only if `whatever` comes of it."""
        if self._congested() and not whatever:
            self._forget(len(self._measurements) - MOST_KEPT)
            return
        measurements = self._measurements[:]
        self._measurements.clear()
        lost, self._lost = self._lost, 0
        vitals, tick = self._premises.vitals, self._tick
        self._tick = vitals.ticks
        lag = vitals.since(tick)
        self._report(
            Pulse(
                shard=self._part,
                stage=self._number,
                measurements=measurements,
                begun=[c.begun for c in self._clients],
                in_flight=[c.in_flight for c in self._clients],
                connections=[c.pool.open for c in self._clients],
                waiting=sum(c.pool.waiting for c in self._clients),
                largest_batch=self._largest_batch(),
                cpu_seconds=time.process_time(),
                moment=now(),
                loop_lag=lag,
                ticks=vitals.ticks - len(lag),
                process=self._premises.process,
                withheld=self._valve.withheld(),
                lost=lost,
                measurement_errors=self._calibrator.taken() if self._calibrator else [],
            )
        )

    def _forget(self, surplus: int) -> None:
        if surplus > 0:
            del self._measurements[:surplus]
            self._lost += surplus

    def _largest_batch(self) -> int:
        largest = 0
        for client in self._clients:
            inbox = client.pool.inbox
            largest, inbox.largest = max(largest, inbox.largest), 0
        return largest

    async def aclose(self) -> None:
        """Cancel what is under way, close every connection, let go of everything; nothing is left behind."""
        for stage in self._stages:
            stage.cancel()
        await asyncio.gather(*self._stages, return_exceptions=True)
        if self._pulsing is not None:
            self._pulsing.cancel()
            await asyncio.gather(self._pulsing, return_exceptions=True)
            await self._premises.vitals.end()
        for meter in self._valve.meters:
            self._premises.meters.let_go(meter)
        clients = [*self._clients, *([self._calibrator.client] if self._calibrator else [])]
        await asyncio.gather(*(_close(client) for client in clients))
        self._clients.clear()  # they and the prompts are what is large; nothing else may keep them
        self._loads.clear()
        self._measurements.clear()
        self._prompts = self._calibrator = None

    async def _pulse_for_ever(self) -> None:
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            self.pulse()


def _read(plan: Plan) -> tuple[PromptSet, list[Tokenizer | None]]:
    """What may take seconds, outside of the event loop."""
    prompts = plan.prompts.open(plan.seed)
    return prompts, [_tokenizer(name, target.tokenizer) for name, target in zip(plan.names, plan.targets, strict=True)]


def _tokenizer(target: str, name: str | None) -> Tokenizer | None:
    if name is None:
        return None
    from swelld.prompts.tokens import tokenizer

    try:
        return tokenizer(name)
    except ValueError as error:
        raise ValueError(f"targets.{target}.tokenizer: {error}") from None


async def _close(client: Client) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.pool.aclose()
    except TimeoutError:
        log.warning("connections to %s are not closed after %g s", client.pool.addresses.place, CLOSE_SECONDS)
