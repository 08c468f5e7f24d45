"""When the instrument itself was the bottleneck: a documented rule over what the shards say of themselves."""

from dataclasses import dataclass, field

import numpy as np

from swelld.distribution import Distribution, Floats
from swelld.hub.figures import statistics
from swelld.result import Validity

CPU_SHARE = 0.9
"""Above this share of one core a shard has no room left for a burst."""
LOOP_LAG = 0.005
"""Seconds the event loop may be late in the median of a second: every stamp is late by as much."""
SCHEDULE_LAG = 0.010
"""Seconds between due and sent (connecting not counted) at the 99th percentile."""


@dataclass(slots=True)
class Watch:
    """What is known of one stage; fed with every pulse."""

    loop_lag: Distribution = field(default_factory=Distribution)
    busiest: float | None = None
    saturated_windows: int = 0
    windows: int = 0
    warning: str | None = None
    """What is wrong right now."""
    _cpu: dict[int, tuple[float, float]] = field(default_factory=dict)

    def pulse(self, shard: int, moment: float, cpu_seconds: float, loop_lag: Floats) -> bool:
        """One window of one shard; True if it was saturated."""
        share = None
        before = self._cpu.get(shard)
        if before is not None and moment > before[0]:
            share = (cpu_seconds - before[1]) / (moment - before[0])
            self.busiest = max(self.busiest or 0.0, share)
        self._cpu[shard] = (moment, cpu_seconds)
        self.loop_lag.update(loop_lag)
        self.windows += 1
        late = bool(loop_lag.size) and float(np.median(loop_lag)) > LOOP_LAG
        saturated = late or (share is not None and share > CPU_SHARE)
        self.saturated_windows += saturated
        self.warning = "the load process is the bottleneck: figures show it, not the server" if saturated else None
        return saturated

    def verdict(
        self, lag: Distribution, connect: Distribution, offered: float | None, achieved: float | None
    ) -> Validity:
        """The stage's validity: the rule, and every reason that speaks against it."""
        reasons = []
        if self.saturated_windows:
            share = f"{self.saturated_windows} of {self.windows}"
            reasons.append(
                f"the load process was the bottleneck in {share} windows of 0.2 s: use more shards or less load"
            )
        late = lag.quantile(0.99)
        slack = SCHEDULE_LAG + (connect.quantile(0.99) or 0.0)
        if late is not None and late > slack:
            reasons.append(f"requests left late: p99 of the schedule lag is {late * 1e3:.1f} ms")
        return Validity(
            valid=not reasons,
            reasons=reasons,
            event_loop_lag=statistics(self.loop_lag),
            cpu_share=self.busiest,
            offered_rate=offered,
            achieved_rate=achieved,
        )
