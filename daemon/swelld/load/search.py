"""A search for the highest load that still meets the objectives."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from swelld.config import Config, Duration, FieldError, PositiveDuration, parse_list, parse_rate, shown
from swelld.load.bounds import Bounds
from swelld.load.levelled import Levelled, label
from swelld.load.stage import Stage


def _parse_share(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip().endswith("%"):
        return value
    try:
        return float(value.strip()[:-1]) / 100
    except ValueError:
        raise ValueError(f"{shown(value)} is no share: write 5% or 0.05") from None


Share = Annotated[float, BeforeValidator(_parse_share)]
"""A share of one; written 5% or 0.05."""

Level = Annotated[float, BeforeValidator(parse_rate), Field(gt=0)]
"""Requests per second (`10/s`) or users."""


class AtMost(Config):
    """What a search may use up; it ends with what it knows by then."""

    duration: PositiveDuration = 3600.0
    """Time of a run."""
    requests: Annotated[int, Field(gt=0)] | None = None
    """Measured requests of a run."""


class Search(Levelled):
    """Where to search, how closely, and at what expense."""

    start: Annotated[Level, Field(alias="from")] = 1.0
    """The first level: requests per second, or users. From there it doubles until the objectives are missed."""
    max: Level = 1000.0
    """The highest level that may be tried."""
    levels: Annotated[tuple[Level, ...], BeforeValidator(parse_list)] = ()
    """Levels to begin with, rising, instead of those from `from` by doubling; nothing above the last one is tried."""
    precision: Annotated[Share, Field(ge=0.01, le=1)] = 0.05
    """How far the lowest level that missed the objectives may lie above the highest that met them, as a share of it."""
    confidence: Annotated[Share, Field(ge=0.5, lt=1)] = 0.95
    """With which a level is called accepted or rejected for sure."""
    at_most: AtMost = AtMost()
    """What the search may use up."""
    resume: Duration = 3600.0
    """A search that was broken off is taken up where it stood if that is no longer ago than this; 0: never."""

    @model_validator(mode="after")
    def _in_order(self) -> "Search":
        if self.start > self.max:
            raise FieldError((("from",), f"is above `max` ({self.max:g}); lower it, or raise `max`"))
        if list(self.levels) != sorted(set(self.levels)):
            raise FieldError((("levels",), "do not rise; write each once, the lowest first"))
        if self.kind == "concurrency":
            for name, level in (("from", self.start), ("max", self.max), *(("levels", one) for one in self.levels)):
                if level != round(level):
                    raise FieldError(((name,), f"{level:g} users are no whole number; write {max(1, round(level))}"))
        return self

    @property
    def first(self) -> float:
        """The level that it begins with."""
        return self.levels[0] if self.levels else self.start

    @property
    def last(self) -> float:
        """The highest level that may be tried."""
        return self.levels[-1] if self.levels else self.max


class Searching(Config):
    """Looks for the highest rate or concurrency that still meets the scenario's objectives.

    Every level lasts as long as the scenario's `requests` or `duration` say, or until it has shown enough.
    """

    search: Search
    """Where to search, how closely, and at what expense."""

    def levels(self) -> list[str]:
        """The labels of the lowest and the highest level that there may be."""
        return list(dict.fromkeys(label(self.search.kind, level) for level in (self.search.first, self.search.last)))

    def stages(self, bounds: Bounds) -> list[Stage]:
        """The lowest and the highest level that there may be; which ones there are is decided on the way."""
        levels = dict.fromkeys((self.search.first, self.search.last))
        return [self.search.stage(level, bounds, None) for level in levels]
