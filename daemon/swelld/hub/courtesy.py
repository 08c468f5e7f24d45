"""The listener that watches over a run's servers for users in need, and throttles the run for them."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from swelld.analysis import figures
from swelld.clock import now
from swelld.distribution import Floats
from swelld.engine.plan import Pulse
from swelld.hub.holding import Hold
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


class _Place:
    """One target, and how much of its load is sent."""

    def __init__(self, share: Share) -> None:
        self.share = share
        self.told = 1.0
        """The share that the run was told of last."""
        self.known = False
        """Whether the server has told of its queue."""
        self.look: _Look | None = None
        self.in_flight: dict[int, int] = {}
        """By shard."""

    @property
    def ours(self) -> int:
        """Requests of the run that are under way."""
        return sum(self.in_flight.values())

    def tick(self, moment: float) -> float:
        """The share from now on."""
        look = self.look
        if look is not None:
            look.ours = max(look.ours, self.ours)
            if moment - look.moment >= PULSES_SECONDS:
                self.look = None
                self.share.look(others_waiting(look.waiting, look.running, look.ours), look.moment)
        return self.share.tick(moment)


class Courtesy:
    """One run's way of making room: less is sent to those of its targets whose users wait."""

    def __init__(
        self,
        settings: YieldToUsers,
        spec: Spec,
        throttle: Hold,
        registry: Registry | None = None,
        clock: Callable[[], float] = now,
    ) -> None:
        self._places = [_Place(Share(settings, clock())) for _ in spec.plan.names]
        self._spec = spec
        self._throttle = throttle
        self._registry = registry
        self._clock = clock
        self._began = clock()

    def look(self, target: int, values: Mapping[Quantity, float] | None) -> None:
        """A look at a target's own metrics; None if it failed."""
        moment, place = self._clock(), self._places[target]
        if values is None or Quantity.WAITING not in values:
            if place.known:
                place.share.hold(moment)
            return
        place.known = True
        if place.look is None:
            place.look = _Look(moment, values[Quantity.WAITING], values.get(Quantity.RUNNING), place.ours)

    # --- the listener

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        """The shares go on from stage to stage."""
        self._show()

    def batch(self, spec: Spec, stage: Stage, target: int, found: Batch) -> None:
        if found.columns.outcomes.get(Outcome.THROTTLED):
            self._places[target].share.throttled(self._clock())

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        moment = self._clock()
        for target, (place, count) in enumerate(zip(self._places, pulse.in_flight, strict=True)):
            place.in_flight[pulse.shard] = count
            share = place.tick(moment)
            if abs(share - place.told) >= STEP or (share in (0.0, 1.0) and share != place.told):
                place.told = share
                self._throttle(REASON, share, target)
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
        for place in self._places:
            place.share.tick(self._clock())
        findings = [
            self._finding(name, place.share)
            for name, place in zip(self._spec.plan.names, self._places, strict=True)
            if place.share.withheld
        ]
        return msgspec.structs.replace(result, verdict=[*result.verdict, *findings]) if findings else result

    def _finding(self, target: str, share: Share) -> Finding:
        elapsed = max(self._clock() - self._began, share.withheld)
        text = (
            f"{figures.percent(share.withheld / elapsed)} of the load was not sent, to make room for the server's "
            f"users; at the least {figures.percent(share.least)} of it was"
        )
        reason = "the figures are of a lighter load than the one asked for"
        return Finding("WARNING", REASON, text, target=target, reason=reason)

    def _show(self) -> None:
        if self._registry is not None:
            gauge = self._registry.gauge(names.YIELD_FACTOR)
            for name, place in zip(self._spec.plan.names, self._places, strict=True):
                gauge.labels(self._spec.scenario, name).set(place.share.value)
