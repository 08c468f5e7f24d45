"""What the figures of a stage are made of: distributions, counts, shares, errors."""

from typing import Final

import msgspec

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}

_FIELDS: Final = {"50": "p50", "90": "p90", "95": "p95", "99": "p99", "99.9": "p999"}


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution in figures; everything but `count` is null where there is no value."""

    count: int
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    quantiles: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    """Percentiles asked for that have no field of their own, as `p75` or `p99.5`; absent if there are none."""

    def percentile(self, percent: float) -> float | None:
        """The value at 50, 90, 99.5, ...: from its field or from `quantiles`; None if it was not measured."""
        if f"{percent:g}" in _FIELDS:
            value: float | None = getattr(self, _FIELDS[f"{percent:g}"])
            return value
        return self.quantiles.get(f"p{percent:g}") if self.quantiles else None


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the measured window: scheduled = ok + failed + dropped + cancelled once the stage is over."""

    scheduled: int
    started: int
    ok: int
    failed: int
    dropped: int
    cancelled: int = 0


class ObjectiveShare(msgspec.Struct, frozen=True):
    """How many of the scheduled requests met one threshold."""

    threshold: float
    good: int
    total: int


class Goodput(msgspec.Struct, frozen=True):
    """Requests that met every threshold; failed, timed out and dropped ones are in `total`."""

    ratio: float | None
    good: int
    total: int
    rate: float | None
    """Good answers that were over inside the window, per second of it: never more than the request rate."""
    target_ratio: float
    """The share that the objective asks for."""
    per_objective: dict[str, ObjectiveShare]


class Corrected(msgspec.Struct, frozen=True):
    """Measured from the due moment instead of the sent one: free of coordinated omission. Open loop only."""

    ttft: Statistics
    e2e: Statistics


class Tokens(msgspec.Struct, frozen=True):
    """Totals of the window; `source` says who counted the output tokens, `mixed` if not always the same."""

    input: int | None
    output: int | None
    source: str | None
    cached: int | None = None
    reasoning: int | None = None
    mismatches: int = 0


class ErrorCount(msgspec.Struct, frozen=True):
    """One kind of error with a sample of what was said."""

    count: int
    outcome: str
    sample: str | None = None


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What the tokens of the good answers cost at the target's prices; answers that broke off are not in it."""

    amount: float
    currency: str
    per_1000_requests: float | None
    """Of the good ones."""
    per_million_output_tokens: float | None
    """The price of the input included."""


class ChecksFound(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the scenario's checks of the answers' text."""

    checked: int
    """Good answers that were drawn."""
    failures: dict[str, int]
    """Those that failed, by the first check that they failed; checks without a failure are 0."""


class StandardError(msgspec.Struct, frozen=True):
    """How far chance alone moves a figure: about two times in three no further than this."""

    error: float
    """In the unit of the figure."""
    blocks: int
    """Parts of the run that it was found from: what is said of it has one degree of freedom less."""
