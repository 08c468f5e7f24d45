"""The listener that hands a run's measurements to the outlets of the exporters."""

from collections.abc import Sequence

from swelld.clock import WallClock, now
from swelld.distribution import Floats
from swelld.engine.plan import Pulse
from swelld.hub.spec import Batch, Spec
from swelld.load.stage import Stage
from swelld.result import Result
from swelld_exporters.base import Exchanged, Origin
from swelld_exporters.outlet import Outlet, RunOver
from swelld_exporters.prometheus.requests import WARMUP


class OutletFeed:
    """One run's way into the outlets; a listener, and the witness of its end."""

    def __init__(self, spec: Spec, exchanges: Sequence[Outlet[Exchanged]], runs: Sequence[Outlet[RunOver]]) -> None:
        self._spec = spec
        self._exchanges = exchanges
        self._runs = runs
        self._wall = WallClock()
        self._started = now()
        self._ended = self._started
        self._origins: dict[tuple[str, int], Origin] = {}

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        """Origins are made when the first measurement comes."""

    def batch(self, spec: Spec, stage: Stage, target: int, found: Batch) -> None:
        label = WARMUP if found.warmup else stage.label
        origin = self._origins.get((label, target))
        if origin is None:
            origin = self._origins[label, target] = self._origin(label, target)
        exchanged = [Exchanged(origin, m) for m in found.measurements]
        for outlet in self._exchanges:
            outlet.put(exchanged)

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        """Nothing of it is exported."""

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        """They are on /metrics."""

    async def begin(self) -> None:
        """The run begins when it is made."""

    async def end(self) -> None:
        self._ended = now()

    def complete(self, result: Result) -> Result:
        over = RunOver(self._origin("", None), self._ended, result.run.state)
        for outlet in self._runs:
            outlet.put([over])
        return result

    def _origin(self, stage: str, number: int | None) -> Origin:
        """Of a target's exchanges in a stage; of the whole run without a target."""
        spec = self._spec
        target = spec.plan.targets[number] if number is not None else None
        return Origin(
            run_id=spec.id,
            scenario=spec.scenario,
            stage=stage,
            target=spec.plan.names[number] if number is not None else "",
            model=target.model if target else "",
            url=target.url if target else "",
            api=target.api if target else "",
            started=self._started,
            wall=self._wall,
            thresholds=spec.thresholds,
        )
