"""One target under one level of load."""

from typing import Literal

import msgspec

from swelld.result.figures import (
    ChecksFound,
    Corrected,
    Cost,
    ErrorCount,
    Goodput,
    Requests,
    StandardError,
    Statistics,
    Tokens,
)
from swelld.result.sessions import Sessions


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the instrument itself can be trusted for this stage."""

    valid: bool
    reasons: list[str]
    """Why not; empty if valid."""
    event_loop_lag: Statistics
    cpu_share: float | None = None
    """CPU seconds per second of the busiest shard."""
    offered_rate: float | None = None
    achieved_rate: float | None = None
    windows: int = 0
    """Looks at a shard, each over 0.2 s."""
    saturated_windows: int = 0
    """Those in which the instrument was the bottleneck."""
    largest_read_batch: int = 0
    """Most reads that waited to be parsed at a time."""
    throttled_seconds: float = 0.0
    """How long the container's CPU quota stopped swelld."""
    measurement_error: Statistics | None = None
    """Reported - scripted TTFT of a calibration: beside this stage or before the run; null if there was none."""


class Phases(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a stage's ramp, steady part and drain, and which of it the figures are made of."""

    asked: Literal["all", "steady"] = "all"
    """The scenario's `window`."""
    used: Literal["all", "steady"] = "all"
    """`all` in spite of what was asked where the stage was never steady."""
    reached: bool = False
    """Whether it was ever steady; the lengths are null if not."""
    ramp_seconds: float | None = None
    """From the start of the stage, warm-up included."""
    steady_seconds: float | None = None
    drain_seconds: float | None = None
    """To the end of the last exchange."""
    note: str | None = None
    """Why it was not steady."""


class LevelChange(msgspec.Struct, frozen=True):
    """A change of a stage's level while it went on; all levels but one are null."""

    at: float
    """Seconds after the stage's start."""
    rate: float | None = None
    """Requests per second from then on."""
    concurrency: int | None = None
    """Users from then on, of each target where each gets the whole load."""
    scale: float | None = None
    """From then on the planned rate times this."""


class StageResult(msgspec.Struct, frozen=True, kw_only=True):
    """One target under one level of load, warm-up and drain excluded."""

    stage: str
    target: str
    model: str
    window_seconds: float
    requests: Requests
    request_rate: float | None
    output_token_rate: float | None
    input_token_rate: float | None
    mean_in_flight: float | None
    goodput: Goodput | None
    ttft: Statistics
    ttfo: Statistics
    ttfb: Statistics
    itl: Statistics
    tpot: Statistics
    e2e: Statistics
    connect: Statistics
    failed: Statistics
    """How long failed requests took."""
    lag: Statistics
    corrected: Corrected
    output_tokens: Statistics
    input_tokens: Statistics
    tokens: Tokens
    errors: dict[str, ErrorCount]
    outcomes: dict[str, int]
    """Every outcome that occurred, `ok` among them."""
    validity: Validity
    phases: Phases = Phases()
    users: int | None = None
    """Of the closed loop at its start, for all targets together; null in an open loop."""
    changes: list[LevelChange] = []
    """The latest changes of the level while the stage went on, at most 1000; it keeps the name of its first level."""
    withheld: dict[str, int] = {}
    """Arrivals not sent, by reason: budget, yield, paused, ceiling. They are neither scheduled nor dropped."""
    checks: ChecksFound | None = None
    """Null where the scenario has no `checks`."""
    cost: Cost | None = None
    """Null where the target has no `price`, or nobody counted the tokens."""
    sessions: Sessions | None = None
    """Null where the prompts are no sessions of several turns."""
    precision: dict[str, StandardError] = {}
    """By figure (`ttft.p95`, `e2e.mean`, `request_rate`, `goodput`, `error_rate`); those of too few requests, or of a
    stage too short to tell, are absent."""
    solo_of: str | None = None
    """The stage in which the same load meets the other targets too, where this one is of its target alone."""
