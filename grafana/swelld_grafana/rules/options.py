"""What the rules can be told; burn rates are data, and their factors are computed."""

from dataclasses import dataclass
from typing import Final

from swelld_grafana.rules.model import Severity

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Burn:
    """Alert when `share` of a period's error budget is used up within `long` seconds, and still is within `short`."""

    severity: Severity
    share: float
    long: float
    short: float
    pending: float

    def factor(self, period: float) -> float:
        """How many times faster than evenly the budget burns then."""
        return self.share * period / self.long


@dataclass(frozen=True, slots=True)
class Options:
    """How the rules are to be made; all times in seconds."""

    job: str = ".*swelld.*"
    """Regular expression for the scrape job of the daemons."""
    period: float = 30 * DAY
    """For how long an error budget has to last."""
    burns: tuple[Burn, ...] = (
        Burn("page", 0.02, HOUR, 5 * MINUTE, 2 * MINUTE),
        Burn("page", 0.05, 6 * HOUR, 30 * MINUTE, 15 * MINUTE),
        Burn("ticket", 0.10, DAY, 2 * HOUR, HOUR),
        Burn("ticket", 0.10, 3 * DAY, 6 * HOUR, 3 * HOUR),
    )
    """Alerts on the speed at which error budgets burn."""
    direct: float = 6 * HOUR
    """Longest window that is read from the counters; longer ones are added up from the shortest."""
    interval: float = MINUTE
    """Between evaluations."""
    slow_interval: float = 2 * MINUTE
    """Between evaluations of what looks back over days."""
    least_events: int = 10
    """Judged requests in the long window without which no burn alert fires."""
    least_bad: int = 3
    """Bad requests in the long window without which no burn alert fires."""
    runbooks: str = "docs/runbooks"
    """URL of the folder with the runbooks."""
    grafana: str = "http://localhost:3000"
    """URL of Grafana."""

    @property
    def base(self) -> float:
        """The shortest window."""
        return min(burn.short for burn in self.burns)

    @property
    def windows(self) -> tuple[float, ...]:
        """Every window that a burn alert needs, and the period."""
        needed = {window for burn in self.burns for window in (burn.short, burn.long)}
        return tuple(sorted(needed | {self.period}))
