"""Colours and limits that all dashboards share."""

from typing import Final, NamedTuple

BLUE: Final = "#0072B2"
RED: Final = "#D00010"
GREEN: Final = "#009E73"
PINK: Final = "#CC79A7"
ORANGE: Final = "#D87000"
PURPLE: Final = "#8C6BB1"
SKY: Final = "#3B93C9"
GREY: Final = "#8A8A8A"
PALETTE: Final = (BLUE, RED, GREEN, PINK, ORANGE, PURPLE, SKY, GREY)
"""Told apart by people who are colour-blind, and readable on a dark and on a light ground: tests hold them to it."""

GOOD: Final = GREEN
WARNING: Final = ORANGE
BAD: Final = RED
NEUTRAL: Final = SKY


class Step(NamedTuple):
    """A colour that holds from a value on; from None, below every other."""

    color: str
    value: float | None = None


PLAIN: Final = (Step(NEUTRAL),)
"""A figure that is neither good nor bad by itself."""


def rising(warning: float, bad: float) -> tuple[Step, ...]:
    """Limits of a figure that should be small."""
    return Step(GOOD), Step(WARNING, warning), Step(BAD, bad)


def falling(bad: float, warning: float) -> tuple[Step, ...]:
    """Limits of a figure that should be large: bad below the first, in doubt below the second."""
    return Step(BAD), Step(WARNING, bad), Step(GOOD, warning)


def limit(bad: float) -> tuple[Step, ...]:
    """One value that should not be reached."""
    return Step(GOOD), Step(BAD, bad)


QUANTILE_COLORS: Final = {"p50": SKY, "p90": PURPLE, "p95": BLUE, "p99": ORANGE, "mean": GREY, "objective": RED}
STATE_COLORS: Final = {
    "pending": GREY,
    "warmup": ORANGE,
    "running": BLUE,
    "draining": SKY,
    "completed": GREEN,
    "failed": RED,
    "cancelled": PURPLE,
    "interrupted": PINK,
}
OUTCOME_COLORS: Final = {
    "ok": GREEN,
    "rejected": GREY,
    "throttled": ORANGE,
    "failed": RED,
    "unreachable": PURPLE,
    "timeout": PINK,
    "truncated": SKY,
    "garbled": BLUE,
    "dropped": "#C44E9B",
    "cancelled": "#6E7781",
}
