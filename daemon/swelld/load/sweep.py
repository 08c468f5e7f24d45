"""A sweep whose levels follow from two probes: one user alone, and many at a time."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from swelld.config import Config
from swelld.load.bounds import Bounds
from swelld.load.levelled import Levelled, label
from swelld.load.stage import Stage


class Sweep(Levelled):
    """How many levels, and how many users the probe for throughput has."""

    count: Annotated[int, Field(ge=1, le=100)] = 6
    """Levels between what one user and what many users reach."""
    users: Annotated[int, Field(ge=2, le=10000)] = 64
    """Of the probe for throughput."""

    @model_validator(mode="before")
    @classmethod
    def _from_kind(cls, data: Any) -> Any:
        return {"kind": data} if isinstance(data, str) else data


class Sweeping(Config):
    """First one user alone, then many at a time; then levels between what the two reached.

    `rate: auto` and `concurrency: auto` are short for it.
    """

    sweep: Sweep
    """`rate` or `concurrency`, or a mapping with its `kind`."""

    def levels(self) -> list[str]:
        """The labels of the two probes."""
        return [label("concurrency", users) for users in (1, self.sweep.users)]

    def stages(self, bounds: Bounds) -> list[Stage]:
        """The two probes; the levels between them are decided on the way."""
        return [self.probe(users, bounds, None) for users in (1, self.sweep.users)]

    def probe(self, users: int, bounds: Bounds, answer: float | None, place: int = 0) -> Stage:
        """So many users, whatever is swept."""
        closed = Levelled(kind="concurrency", think_time=self.sweep.think_time)
        return closed.stage(users, bounds, answer, place)
