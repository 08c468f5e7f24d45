"""What the GPUs used while a run measured."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np

from swelld.clock import now
from swelld.distribution import Floats
from swelld.engine.plan import Pulse
from swelld.hub.run import LEAD_SECONDS
from swelld.hub.spec import Batch, Spec
from swelld.hub.tally import Window
from swelld.load.stage import Stage
from swelld.result import GpuSummary, GpuUse, Result, StageResult
from swelld_exporters.nvml.reading import Gpu, Reading

MOST_LOOKS: Final = 8192
"""Looks at a GPU that are kept; beyond it every second one goes, so a week costs no more than an hour."""


class _Look(NamedTuple):
    """A GPU at one moment; nan is what is not known."""

    moment: float
    joules: float
    busy: float
    """Seconds of use since the first look."""
    memory: float
    """Most bytes in use since the look before."""


class History:
    """One GPU over time, in bounded memory."""

    def __init__(self) -> None:
        self._looks: list[_Look] = []
        self._joules = 0.0
        self._busy = 0.0
        self._moment: float | None = None

    def add(self, moment: float, gpu: Gpu | None) -> None:
        """A look; None: it could not be read."""
        passed = moment - (moment if self._moment is None else self._moment)
        self._moment = moment
        if gpu is None:
            self._append(_Look(moment, np.nan, np.nan, np.nan))
            return
        joules = np.nan
        if gpu.energy is not None:
            joules = gpu.energy if gpu.energy >= self._joules else np.nan  # it starts again when the driver does
            self._joules = gpu.energy
        self._busy += (gpu.utilization or 0.0) * passed
        busy = np.nan if gpu.utilization is None else self._busy
        self._append(_Look(moment, joules, busy, _known(gpu.memory_used)))

    def used(self, windows: Sequence[tuple[float, float]]) -> tuple[float | None, float | None, float | None]:
        """Joules, seconds of use and most memory within some windows."""
        if not self._looks:
            return None, None, None
        looks = np.array(self._looks, dtype=np.float64)
        parts = [_between(looks, begin, end) for begin, end in windows if end > begin]
        if not parts:
            return None, None, None
        joules, busy, memory = np.array(parts).T
        return _or_none(joules.sum()), _or_none(busy.sum()), _or_none(memory.max())

    def _append(self, look: _Look) -> None:
        self._looks.append(look)
        if len(self._looks) > MOST_LOOKS:
            pairs = zip(self._looks[::2], self._looks[1::2], strict=False)
            self._looks = [_merged(first, second) for first, second in pairs]


def _merged(first: _Look, second: _Look) -> _Look:
    """The second one; what is unknown in either is unknown."""
    joules, busy, memory = np.maximum(first[1:], second[1:])  # all but memory only grow
    return _Look(second.moment, float(joules), float(busy), float(memory))


def _between(looks: Floats, begin: float, end: float) -> tuple[float, float, float]:
    """Joules and seconds of use between two moments, and most memory; nan where the looks do not reach over them."""
    moments, joules, busy, memory = looks.T
    first = int(np.searchsorted(moments, begin, side="right")) - 1
    last = int(np.searchsorted(moments, end, side="left"))
    if first < 0 or last >= len(moments):
        return np.nan, np.nan, np.nan
    inside = slice(first, last + 1)
    edges = np.array([begin, end])
    totals = [
        np.nan
        if np.isnan(values[inside]).any()
        else float(np.diff(np.interp(edges, moments[inside], values[inside]))[0])
        for values in (joules, busy)
    ]
    return totals[0], totals[1], float(memory[inside].max())


class _Measured(NamedTuple):
    """A stage as it was seen from here."""

    start: float
    window: Window


class Readings(Protocol):
    """Where readings of the GPUs come from."""

    def subscribe(self, take: Callable[[Reading], None]) -> None:
        """Be given every reading."""

    def unsubscribe(self, take: Callable[[Reading], None]) -> None:
        """Be given no more; of no effect without a subscription."""

    async def look(self) -> None:
        """Read now; soon over, whatever the driver does."""


class GpuRecorder:
    """A listener and witness of one run that hears of the GPUs."""

    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._stages: list[_Measured] = []
        self._histories: defaultdict[tuple[str, str], History] = defaultdict(History)
        self._names: dict[tuple[str, str], str] = {}

    async def begin(self) -> None:
        """What happens from now on lies between two readings."""
        self._readings.subscribe(self.take)
        await self._readings.look()

    async def end(self) -> None:
        """The last reading."""
        await self._readings.look()
        self._readings.unsubscribe(self.take)

    def take(self, reading: Reading) -> None:
        """A look at every GPU."""
        whole = {(gpu.index, gpu.uuid): gpu for gpu in reading.gpus if not gpu.mig_profile}
        self._names |= {key: gpu.name for key, gpu in whole.items()}
        for key in self._histories.keys() | whole.keys():
            self._histories[key].add(reading.moment, whole.get(key))

    def stage_begins(self, spec: Spec, stage: Stage) -> None:
        start = now() + LEAD_SECONDS
        self._stages.append(_Measured(start, Window(stage, start)))

    def batch(self, spec: Spec, stage: Stage, target: int, found: Batch) -> None:
        if not found.warmup:
            self._stages[-1].window.see(found.measurements)

    def pulse(self, spec: Spec, stage: Stage, pulse: Pulse, *, saturated: bool) -> None:
        """It says nothing of GPUs."""

    def measurement_errors(self, spec: Spec, errors: Floats) -> None:
        """They say nothing of GPUs."""

    def complete(self, result: Result) -> Result:
        """The result with what the GPUs used; as it is where there are none."""
        if not self._histories:
            return result
        windows = self._windows(result.stages)
        seconds = sum(end - begin for begin, end in windows)
        gpus = [self._summary(key, windows, seconds) for key in sorted(self._histories)]
        energies = [gpu.energy_joules for gpu in gpus]
        energy = sum(joules for joules in energies if joules is not None) if None not in energies else None
        tokens = sum((stage.output_token_rate or 0.0) * stage.window_seconds for stage in result.stages)
        use = GpuUse(
            window_seconds=seconds,
            gpus=gpus,
            energy_joules=energy,
            joules_per_output_token=energy / tokens if energy and tokens else None,
            tokens_per_second_per_watt=tokens / energy if energy and tokens else None,
        )
        return msgspec.structs.replace(result, gpu=use)

    def _windows(self, results: Sequence[StageResult]) -> list[tuple[float, float]]:
        """When each stage measured: all its targets together."""
        if not self._stages:
            return []
        targets = len(results) // len(self._stages)
        found = []
        for number, seen in enumerate(self._stages):
            stage = results[number * targets : (number + 1) * targets]
            begin = seen.window.start
            steady = next((one.phases for one in stage if one.phases.used == "steady"), None)
            if steady is not None and steady.ramp_seconds is not None:
                begin = seen.start + steady.ramp_seconds
            if begin is not None and stage:
                found.append((begin, begin + max(one.window_seconds for one in stage)))
        return found

    def _summary(self, key: tuple[str, str], windows: Sequence[tuple[float, float]], seconds: float) -> GpuSummary:
        joules, busy, memory = self._histories[key].used(windows)
        return GpuSummary(
            gpu=key[0],
            uuid=key[1],
            name=self._names[key],
            energy_joules=joules,
            mean_power_watts=joules / seconds if joules is not None and seconds else None,
            mean_utilization=busy / seconds if busy is not None and seconds else None,
            max_memory_bytes=int(memory) if memory is not None else None,
        )


def _known(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
