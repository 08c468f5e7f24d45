"""What a target's own metrics said during a run."""

from typing import Literal

import msgspec

Figure = Literal["requests", "input tokens", "output tokens", "ttft", "e2e"]


class ServerLevel(msgspec.Struct, frozen=True):
    """Something of the server that goes up and down, over the looks while the load went on."""

    mean: float
    max: float


class ServerCheck(msgspec.Struct, frozen=True):
    """One figure as the client and as the server has it."""

    figure: Figure
    client: float
    server: float
    agrees: bool
    """Whether they are within the tolerance of each other."""


class ServerTimeline(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of equal length, at most 720 points; a column is null where the server does not tell."""

    at: list[float]
    """Seconds since the run began."""
    requests_waiting: list[float | None] | None
    """Levels: the largest between a point and the next one."""
    requests_running: list[float | None] | None
    kv_cache_usage: list[float | None] | None
    prefix_cache_queries: list[float | None] | None
    """Totals since the run began."""
    prefix_cache_hits: list[float | None] | None
    preemptions: list[float | None] | None
    output_tokens: list[float | None] | None


class ServerResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a target's own metrics said during the run; whatever they do not tell is null."""

    target: str
    engine: str | None
    """Null where the page is of no engine that is known."""
    url: str
    """Where the metrics were read."""
    looks: int
    """Times that they were read while the load went on."""
    failed_looks: int
    requests_waiting: ServerLevel | None
    requests_running: ServerLevel | None
    kv_cache_usage: ServerLevel | None
    prefix_cache_queries: float | None
    """Prompt tokens; this and what follows are the growth from just before the first request to after the last."""
    prefix_cache_hits: float | None
    prefix_cache_hit_ratio: float | None
    preemptions: float | None
    restarts: int
    """Times that the server's counters began anew."""
    requests: float | None
    """Finished well, as far as the server tells them apart."""
    input_tokens: float | None
    output_tokens: float | None
    ttft_mean: float | None
    e2e_mean: float | None
    tolerance: float
    """The share by which figures of client and server may differ."""
    checks: list[ServerCheck]
    """Empty where they cannot be compared."""
    note: str | None
    """Why they cannot be compared."""
    timeline: ServerTimeline
