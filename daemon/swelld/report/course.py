"""What happened to the load of a stage while it went on, in words: changes of its level, and what was not sent."""

from collections.abc import Iterator
from typing import Final

from swelld.analysis import figures
from swelld.result import LevelChange, StageResult

SHOWN: Final = 5
"""Changes that a line tells of; of more the first ones are left out."""


def course(stage: StageResult) -> Iterator[str]:
    """A line on the changes and one on what was withheld, where there is anything to say."""
    if stage.changes:
        told = stage.changes[-SHOWN:]
        left_out = len(stage.changes) - len(told)
        earlier = f"{figures.count(left_out)} times before, " if left_out else ""
        moments = ", ".join(f"{level(change)} after {figures.seconds(change.at)}" for change in told)
        yield f"Load changed while it went on: {earlier}{moments}"
    if stage.withheld:
        reasons = ", ".join(f"{reason} {figures.count(count)}" for reason, count in sorted(stage.withheld.items()))
        total = figures.count(sum(stage.withheld.values()))
        yield f"Withheld: {total} arrivals were not sent: {reasons}"


def level(change: LevelChange) -> str:
    """`20/s`, `50 users`, `2 times the planned rate`."""
    if change.rate is not None:
        return f"{figures.rate(change.rate)}/s"
    if change.concurrency is not None:
        return f"{figures.count(change.concurrency)} users"
    return f"{change.scale:g} times the planned rate"
