"""What load may cost: prices of tokens, and budgets over an hour or a day."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, field_validator, model_validator

from swelld.config import Config, shown

What = Literal["requests", "tokens", "cost"]
Window = Literal["hour", "day"]
WHATS: Final[tuple[What, ...]] = ("requests", "tokens", "cost")
WINDOWS: Final[Mapping[Window, float]] = {"hour": 3600.0, "day": 86400.0}
"""Seconds."""

_UNITS: Final[Mapping[str, Window]] = {"h": "hour", "hour": "hour", "d": "day", "day": "day"}
_MILLION: Final = 1e6


class Limit(NamedTuple):
    """So much and no more in each hour or day."""

    amount: float
    window: Window


def parse_limits(value: Any) -> Any:
    """Limits from `1000/h`, `2e6/day`, or a list of them."""
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if not isinstance(value, (list, tuple)) or isinstance(value, Limit):
        value = [value]
    limits = [_limit(part) for part in value]
    windows = [limit.window for limit in limits]
    if twice := next((window for window in windows if windows.count(window) > 1), None):
        raise ValueError(f"has two limits of one {twice}; keep one")
    return tuple(limits)


def _limit(value: Any) -> Limit:
    if isinstance(value, Limit):
        return value
    match = re.fullmatch(r"((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?)\s*/\s*([a-z]+)", str(value).strip())
    if not match:
        raise ValueError(f"{shown(value)} is no budget: write an amount for an hour or a day, e.g. 1000/h, 2e6/day")
    amount, unit = float(match.group(1)), match.group(2)
    if unit not in _UNITS:
        raise ValueError(f"{unit!r} is no time for a budget; use one of {', '.join(_UNITS)}")
    if amount <= 0:
        raise ValueError(f"{shown(value)} leaves nothing to send; write an amount above 0, or take the scenario out")
    return Limit(amount, _UNITS[unit])


def format_limits(limits: Sequence[Limit]) -> list[str]:
    """Limits as they are written."""
    return [f"{limit.amount:.12g}/{limit.window}" for limit in limits]


Limits = Annotated[
    tuple[Limit, ...],
    BeforeValidator(parse_limits),
    PlainSerializer(format_limits, return_type=list[str]),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}, "examples": ["1000/h", ["5/day"]]}),
]
"""At most one for each window; written 1000/h, 2e6/day, or as a list of them."""


class Budget(Config):
    """What may be used up in each hour or day of UTC; then nothing new is sent until the next one begins."""

    requests: Limits = ()
    """Requests that are sent, whatever becomes of them: `1000/h`, `10000/day`, or a list of both."""
    tokens: Limits = ()
    """Input and output tokens together: `2e6/day`."""
    cost: Limits = ()
    """In the currency of the targets' `price`: `5/day`."""

    def limits(self) -> Iterator[tuple[What, Limit]]:
        """Every limit there is."""
        for what, limits in zip(WHATS, (self.requests, self.tokens, self.cost), strict=True):
            for limit in limits:
                yield what, limit


class Price(Config):
    """What a million tokens cost."""

    input: Annotated[float, Field(ge=0)]
    """Of the prompts."""
    output: Annotated[float, Field(ge=0)]
    """Of the answers, reasoning included."""
    cached_input: Annotated[float, Field(ge=0)] | None = None
    """Of the prompts, where the server says that it took them from its cache; the price of `input` if not given."""
    currency: str = "USD"
    """Three capital letters."""

    @field_validator("currency")
    @classmethod
    def _known_by_its_letters(cls, currency: str) -> str:
        if not re.fullmatch(r"[A-Z]{3}", currency):
            raise ValueError("a currency is written in three capital letters: USD, EUR")
        return currency

    @model_validator(mode="after")
    def _worth_naming(self) -> "Price":
        if not (self.input or self.output or self.cached_input):
            raise ValueError("costs nothing at all; leave the price out")
        return self

    def of(self, input_tokens: float, output_tokens: float, cached_tokens: float = 0.0) -> float:
        """The cost of so many tokens; the cached ones are among the input tokens."""
        cached = min(cached_tokens, input_tokens)
        cached_input = self.input if self.cached_input is None else self.cached_input
        full = (input_tokens - cached) * self.input + cached * cached_input + output_tokens * self.output
        return full / _MILLION


def unpriced(budget: Budget | None, prices: Mapping[str, Price | None]) -> str | None:
    """Why a budget in money cannot be kept for these targets; None if it can, or asks for none."""
    if budget is None or not budget.cost:
        return None
    for target, price in prices.items():
        if price is None:
            return f"needs the prices of tokens, but the target {target!r} has none; give it a `price`"
    currencies = sorted({price.currency for price in prices.values() if price is not None})
    if len(currencies) > 1:
        return f"cannot add up {' and '.join(currencies)}; give all its targets a `price` in one currency"
    return None
