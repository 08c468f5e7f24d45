"""Shapes of a rate as people write them: a sine, a square, steps, a recording, a day, and their sums and products."""

import re
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PlainSerializer, Tag, model_validator

from swelld.config import Config, Duration, FieldError, PositiveDuration, format_rate, parse_rate, shown, suggest
from swelld.load.recording import Recorded
from swelld.load.shapes import Constant, Day, Points, Product, Shape, Sine, Sum, square

LEAST_PERIOD: Final = 0.1

Period = Annotated[PositiveDuration, Field(ge=LEAST_PERIOD)]

RateOrNone = Annotated[
    float,
    BeforeValidator(parse_rate),
    PlainSerializer(format_rate, when_used="json-unless-none"),
    Field(ge=0),
]
"""Requests per second; 0 sends nothing."""


class Wave(Config):
    """Up and down evenly."""

    mean: RateOrNone
    """In the middle; it begins there, rising."""
    amplitude: RateOrNone
    """How far up and down it goes, at most the mean."""
    period: Period
    """From one crest to the next."""
    phase: Duration = 0.0
    """How far ahead it begins: a quarter of the period begins at the crest."""

    @model_validator(mode="after")
    def _never_negative(self) -> "Wave":
        if self.amplitude > self.mean:
            text = f"is above the mean ({format_rate(self.mean)}), so that the rate would be negative; lower it"
            raise FieldError((("amplitude",), text))
        return self


class SineRate(Config):
    """A rate that goes up and down evenly."""

    sine: Wave
    """Mean, amplitude and period."""

    def shape(self) -> Shape:
        return Sine(self.sine.mean, self.sine.amplitude, self.sine.period, self.sine.phase)


class OnOff(Config):
    """High and low in turns."""

    low: RateOrNone = 0.0
    """The lower rate."""
    high: RateOrNone
    """The higher rate, with which it begins."""
    period: Period
    """High and low together."""
    duty: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the period that is high."""
    phase: Duration = 0.0
    """How far ahead it begins."""


class SquareRate(Config):
    """A rate that is high and low in turns."""

    square: OnOff
    """Rates and period."""

    def shape(self) -> Shape:
        one = self.square
        return square(one.low, one.high, one.period, one.duty, one.phase)


class Step(Config):
    """A rate from a moment on."""

    at: Duration
    """After the start of the window."""
    rate: RateOrNone
    """Requests per second from then on."""


class StepsRate(Config):
    """A rate that changes at given moments; before the first it is that of the first."""

    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    """Rates and when they begin, rising."""
    lines: bool = False
    """Straight lines between them instead of leaps."""
    repeat: Period | None = None
    """Begin again after so long."""

    @model_validator(mode="after")
    def _in_order(self) -> "StepsRate":
        moments = [step.at for step in self.steps]
        for place in range(1, len(moments)):
            if moments[place] <= moments[place - 1]:
                raise FieldError((("steps", place, "at"), "is not after the step before it"))
        if self.repeat is not None and self.repeat <= moments[-1]:
            raise FieldError((("repeat",), "comes before the last step; raise it"))
        return self

    def shape(self) -> Shape:
        moments, rates = tuple(step.at for step in self.steps), tuple(step.rate for step in self.steps)
        return Points(moments, rates, self.lines, self.repeat)


def _known_zone(name: str) -> str:
    try:
        if name != "UTC":
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{shown(name)} is no time zone; {suggest(name, sorted(available_timezones()))}") from None
    return name


def _time_of_day(text: str) -> str:
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f'{shown(text)} is no time of day: write "08:00", in quotes')
    return text


class DayRate(Config):
    """A rate that goes by the time of day."""

    day: Annotated[dict[Annotated[str, AfterValidator(_time_of_day)], RateOrNone], Field(min_length=1)]
    """Rates and the times from which they hold: {"00:00": 1/s, "08:00": 20/s}; the last one holds over midnight."""
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """The IANA time zone of the times: Europe/Berlin."""
    lines: bool = False
    """Straight lines between them instead of leaps."""

    def shape(self) -> Shape:
        rates = sorted((_seconds(text), rate) for text, rate in self.day.items())
        return Day(tuple(at for at, _ in rates), tuple(rate for _, rate in rates), self.timezone, self.lines)


def _seconds(text: str) -> float:
    hours, _, minutes = text.partition(":")
    return int(hours) * 3600.0 + int(minutes) * 60.0


class RecordedRate(Config):
    """A rate that was recorded."""

    recorded: Recorded
    """The file, and how it is played."""

    def shape(self) -> Shape:
        return self.recorded.shape()


def _kind(value: Any) -> str | None:
    """The key that says what it is, in a mapping or as the first field of a model."""
    if isinstance(value, dict):
        return next((key for key in value if key in KINDS), None)
    if isinstance(value, Config):
        return next((key for key in type(value).model_fields if key in KINDS), None)
    return "level"


_Simple = (
    Annotated[SineRate, Tag("sine")]
    | Annotated[SquareRate, Tag("square")]
    | Annotated[StepsRate, Tag("steps")]
    | Annotated[DayRate, Tag("day")]
    | Annotated[RecordedRate, Tag("recorded")]
)
_ANY: Final = "write a rate, or a mapping with one of sine, square, steps, day, recorded"
_BY_KEY: Final = Discriminator(_kind, custom_error_type="shape", custom_error_message=f"is no shape of a rate; {_ANY}")

Part = Annotated[Annotated[RateOrNone, Tag("level")] | _Simple, _BY_KEY]
"""A rate, or a shape that is not made of others; in a product a plain number is a factor."""


class ProductRate(Config):
    """A rate times factors that may change over time, too."""

    product: Annotated[tuple[Part, ...], Field(min_length=2)]
    """Rates and shapes; a plain number is a factor."""

    def shape(self) -> Shape:
        return Product(tuple(map(shape_of, self.product)))


Summand = Annotated[Annotated[RateOrNone, Tag("level")] | _Simple | Annotated[ProductRate, Tag("product")], _BY_KEY]
"""Likewise, or a product."""


class SumRate(Config):
    """Several rates at once."""

    sum: Annotated[tuple[Summand, ...], Field(min_length=2)]
    """Rates, shapes and products."""

    def shape(self) -> Shape:
        return Sum(tuple(map(shape_of, self.sum)))


AnyShape = SineRate | SquareRate | StepsRate | DayRate | RecordedRate | ProductRate | SumRate

TaggedShape = _Simple | Annotated[ProductRate, Tag("product")] | Annotated[SumRate, Tag("sum")]
"""Those shapes, each with the key that chooses it."""

KINDS: Final[dict[str, type[AnyShape]]] = {
    "sine": SineRate,
    "square": SquareRate,
    "steps": StepsRate,
    "day": DayRate,
    "recorded": RecordedRate,
    "product": ProductRate,
    "sum": SumRate,
}
"""Shapes by the key that says what they are."""


def shape_of(part: float | AnyShape) -> Shape:
    """The shape of a part of another."""
    return Constant(part) if isinstance(part, (int, float)) else part.shape()


def name_of(value: Any) -> str | None:
    """The key that says what shape it is; None if it is none."""
    kind = _kind(value)
    return None if kind == "level" else kind
