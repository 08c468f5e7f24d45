"""Replaying a trace: requests fall due when they came in the trace, or faster or slower."""

import math
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from swelld.config import Config, parse_list, shown
from swelld.load.bounds import Bounds
from swelld.load.stage import OpenStage, Replayed, Stage


def _parse_speed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return float(value.strip().lower().removesuffix("x"))
    except ValueError:
        raise ValueError(f"{shown(value)} is no speed: write 1x, 2x, 0.5x") from None


Speed = Annotated[
    float,
    BeforeValidator(_parse_speed),
    PlainSerializer(lambda speed: f"{speed!r}".removesuffix(".0") + "x", when_used="json"),
    Field(gt=0),
]
"""How many seconds of a trace go by in one; written 2x."""


class Playback(Config):
    """How a trace is replayed; a speed is short for {speed: 2x}."""

    speed: Annotated[tuple[Speed, ...], BeforeValidator(parse_list), Field(min_length=1)] = (1.0,)
    """Twice as fast is `2x`; one stage for each: `1x,2x,4x`."""
    loop: bool = False
    """Start again at the end of the trace, until the scenario's bounds."""

    @model_validator(mode="before")
    @classmethod
    def _from_speed(cls, data: Any) -> Any:
        return {"speed": data} if isinstance(data, (str, int, float, list)) and not isinstance(data, bool) else data

    @field_validator("speed")
    @classmethod
    def _once_each(cls, speeds: tuple[float, ...]) -> tuple[float, ...]:
        labels = [_label(speed) for speed in speeds]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is listed twice; give every speed once, so that its stage has its own name")
        return speeds


class Replay(Config):
    """The requests of a trace fall due when they came in it; prompts are those of the trace (`kind: trace`)."""

    replay: Playback
    """Its speed."""

    def levels(self) -> list[str]:
        """The labels of the stages, in order."""
        return [_label(speed) for speed in self.replay.speed]

    def stages(self, bounds: Bounds) -> list[Stage]:
        """One stage for each speed; it ends with the trace, if not by the bounds."""
        common = bounds.common()
        if common["requests"] is None and common["duration"] is None and not self.replay.loop:
            common["requests"] = max(1, (bounds.prompts or 1) - common["warmup_requests"])
        return [
            OpenStage(
                label=_label(speed),
                rate=0.0,
                replay=Replayed(speed, self.replay.loop),
                max_in_flight=bounds.max_in_flight,
                **common,
            )
            for speed in self.replay.speed
        ]


def _label(speed: float) -> str:
    return f"speed={speed:.6g}"


class Moments(Protocol):
    """When requests came, in seconds from the beginning of a trace, numbered from 0, in the order of time."""

    size: int

    @property
    def length(self) -> float:
        """Seconds until it may begin again."""

    def at(self, number: int) -> float:
        """When a request came."""

    def before(self, moment: float) -> int:
        """How many came before a moment."""


class Replaying:
    """How the arrivals of a trace come along: the n-th is due when request n was, and evenly between them."""

    def __init__(self, moments: Moments, replayed: Replayed) -> None:
        self._moments = moments
        self._speed = replayed.speed
        self._loop = replayed.loop

    def rate(self, moment: float) -> float:
        return self.reached(moment + 0.5) - self.reached(moment - 0.5)

    def reached(self, moment: float) -> float:
        """Of two requests that came together both are there by that moment."""
        trace, at = self._moments, moment * self._speed
        laps = max(0, math.floor(at / trace.length)) if self._loop else 0
        inside = at - laps * trace.length
        count = trace.before(inside)
        if count == 0:
            return float(laps * trace.size)
        following = self._at(count)
        if following == math.inf:
            return float(trace.size)
        last = trace.at(count - 1)
        return laps * trace.size + count - 1 + min(1.0, (inside - last) / (following - last))

    def moment(self, progress: float) -> float:
        number = math.floor(progress)
        at, share = self._at(number), progress - number
        if share and at < math.inf:
            at += share * (self._at(number + 1) - at)
        return at / self._speed

    def _at(self, number: int) -> float:
        laps, place = divmod(number, self._moments.size)
        if laps and not self._loop:
            return math.inf
        return laps * self._moments.length + self._moments.at(place)
