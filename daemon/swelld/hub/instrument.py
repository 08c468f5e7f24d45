"""What the load processes spend, counted once however many runs share them."""

import numpy as np

from swelld.engine.plan import Pulse
from swelld_exporters import names
from swelld_exporters.prometheus.registry import Registry

MOST_PROCESSES = 1024
"""That are remembered; those that have not been heard of for longest are forgotten."""


class Instrument:
    """The way of the processes' own figures into a registry; one for all runs."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[int, int], tuple[float, int]] = {}

    def take(self, pulse: Pulse) -> None:
        """What is new in a pulse since the last one of its process, of whichever run."""
        key = (pulse.shard, pulse.process)
        cpu, ticks = self._known.pop(key, (0.0, 0))
        shard = str(pulse.shard)
        lags = pulse.loop_lag[max(0, ticks - pulse.ticks) :]
        self._registry.histogram(names.EVENT_LOOP_LAG).labels(shard).update(np.asarray(lags))
        self._registry.counter(names.SHARD_CPU).labels(shard).inc(max(0.0, pulse.cpu_seconds - cpu))
        heard = max(ticks, pulse.ticks + len(pulse.loop_lag))
        self._known[key] = (max(cpu, pulse.cpu_seconds), heard)
        if len(self._known) > MOST_PROCESSES:
            del self._known[next(iter(self._known))]
