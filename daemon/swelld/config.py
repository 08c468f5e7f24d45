"""The base of every configuration model, and quantities as people write them: `500ms`, `10/s`, `64MiB`."""

import math
import re
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

DURATION_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
RATE_UNITS: Final = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86400.0}
SIZE_UNITS: Final = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "kb": 10**3, "mb": 10**6, "gb": 10**9}

_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)(?:e([+-]?\d+))?"


class Config(BaseModel):
    """Strict and frozen: an unknown key is an error, every field is described by the docstring below it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


def parse_duration(value: Any) -> Any:
    """Seconds from `500ms`, `2m`, `1h30m` or a plain number of seconds; ValueError names what is understood."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("a duration is a number with a unit: 500ms, 30s, 2m, 1h30m")
    if not isinstance(value, str):
        return _finite(float(value), "duration")
    text = value.strip().lower()
    if re.fullmatch(_NUMBER, text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-zµ]+)\s*", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise ValueError(f"{value!r} is no duration: write a number with a unit, e.g. 500ms, 30s, 2m, 1h30m")
    unknown = [unit for _, unit in parts if unit not in DURATION_UNITS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no unit of time; use one of {', '.join(DURATION_UNITS)}")
    return math.fsum(float(number) * DURATION_UNITS[unit] for number, unit in parts)


def parse_rate(value: Any) -> Any:
    """Events per second from `10/s`, `600/min` or a plain number per second."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("a rate is a number over a time: 10/s, 600/min, 1/h")
    if not isinstance(value, str):
        return _finite(float(value), "rate")
    match = re.fullmatch(rf"({_NUMBER})\s*(?:/\s*([a-z]+))?", value.strip().lower())
    if not match:
        raise ValueError(f"{value!r} is no rate: write a number over a time, e.g. 10/s, 600/min, 1/h")
    unit = match.group(4) or "s"
    if unit not in RATE_UNITS:
        raise ValueError(f"{unit!r} is no time for a rate; use one of {', '.join(RATE_UNITS)}")
    return float(match.group(1)) / RATE_UNITS[unit]


def parse_size(value: Any) -> Any:
    """Bytes from `64MiB`, `1GB` or a plain number."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("a size is a whole number with a unit: 64KiB, 8MiB")
    match = re.fullmatch(r"(\d+)\s*([a-z]*)", str(value).strip().lower())
    if not match or match.group(2) not in SIZE_UNITS:
        raise ValueError(f"{value!r} is no size: write a whole number with a unit, e.g. 64KiB, 8MiB, 1GiB")
    return int(match.group(1)) * SIZE_UNITS[match.group(2)]


def parse_list(value: Any) -> Any:
    """A list from a list, one value, or `1,10,50`."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value if isinstance(value, (list, tuple)) else [value]


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"a {what} is a finite number, not below zero")
    return value


def format_duration(seconds: float) -> str:
    """The shortest way to write a duration that reads back to the same value."""
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count = seconds / DURATION_UNITS[unit]
        if count >= 1 and abs(count - round(count)) < 1e-9 * count:
            return f"{round(count)}{unit}"
    return f"{seconds!r}s"


def format_rate(rate: float) -> str:
    """The shortest way to write a rate that reads back to the same value."""
    for unit in ("s", "min", "h"):
        count = rate * RATE_UNITS[unit]
        if abs(count - round(count)) < 1e-9 * max(count, 1) and round(count):
            return f"{round(count)}/{unit}"
    return f"{rate!r}/s"


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json-unless-none"),
    WithJsonSchema({"type": ["string", "number"], "examples": ["500ms", "30s", "2m"]}),
]
"""Seconds; written 500ms, 30s, 2m, 1h30m."""

PositiveDuration = Annotated[Duration, Field(gt=0)]

Rate = Annotated[
    float,
    BeforeValidator(parse_rate),
    PlainSerializer(format_rate, when_used="json-unless-none"),
    WithJsonSchema({"type": ["string", "number"], "examples": ["10/s", "600/min"]}),
    Field(gt=0),
]
"""Events per second; written 10/s, 600/min."""

Size = Annotated[int, BeforeValidator(parse_size), WithJsonSchema({"type": ["string", "integer"]}), Field(gt=0)]
"""Bytes; written 64KiB, 8MiB."""


class Secret(Config):
    """A secret: written plainly, or better read from an environment variable or a file. It is never printed."""

    value: Annotated[str | None, Field(repr=False, exclude=True)] = None
    """The secret itself; prefer `env` or `file`."""
    env: str | None = None
    """Name of an environment variable that holds it."""
    file: Path | None = None
    """A file that holds it (surrounding white space is cut off)."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        return {"value": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one_way(self) -> "Secret":
        if sum(way is not None for way in (self.value, self.env, self.file)) != 1:
            raise ValueError("give a secret in exactly one way: plainly, {env: NAME} or {file: PATH}")
        return self

    def reveal(self) -> str:
        """The secret; ValueError (without it) if the variable or the file is not there."""
        import os

        if self.env is not None:
            if self.env not in os.environ:
                raise ValueError(f"the environment variable {self.env} is not set")
            return os.environ[self.env].strip()
        if self.file is not None:
            try:
                return self.file.read_text().strip()
            except OSError as error:
                raise ValueError(f"cannot read the secret file {self.file}: {error.strerror}") from None
        return self.value or ""
