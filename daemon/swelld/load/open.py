"""Open loop: requests fall due by the clock, whether or not earlier ones were answered."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_serializer, model_validator

from swelld.config import Config, FieldError, Rate, format_rate
from swelld.load.bounds import Bounds
from swelld.load.levels import parse_levels
from swelld.load.shaped import AnyShape, TaggedShape, name_of
from swelld.load.stage import OpenStage, Stage


class Ramp(Config):
    """A rate that changes evenly over the stage; written `1/s..20/s` or {from: 1/s, to: 20/s}."""

    start: Annotated[Rate, Field(alias="from")]
    """Rate at the start of the measured window."""
    end: Annotated[Rate, Field(alias="to")]
    """Rate at its end."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        if isinstance(data, str):
            start, _, end = data.partition("..")
            if "/" not in start and "/" in end:  # 1..20/min
                start += end[end.index("/") :]
            return {"from": start, "to": end}
        return data

    @model_serializer
    def _as_text(self) -> str:
        return f"{format_rate(self.start)}..{format_rate(self.end)}"


def _level_kind(value: Any) -> str:
    shape = name_of(value)
    if shape is not None:
        return shape
    ramp = isinstance(value, (dict, Ramp)) or (isinstance(value, str) and ".." in value)
    return "ramp" if ramp else "rate"


Level = Annotated[Annotated[Rate, Tag("rate")] | Annotated[Ramp, Tag("ramp")] | TaggedShape, Discriminator(_level_kind)]


class Open(Config):
    """Open loop: requests fall due by the clock, whether or not earlier ones were answered."""

    rate: Annotated[tuple[Level, ...], BeforeValidator(parse_levels), Field(min_length=1)]
    """Requests per second, one stage for each: `10/s`, `1/s,5/s`, a range `1/s..64/s x2` or `1/s..20/s step 2`, a ramp
    `1/s..20/s` (needs `duration`), or a shape, by its key: {sine: {mean: 10/s, amplitude: 5/s, period: 1h}}."""
    arrivals: Literal["constant", "poisson", "gamma"] = "constant"
    """How the gaps between arrivals are spread: all equal, at random (exponential), or with a `burstiness`."""
    burstiness: Annotated[float, Field(gt=0)] = 1.0
    """Shape of the gamma arrivals: 1 is Poisson, below 1 burstier, above 1 smoother."""

    @field_validator("rate")
    @classmethod
    def _once_each(cls, rates: tuple[float | Ramp | AnyShape, ...]) -> tuple[float | Ramp | AnyShape, ...]:
        idle = [rate for rate in rates if not isinstance(rate, (float, Ramp)) and rate.shape().peak == 0]
        if idle:
            raise ValueError(f"{_label(idle[0])} never sends anything: give it a rate above 0")
        labels = [_label(rate) for rate in rates]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(
                f"{twice[0]} is listed twice; give every rate once, so that its stage has a name of its own"
            )
        return rates

    @model_validator(mode="after")
    def _burstiness_is_used(self) -> "Open":
        if self.burstiness != 1 and self.arrivals != "gamma":
            text = f"has no meaning for {self.arrivals} arrivals; set `arrivals: gamma` or leave it out"
            raise FieldError((("burstiness",), text))
        return self

    def levels(self) -> list[str]:
        """The labels of the stages, in order."""
        return [_label(rate) for rate in self.rate]

    def ramps(self) -> bool:
        """Whether any stage changes its rate."""
        return any(isinstance(rate, Ramp) for rate in self.rate)

    def stages(self, bounds: Bounds) -> list[Stage]:
        """One stage for each rate or ramp."""
        return [self._stage(rate, bounds) for rate in self.rate]

    def _stage(self, rate: float | Ramp | AnyShape, bounds: Bounds) -> Stage:
        if isinstance(rate, float):
            shape, first = None, rate
        elif isinstance(rate, Ramp):
            shape, first = None, rate.start
        else:
            shape = rate.shape()
            first = shape.peak
        return OpenStage(
            label=_label(rate),
            rate=first,
            rate_end=rate.end if isinstance(rate, Ramp) else None,
            shape=shape,
            process=self.arrivals,
            burstiness=self.burstiness,
            max_in_flight=bounds.max_in_flight,
            **bounds.common(),
        )


def _label(rate: float | Ramp | AnyShape) -> str:
    if isinstance(rate, Ramp):
        return f"rate={rate.start:.6g}..{rate.end:.6g}"
    return f"rate={rate:.6g}" if isinstance(rate, float) else f"rate={name_of(rate)}"
