"""One load process: carries out its exact share of every stage and reports what came back."""

import asyncio
import time
from collections.abc import Callable

from swelld.clock import now
from swelld.engine.calibrator import Calibrator
from swelld.engine.client import Client
from swelld.engine.loads import ClosedLoad, OpenLoad
from swelld.engine.pacing import Alarm
from swelld.engine.plan import BEFORE, Opened, Plan, Pulse, Report, RunStage, StageDone
from swelld.engine.tracing import Draw
from swelld.load.arrivals import share
from swelld.load.stage import ClosedStage
from swelld.measurement import Measurement

PULSE_SECONDS = 0.2
TICK_SECONDS = 0.02
"""How often the loop's lag is sampled."""


class Shard:
    """Share `part` of `parts` of a plan, inside the running event loop."""

    def __init__(self, plan: Plan, part: int, parts: int, report: Callable[[Report], None]) -> None:
        self._plan = plan
        self._part = part
        self._parts = parts
        self._report = report
        self._measurements: list[Measurement] = []
        self._loop_lag: list[float] = []
        self._loads: list[ClosedLoad | OpenLoad] = []
        self._clients: list[Client] = []
        self._calibrator: Calibrator | None = None
        self._background: list[asyncio.Task[None]] = []
        self._stopped = False

    async def open(self) -> None:
        """Make ready whatever takes time: prompts, tokenizers, addresses. ValueError says what cannot be used."""
        plan = self._plan
        self._prompts = plan.prompts.open(plan.seed)
        draw = Draw(plan.tracing, self._parts) if plan.tracing else None
        for number, target in enumerate(plan.targets):
            limit = max(1, share(target.connections, self._part, self._parts))
            adapter = plan.adapters[number]
            counter = None
            if target.tokenizer:
                from swelld.prompts.tokens import tokenizer

                counter = tokenizer(target.tokenizer)
            self._clients.append(Client(number, target, adapter, limit, self._measurements.append, counter, draw))
        clients = [*self._clients]
        if plan.calibration is not None:
            self._calibrator = Calibrator(plan.calibration, self._part, self._parts)
            clients.append(self._calibrator.client)
        await asyncio.gather(*(c.pool.addresses.look_up() for c in clients if not c.pool.addresses.socket_path))
        self._background = [asyncio.create_task(self._watch_loop()), asyncio.create_task(self._pulse_for_ever())]
        self._report(Opened(self._part, self._prompts.size))

    async def run_stage(self, order: RunStage) -> None:
        """Carry out the share of one stage in every lane, drain it, report it done."""
        for number, client in enumerate(self._clients):
            client.begun = order.begun[number] if order.begun else 0
        loads, beside = self._share_of(order)
        self._loads = [*loads, *beside]
        if self._stopped:  # the order to stop came before this one was taken up
            self.stop(force=False)
        calibrating = asyncio.gather(*(load.run() for load in beside))
        try:
            await asyncio.gather(*(load.run() for load in loads))
        finally:
            for load in beside:
                load.stop(force=False)
            await calibrating
        self.pulse()
        self._report(StageDone(self._part, order.number))

    def _share_of(self, order: RunStage) -> tuple[list[ClosedLoad | OpenLoad], list[OpenLoad]]:
        """The loads of a stage, and those that last as long as they do."""
        seed, calibrator = self._plan.seed, self._calibrator
        if order.number == BEFORE:
            return ([calibrator.load(order, seed)] if calibrator else []), []
        kind = ClosedLoad if isinstance(order.stage, ClosedStage) else OpenLoad
        loads = [
            kind(order, lane, self._clients, self._prompts, seed, self._part, self._parts) for lane in self._plan.lanes
        ]
        return loads, calibrator.beside(order, seed) if calibrator else []

    def stop(self, *, force: bool) -> None:
        """Start nothing new; with `force` cancel what is under way."""
        self._stopped = True
        for load in self._loads:
            load.stop(force=force)

    def pulse(self) -> None:
        """Report now."""
        measurements = self._measurements[:]
        self._measurements.clear()
        lag, self._loop_lag = self._loop_lag, []
        self._report(
            Pulse(
                shard=self._part,
                measurements=measurements,
                begun=[c.begun for c in self._clients],
                in_flight=[c.in_flight for c in self._clients],
                connections=[c.pool.open for c in self._clients],
                waiting=sum(c.pool.waiting for c in self._clients),
                largest_batch=self._largest_batch(),
                cpu_seconds=time.process_time(),
                loop_lag=lag,
                measurement_errors=self._calibrator.taken() if self._calibrator else [],
            )
        )

    def _largest_batch(self) -> int:
        largest = 0
        for client in self._clients:
            inbox = client.pool.inbox
            largest, inbox.largest = max(largest, inbox.largest), 0
        return largest

    async def aclose(self) -> None:
        """Close every connection; nothing is left behind."""
        for background in self._background:
            background.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._calibrator is not None:
            await self._calibrator.client.pool.aclose()
        await asyncio.gather(*(client.pool.aclose() for client in self._clients))

    async def _watch_loop(self) -> None:
        alarm = Alarm()
        try:
            moment = now()
            while True:
                moment = max(moment + TICK_SECONDS, now())
                await alarm.until(moment)
                self._loop_lag.append(now() - moment)
        finally:
            alarm.close()

    async def _pulse_for_ever(self) -> None:
        while True:
            await asyncio.sleep(PULSE_SECONDS)
            self.pulse()
