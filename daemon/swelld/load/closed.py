"""Closed loop: a number of users, each sends the next request when the last one is answered."""

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from swelld.config import Config, Duration
from swelld.load.bounds import Bounds
from swelld.load.levels import parse_levels
from swelld.load.stage import ClosedStage, Stage

Users = Annotated[int, Field(gt=0)]


class Closed(Config):
    """Closed loop: so many users, each sends the next request when the last one is answered."""

    concurrency: Annotated[tuple[Users, ...], BeforeValidator(parse_levels), Field(min_length=1)]
    """Users at a time, one stage for each number: `50`, `1,10,50`, `1..100 step 10` or `1..256 x2`."""
    ramp_up: Duration = 0.0
    """Time over which the users of a stage start, evenly."""
    think_time: Duration = 0.0
    """Mean time a user waits after an answer (exponentially distributed)."""

    @field_validator("concurrency")
    @classmethod
    def _once_each(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        twice = sorted({level for level in levels if levels.count(level) > 1})
        if twice:
            raise ValueError(
                f"{twice[0]} is listed twice; give every level once, so that its stage has a name of its own"
            )
        return levels

    def levels(self) -> list[str]:
        """The labels of the stages, in order."""
        return [f"concurrency={users}" for users in self.concurrency]

    def stages(self, bounds: Bounds) -> list[Stage]:
        """One stage for each number of users."""
        return [
            ClosedStage(label=label, users=users, ramp_up=self.ramp_up, think_time=self.think_time, **bounds.common())
            for label, users in zip(self.levels(), self.concurrency, strict=True)
        ]
