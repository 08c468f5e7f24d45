"""The shards of one run, wherever they are."""

import asyncio
from typing import Final, Protocol

import msgspec

from swelld.engine.plan import Alive, Broken, Closed, Died, Order, Plan, Pulse, Report
from swelld.engine.premises import Premises
from swelld.engine.shard import Shard

MOST_PULSES: Final = 1000
"""Reports that may wait for the run to take them; pulses beyond it are lost, and counted."""


class Crew(Protocol):
    """The shards of one run."""

    reports: asyncio.Queue[Report]
    """Everything the shards say."""
    size: int

    async def open(self) -> None:
        """Start the shards; each answers Opened or Broken. OSError if a process cannot be had."""

    def order(self, command: Order, part: int | None = None) -> None:
        """Tell every shard, or one."""

    async def restart(self, part: int) -> None:
        """Start a shard that died again; it answers Opened or Broken. OSError if a process cannot be had."""

    async def aclose(self) -> None:
        """End every shard of the run, leave nothing of it behind; may be called twice."""


class Mail:
    """Reports on their way to a run that may be slow to take them."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Report] = asyncio.Queue()
        self._lost: dict[int, int] = {}

    def put(self, report: Report) -> None:
        """Never waits: one slow run must not hold up the others of a process."""
        if isinstance(report, Pulse):
            if self.full:
                self._lost[report.shard] = self._lost.get(report.shard, 0) + len(report.measurements) + report.lost
                return
            if lost := self._lost.pop(report.shard, 0):
                report = msgspec.structs.replace(report, lost=report.lost + lost)
        if not isinstance(report, (Alive, Closed)):
            self.queue.put_nowait(report)

    @property
    def full(self) -> bool:
        """Whether pulses are thrown away."""
        return self.queue.qsize() >= MOST_PULSES

    def died(self, report: Died) -> None:
        """Nothing of what was lost before matters to a shard's replacement."""
        self._lost.pop(report.shard, None)
        self.put(report)


class InlineCrew:
    """One shard in the hub's own event loop: for tests, and where processes cannot be had."""

    size = 1

    def __init__(self, plan: Plan, premises: Premises) -> None:
        mail = Mail()
        self.reports = mail.queue
        self._shard = Shard(plan, premises, mail.put, lambda: mail.full)
        self._mail = mail
        self._opening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        try:
            await self._shard.open()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must hear of it
            self._mail.put(Broken(0, str(error) or type(error).__name__))

    async def restart(self, part: int) -> None:
        raise NotImplementedError("a shard inside the hub cannot die alone")

    def order(self, command: Order, part: int | None = None) -> None:
        self._shard.take(command)

    async def aclose(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._shard.aclose()
