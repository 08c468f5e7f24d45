"""Lengths in tokens: a number, or a distribution drawn from by a number between 0 and 1."""

import math
from abc import abstractmethod
from collections.abc import Callable
from statistics import NormalDist
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from swelld.config import Config

Positive = Annotated[int, Field(gt=0, le=10_000_000)]

Sampler = Callable[[float], int]
"""From a number between 0 and 1 (both excluded) to a length: the inverse of the distribution function."""


class Uniform(Config):
    """Every length from `min` to `max` equally often."""

    kind: Literal["uniform"] = "uniform"
    """The distribution."""
    min: Positive
    """Shortest."""
    max: Positive
    """Longest."""

    @model_validator(mode="after")
    def _ordered(self) -> "Uniform":
        _check_order(self.min, self.max)
        return self

    def sampler(self) -> Sampler:
        low, count = self.min, self.max - self.min + 1
        return lambda u: low + int(u * count)


class _Bell(Config):
    """What a distribution with a bell curve has in common: it is cut off at `min` and `max`, not heaped up there."""

    min: Positive = 1
    """Shortest."""
    max: Positive = 1_000_000
    """Longest."""

    @abstractmethod
    def _curve(self) -> tuple[NormalDist, Callable[[float], float], Callable[[float], float]]:
        """The bell curve, and the ways from a length to it and back."""

    @model_validator(mode="after")
    def _something_left(self) -> "_Bell":
        _check_order(self.min, self.max)
        low, high = self._shares()
        if high - low < 1e-6:
            raise ValueError("`min` and `max` leave nothing of the distribution: move them towards its mean")
        return self

    def _shares(self) -> tuple[float, float]:
        """The shares of the curve that lie below the shortest and the longest length, as they round."""
        curve, there, _ = self._curve()
        return curve.cdf(there(self.min - 0.5)), curve.cdf(there(self.max + 0.5))

    def sampler(self) -> Sampler:
        curve, _, back = self._curve()
        low, high = self._shares()
        shortest, longest = self.min, self.max

        def sample(u: float) -> int:
            share = min(max(low + u * (high - low), 1e-15), 1 - 1e-15)  # inv_cdf takes neither 0 nor 1
            return min(max(round(back(curve.inv_cdf(share))), shortest), longest)

        return sample


class Normal(_Bell):
    """The bell curve of this mean and standard deviation."""

    kind: Literal["normal"] = "normal"
    """The distribution."""
    mean: Annotated[float, Field(gt=0)]
    """Mean, before the cut at `min` and `max`."""
    std: Annotated[float, Field(gt=0)]
    """Standard deviation, likewise."""

    def _curve(self) -> tuple[NormalDist, Callable[[float], float], Callable[[float], float]]:
        return NormalDist(self.mean, self.std), float, float


class Lognormal(_Bell):
    """Many short, few very long: the logarithm is a bell curve. Give `mean` and `std`, or `median` and `sigma`."""

    kind: Literal["lognormal"] = "lognormal"
    """The distribution."""
    mean: Annotated[float, Field(gt=0)] | None = None
    """Mean of the lengths, before the cut at `min` and `max`."""
    std: Annotated[float, Field(gt=0)] | None = None
    """Standard deviation of the lengths, likewise."""
    median: Annotated[float, Field(gt=0)] | None = None
    """The length that half of the prompts stay below, likewise."""
    sigma: Annotated[float, Field(gt=0)] | None = None
    """Standard deviation of the natural logarithm of the lengths."""

    @model_validator(mode="before")
    @classmethod
    def _one_way(cls, data: Any) -> Any:
        if isinstance(data, dict):
            given = {key for key in ("mean", "std", "median", "sigma") if data.get(key) is not None}
            if given not in ({"mean", "std"}, {"median", "sigma"}):
                raise ValueError("give a lognormal length either `mean` and `std`, or `median` and `sigma`")
        return data

    def _curve(self) -> tuple[NormalDist, Callable[[float], float], Callable[[float], float]]:
        if self.mean is not None and self.std is not None:
            variance = math.log1p((self.std / self.mean) ** 2)
            return NormalDist(math.log(self.mean) - variance / 2, math.sqrt(variance)), math.log, math.exp
        assert self.median is not None
        assert self.sigma is not None
        return NormalDist(math.log(self.median), self.sigma), math.log, math.exp


def _check_order(low: int, high: int) -> None:
    if low > high:
        raise ValueError(f"`min` {low} is above `max` {high}")


def _which(value: Any) -> str | None:
    if isinstance(value, (int, float, str)):
        return None if isinstance(value, bool) else "fixed"
    return value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)


Lengths = Annotated[
    Annotated[Positive, Tag("fixed")]
    | Annotated[Uniform, Tag("uniform")]
    | Annotated[Normal, Tag("normal")]
    | Annotated[Lognormal, Tag("lognormal")],
    Discriminator(
        _which,
        custom_error_type="lengths",
        custom_error_message="a length is a whole number of tokens, or a distribution with "
        "`kind: uniform`, `kind: normal` or `kind: lognormal`",
    ),
]
"""A number of tokens (256), or a distribution ({kind: normal, mean: 256, std: 64})."""


def sampler(lengths: int | Uniform | Normal | Lognormal) -> Sampler:
    """How to draw from it."""
    return (lambda _: lengths) if isinstance(lengths, int) else lengths.sampler()
