"""When the instrument itself was the bottleneck: a documented rule over what the shards say of themselves."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from swelld.distribution import Distribution
from swelld.engine.plan import Pulse
from swelld.hub.figures import statistics
from swelld.result import Validity

CPU_SHARE: Final = 0.9
"""Above this share of one core a shard has no room left for a burst."""
LOOP_LAG: Final = 0.002
"""Seconds the event loop may be late in the median of a window: every stamp is late by about as much."""
THROTTLED: Final = 0.1
"""Share of a window for which the container's CPU quota may stop us."""
SCHEDULE_LAG: Final = 0.010
"""Seconds between due and sent (connecting not counted) at the 99th percentile."""
LEAST_SECONDS: Final = 0.05
"""In less a share cannot be told; the last pulse of a stage may follow close on the one before."""
SATURATED_WINDOWS: Final = 0.05
"""Share of a stage's windows that may be saturated before its figures are in doubt."""


@dataclass(slots=True)
class Watch:
    """What is known of one stage; fed with every pulse."""

    loop_lag: Distribution = field(default_factory=Distribution)
    busiest: float | None = None
    windows: int = 0
    saturated_windows: int = 0
    deaths: list[str] = field(default_factory=list)
    lost: int = 0
    """Measurements that nobody took."""
    warning: str | None = None
    """What is wrong right now."""
    _largest_batch: int = 0
    _most_waiting: int = 0
    _cpu: dict[int, tuple[float, float]] = field(default_factory=dict)
    """By shard: a moment, and the CPU seconds used by then."""
    _throttled: float = 0.0
    _quota: tuple[float, float] | None = None
    """A moment, and for how long the container's quota had stopped it by then."""
    _stopped: float | None = None
    """The share of the time for which it did of late."""

    def pulse(self, pulse: Pulse, moment: float, throttled_seconds: float) -> bool:
        """One window of one shard; `throttled_seconds` is the container's total. True if the window was saturated."""
        lag = np.asarray(pulse.loop_lag)
        share = self._cpu_share(pulse, moment)
        if share is not None:
            self.busiest = max(self.busiest or 0.0, share)
        self._see_quota(moment, throttled_seconds)
        self.loop_lag.update(lag)
        self._largest_batch = max(self._largest_batch, pulse.largest_batch)
        self._most_waiting = max(self._most_waiting, pulse.waiting)
        self.windows += 1
        self.lost += pulse.lost
        self.warning = _warning(float(np.median(lag)) if lag.size else None, share, self._stopped)
        self.saturated_windows += self.warning is not None
        return self.warning is not None

    def died(self, shard: int, how: str, lost: int) -> None:
        """A load process died in the middle of the stage."""
        self._cpu.pop(shard, None)
        self.deaths.append(f"load process {shard} died ({how}) and was replaced; {lost} requests under way were lost")

    def verdict(
        self, lag: Distribution, connect: Distribution, offered: float | None, achieved: float | None
    ) -> Validity:
        """The stage's validity: the rule, and every reason that speaks against it."""
        reasons = [*self.deaths, *self._saturation(), *_lateness(lag, connect)]
        if self.lost:
            reasons.append(f"{self.lost} measurements were lost: swelld could not take them as fast as they came")
        if self._most_waiting:
            text = "up to {} requests waited for a connection: raise the target's `connections`"
            reasons.append(text.format(self._most_waiting))
        return Validity(
            valid=not reasons,
            reasons=reasons,
            event_loop_lag=statistics(self.loop_lag),
            cpu_share=self.busiest,
            offered_rate=offered,
            achieved_rate=achieved,
            windows=self.windows,
            saturated_windows=self.saturated_windows,
            largest_read_batch=self._largest_batch,
            throttled_seconds=self._throttled,
        )

    def _cpu_share(self, pulse: Pulse, moment: float) -> float | None:
        """By the shard's own clock: pulses may have waited for the hub, and come all at once."""
        at = moment if pulse.moment is None else pulse.moment
        before = self._cpu.get(pulse.shard)
        if before is not None and at - before[0] < LEAST_SECONDS:
            return None
        self._cpu[pulse.shard] = at, pulse.cpu_seconds
        return None if before is None else (pulse.cpu_seconds - before[1]) / (at - before[0])

    def _see_quota(self, moment: float, total: float) -> None:
        """It is the container's: however many shards are heard, what it has stopped is counted once."""
        if self._quota is None:
            self._quota = moment, total
            return
        before, known = self._quota
        if moment - before >= LEAST_SECONDS:
            self._quota, self._stopped = (moment, total), (total - known) / (moment - before)
            self._throttled += max(0.0, total - known)

    def _saturation(self) -> list[str]:
        if self.saturated_windows <= SATURATED_WINDOWS * self.windows:
            return []
        part = f"{self.saturated_windows} of {self.windows} windows of 0.2 s"
        return [f"the load process was the bottleneck in {part}: use more shards, more cores or less load"]


def _warning(lag: float | None, cpu_share: float | None, throttled: float | None) -> str | None:
    """The rule for one window: the first thing that speaks against it."""
    if lag is not None and lag > LOOP_LAG:
        return f"the load process is {lag * 1e3:.1f} ms late: figures show it, not the server"
    if cpu_share is not None and cpu_share > CPU_SHARE:
        return f"the load process uses {cpu_share:.0%} of a core: figures show it, not the server"
    if throttled is not None and throttled > THROTTLED:
        return f"the container's CPU quota stops swelld {throttled:.0%} of the time: raise its CPU limit"
    return None


def _lateness(lag: Distribution, connect: Distribution) -> list[str]:
    late = lag.quantile(0.99)
    if late is None or late <= SCHEDULE_LAG + (connect.quantile(0.99) or 0.0):
        return []
    return [f"requests left late: p99 of the schedule lag is {late * 1e3:.1f} ms"]
