"""One level of a load, as a shard carries it out."""

import msgspec


class Stage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Bounds shared by both kinds; at least one of `requests` and `duration` is set unless the load is continuous."""

    label: str
    """Safe as a metric label: `concurrency=50`, `rate=10`."""
    requests: int | None = None
    """Measured requests, warm-up not counted."""
    duration: float | None = None
    """Seconds of the measured window."""
    warmup_requests: int = 0
    warmup_seconds: float = 0.0
    drain_seconds: float = 30.0
    """How long requests under way may still take when the stage is over; then they are cancelled."""


class ClosedStage(Stage, frozen=True, kw_only=True):
    """`users` requests at a time: a user sends the next one when the last is answered and thought about."""

    users: int
    ramp_up: float = 0.0
    """Seconds over which the users start, evenly."""
    think_time: float = 0.0
    """Mean seconds a user waits after an answer (exponentially distributed); 0: none."""
    repeat: int = 1
    """How many times in a row each prompt is asked."""


class OpenStage(Stage, frozen=True, kw_only=True):
    """Requests fall due by the clock, whether or not earlier ones were answered."""

    rate: float
    """Requests per second, at the start if `rate_end` is given."""
    rate_end: float | None = None
    """Requests per second at the end of the window: a linear ramp (needs `duration`)."""
    process: str = "constant"
    """`constant`, `poisson` or `gamma`."""
    burstiness: float = 1.0
    """Shape of the gamma process: 1 is Poisson, below 1 burstier, above 1 smoother."""
    max_in_flight: int = 10000
    """Requests open at a time, shards together; an arrival beyond it is dropped and counted."""
