"""What each target lost to the others, as it is kept in the result of a run that measured them alone first."""

import msgspec


class ContentionFigure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a target alone and beside the others; null where it was not measured."""

    alone: float | None
    together: float | None
    loss: float | None
    """How much worse it was together: 0.25 is a quarter more time, or a quarter less throughput; of goodput, the
    difference of the shares. Below 0 it was better."""
    low: float | None
    """With 95 % confidence the loss is at least so much; null where too few requests tell."""
    high: float | None


class Contention(msgspec.Struct, frozen=True, kw_only=True):
    """One target under one level of load, with and without the other targets."""

    stage: str
    solo_stage: str
    """The stage in which it was alone."""
    target: str
    model: str
    valid: bool
    """Whether the load generator kept up in both."""
    figures: dict[str, ContentionFigure]
    """By name: `ttft.p50`, `e2e.p95`, `output_token_rate`, ..."""
