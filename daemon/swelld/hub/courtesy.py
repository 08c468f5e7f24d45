"""The listener that watches over a run's servers for users in need, and throttles the run for them."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from swelld.analysis import figures
from swelld.clock import now
from swelld.distribution import Floats
from swelld.engine.plan import Pulse
from swelld.hub.spec import Batch, Spec
from swelld.hub.yielding import Share, YieldToUsers, others_waiting
from swelld.load.stage import Stage
from swelld.measurement import Outcome
from swelld.result import Finding, Result
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.server_metrics.engines import Quantity

REASON: Final = "yield"
PULSES_SECONDS: Final = 0.5
"""By then every shard has said what it had under way at the time of a look."""
STEP: Final = 0.01
"""Smaller changes are not worth an order to every shard."""


class _Look:
    """What a server told, until it is known how much of that was ours."""

    def __init__(self, moment: float, waiting: float, running: float | None, ours: int) -> None:
        self.moment = moment
        self.waiting = waiting
        self.running = running
        self.ours = ours


class Courtesy:
    """One run's way of making room. `throttle` is told a reason and the share of the load to send."""

    def __init__(
        self,
        settings: YieldToUsers,
        spec: Spec,
        throttle: Callable[[str, float], None],
        registry: Registry | None = None,
        clock: Callable[[], float] = now,
    ) -> None:
        self._share = Share(settings, clock())
        self._spec = spec
        self._throttle = throttle
        self._registry = registry
        self._clock = clock
        self._began = clock()
        self._told = 1.0
        self._known: set[int] = set()  # targets that have told of their queue
        self._looks: dict[int, _Look] = {}
        self._in_flight: defaultdict[int, dict[int, int]] = defaultdict(dict)  # by target and shard

    def look(self, target: int, values: Mapping[Quantity, float] | None) -> None:
        """A look at a target's own metrics; None if it failed."""
        moment = self._clock()
        if values is None or Quantity.WAITING not in values:
            if target in self._known:
                self._share.hold(moment)
            return
        self._known.add(target)
        waiting, running = values[Quantity.WAITING], values.get(Quantity.RUNNING)
        self._looks.setdefault(target, _Look(moment, waiting, running, self._ours(target)))

    # --- the listener

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        """The share goes on from stage to stage."""
        self._show()

    def batch(self, spec: Spec, stage: Stage, target: int, found: Batch) -> None:
        if found.columns.outcomes.get(Outcome.THROTTLED):
            self._share.throttled(self._clock())

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        moment = self._clock()
        for target, count in enumerate(pulse.in_flight):
            self._in_flight[target][pulse.shard] = count
        for target, look in [*self._looks.items()]:
            look.ours = max(look.ours, self._ours(target))
            if moment - look.moment >= PULSES_SECONDS:
                del self._looks[target]
                self._share.look(target, others_waiting(look.waiting, look.running, look.ours), look.moment)
        share = self._share.tick(moment)
        if abs(share - self._told) >= STEP or (share in (0.0, 1.0) and share != self._told):
            self._told = share
            self._throttle(REASON, share)
        self._show()

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        """The calibration has a server of its own."""

    # --- the witness

    async def begin(self) -> None:
        """Nothing has been sent yet: the full load."""
        self._began = self._clock()

    async def end(self) -> None:
        """No run, no share."""
        if self._registry is not None:
            self._registry.gauge(names.YIELD_FACTOR).remove(scenario=self._spec.scenario)

    def complete(self, result: Result) -> Result:
        """With a word on what was not sent."""
        self._share.tick(self._clock())
        if not self._share.withheld:
            return result
        return msgspec.structs.replace(result, verdict=[*result.verdict, self._finding()])

    def _finding(self) -> Finding:
        elapsed = max(self._clock() - self._began, self._share.withheld)
        text = (
            f"{figures.percent(self._share.withheld / elapsed)} of the load was not sent, to make room for the "
            f"servers' users; at the least {figures.percent(self._share.least)} of it was"
        )
        return Finding("WARNING", REASON, text, reason="the figures are of a lighter load than the one asked for")

    def _ours(self, target: int) -> int:
        return sum(self._in_flight[target].values())

    def _show(self) -> None:
        if self._registry is not None:
            self._registry.gauge(names.YIELD_FACTOR).labels(self._spec.scenario).set(self._share.value)
