"""A look at a run that is under way."""

import msgspec


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A look at a run that is under way; rates and quantiles are of the last seconds."""

    run_id: str
    scenario: str
    state: str
    stage: str
    stage_number: int
    stage_count: int
    elapsed: float
    fraction: float | None
    """Of the whole run, 0 to 1; None if it has no end."""
    remaining: float | None
    """Estimated seconds; None if it has no end."""
    in_flight: int
    done: int
    total: int | None
    failed: int
    request_rate: float
    output_token_rate: float
    e2e_p90: float | None
    ttft_p50: float | None
    active_users: int | None = None
    """Users at it now (closed loop only)."""
    offered_rate: float | None = None
    """Requests per second that are due now, less what a throttle holds back (open loop only)."""
    throttle: float = 1.0
    """The part of the load that is let through."""
    throttled_by: str | None = None
    """Why it is not all of it."""
    throttled_targets: dict[str, float] = {}
    """The part for each target that less is let through to than to the others."""
    warning: str | None = None
    """Why the figures of the last seconds are in doubt; None if they are not."""
