"""The targets' own metrics beside a run: read just before its first request, while it goes on, and after its last."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from swelld.analysis.crosscheck import Client, Mean, compare, crosscheck
from swelld.distribution import Floats
from swelld.engine.plan import Pulse
from swelld.hub.sighting import Sighting, scraper
from swelld.hub.spec import Batch, Spec
from swelld.load.stage import Stage
from swelld.measurement import Outcome
from swelld.result import Result, ServerResult
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.server_metrics.engines import Quantity

log = logging.getLogger(__name__)

BEGIN_SECONDS: Final = 1.0
"""How long the load waits for the first look."""
FIRST_SECONDS: Final = 1.0
"""From then to the next look, where the interval is longer: a short run has levels too."""
OFTEN_SECONDS: Final = 1.0
"""Between two looks where somebody waits to be told, whatever the interval."""
SETTLE_SECONDS: Final = 0.25
SETTLE_LOOKS: Final = 4
"""How often, and after what pauses, the server is given time to count what it has answered."""


Tell = Callable[[int, Mapping[Quantity, float] | None], None]
"""Told the number of a target and the levels of its latest look, None if it failed."""


class Company:
    """Who else in this process loads the same servers at the same time; one for all runs of a daemon."""

    def __init__(self) -> None:
        self._there: dict[str, set[_Server]] = {}

    @property
    def places(self) -> int:
        """How many servers are loaded now."""
        return len(self._there)

    def join(self, server: "_Server") -> None:
        """Begin to load it: those that are there already, and the new one, are not alone."""
        there = self._there.setdefault(server.place, set())
        there.add(server)
        if len(there) > 1:
            for each in there:
                each.alone = False

    def leave(self, server: "_Server") -> None:
        """No more requests."""
        there = self._there.get(server.place, set())
        there.discard(server)
        if not there:  # discovered targets come and go under ever new addresses
            self._there.pop(server.place, None)


class _Totals:
    """What swelld itself saw of one target, whatever stage it was in."""

    def __init__(self) -> None:
        self.ok = self.begun = 0
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.ttft, self.e2e = Mean(), Mean()

    def add(self, found: Batch) -> None:
        columns = found.columns
        self.ok += columns.outcomes.get(Outcome.OK, 0)
        self.begun += sum(columns.outcomes.values()) - columns.outcomes.get(Outcome.DROPPED, 0)
        if columns.input_tokens_by_source:
            self.input_tokens = (self.input_tokens or 0) + sum(columns.input_tokens_by_source.values())
        if columns.output_tokens_by_source:
            self.output_tokens = (self.output_tokens or 0) + sum(columns.output_tokens_by_source.values())
        self.ttft.add(float(columns.ttft.sum()), columns.ttft.size)
        self.e2e.add(float(columns.e2e.sum()), columns.e2e.size)

    def client(self) -> Client:
        return Client(self.ok, self.begun - self.ok, self.input_tokens, self.output_tokens, self.ttft, self.e2e)


class _Server:
    """One target under watch."""

    def __init__(self, spec: Spec, number: int, registry: Registry | None, tell: Tell | None) -> None:
        target = spec.plan.targets[number]
        self.sighting = Sighting(spec.scenario, spec.plan.names[number], target, scraper(target), registry)
        self.place = str(self.sighting.place)
        self.interval = min(target.metrics.interval, OFTEN_SECONDS) if tell else target.metrics.interval
        self._tell = partial(tell, number) if tell else None
        self.alone = True
        self.totals = _Totals()

    async def watch(self, over: asyncio.Event) -> None:
        """Look from the beginning until it is over."""
        pause = min(FIRST_SECONDS, self.interval)
        while self.sighting.possible:
            try:
                await asyncio.wait_for(over.wait(), pause)
            except TimeoutError:
                levels = await self.sighting.look()
                if self._tell:
                    self._tell(levels)
                pause = self.interval
            else:
                return

    async def settle(self) -> None:
        """The last look, and a few more while the server has still to count."""
        for _ in range(SETTLE_LOOKS):
            if not self.sighting.possible:
                return
            if not await self.sighting.last_look() or self.sighting.has_counted(self.totals.client()):
                return
            await asyncio.sleep(SETTLE_SECONDS)

    def result(self) -> ServerResult | None:
        found = self.sighting.result(alone=self.alone)
        if found is None or found.note is not None:
            return found
        return msgspec.structs.replace(found, checks=compare(self.totals.client(), found))


class Servers:
    """All targets of a run that may have metrics; it listens to the run and is its witness.

    `tell` is told every look, which are a second apart at most then.
    """

    def __init__(
        self,
        spec: Spec,
        registry: Registry | None = None,
        company: Company | None = None,
        tell: Tell | None = None,
    ) -> None:
        self._company = company or Company()
        self._servers = {
            number: _Server(spec, number, registry, tell)
            for number, target in enumerate(spec.plan.targets)
            if target.metrics.url != "off"
        }
        self._over = asyncio.Event()
        self._watching: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """The look that the growth of all counters is measured from."""
        for server in self._servers.values():
            self._company.join(server)
        if not self._servers:
            return
        looks = [asyncio.create_task(server.sighting.first_look()) for server in self._servers.values()]
        _, late = await asyncio.wait(looks, timeout=BEGIN_SECONDS)
        for server, look in zip(self._servers.values(), looks, strict=True):
            if look in late:
                server.sighting.came_late()
            self._watching.append(asyncio.create_task(self._watch(server, look)))

    async def end(self) -> None:
        """The last looks; each has a deadline of its own."""
        self._over.set()
        try:
            await asyncio.gather(*self._watching)
            if self._watching:
                await asyncio.gather(*(server.settle() for server in self._servers.values()))
        finally:
            for server in self._servers.values():
                self._company.leave(server)
                server.sighting.forget()

    def complete(self, result: Result) -> Result:
        """With what the servers said, and what that says of the figures."""
        found = [seen for server in self._servers.values() if (seen := server.result()) is not None]
        if not found:
            return result
        return msgspec.structs.replace(result, server=found, verdict=[*result.verdict, *crosscheck(found)])

    async def _watch(self, server: _Server, first: "asyncio.Task[None]") -> None:
        await first
        await server.watch(self._over)

    # --- the listener

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        """All stages are one to the server."""

    def batch(self, spec: Spec, stage: Stage, target: int, found: Batch) -> None:
        if target in self._servers:
            self._servers[target].totals.add(found)

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        """Nothing of it is kept."""

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        """The calibration has a server of its own."""


def watched(
    spec: Spec, registry: Registry | None = None, company: Company | None = None, tell: Tell | None = None
) -> Sequence[Servers]:
    """The witness of a run, or none where every target says `metrics: off`."""
    return [Servers(spec, registry, company, tell)] if any(t.metrics.url != "off" for t in spec.plan.targets) else []
