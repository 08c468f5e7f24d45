"""The base of every configuration model, and quantities as people write them: `500ms`, `10/s`, `64MiB`."""

import difflib
import math
import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

# Fractions, so that 570ms and 0.57s are the same float and a quantity printed back is the one that was read.
DURATION_UNITS: Final = {
    "us": Fraction(1, 10**6),
    "ms": Fraction(1, 10**3),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
RATE_UNITS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86400}
SIZE_UNITS: Final = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "kb": 10**3, "mb": 10**6, "gb": 10**9}
REDACTED: Final = "***"
LONGEST_SHOWN: Final = 60

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?"


class FieldError(ValueError):
    """What is wrong inside one model, place by place: (path below the model, what is wrong and how to mend it)."""

    def __init__(self, *found: tuple[tuple[str | int, ...], str]) -> None:
        super().__init__("; ".join(": ".join(filter(None, (".".join(map(str, path)), text))) for path, text in found))
        self.found = found


class Config(BaseModel):
    """Strict and frozen: an unknown key is an error, every field is described by the docstring below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


def capped(text: str) -> str:
    """A text for a message, cut where it gets long."""
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def shown(value: Any) -> str:
    """A value for a message, in quotes if it is text."""
    return repr(capped(value)) if isinstance(value, str) else capped(repr(value))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that an unknown one was probably meant to be."""
    by_plain = {_plain(name): name for name in known}
    near = difflib.get_close_matches(_plain(word), by_plain, n=1)
    return by_plain[near[0]] if near else None


def suggest(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word: the nearest known one, or all of them if none is near."""
    known = list(known)
    near = nearest(word, known)
    if near is not None:
        return f"did you mean {near}?"
    return f"known here: {', '.join(known)}" if known else "nothing is known here"


def _plain(word: str) -> str:
    return re.sub(r"[-. ]", "_", word.lower())


def parse_duration(value: Any) -> Any:
    """Seconds from `500ms`, `2m`, `1h30m` or a plain number of seconds; ValueError names what is understood."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("a duration is a number with a unit: 500ms, 30s, 2m, 1h30m")
    if not isinstance(value, str):
        return _finite(float(value), "duration")
    text = re.sub(r"\s+", "", value.lower()).replace("µ", "u")
    if re.fullmatch(_NUMBER, text):
        return _finite(float(text), "duration")
    if not re.fullmatch(rf"(?:{_NUMBER}[a-z]+)+", text):
        raise ValueError(f"{shown(value)} is no duration: write a number with a unit, e.g. 500ms, 30s, 2m, 1h30m")
    parts = re.findall(rf"({_NUMBER})([a-z]+)", text)
    unknown = [unit for _, unit in parts if unit not in DURATION_UNITS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no unit of time; use one of {', '.join(DURATION_UNITS)}")
    return _as_float(sum(Fraction(number) * DURATION_UNITS[unit] for number, unit in parts), "duration")


def parse_rate(value: Any) -> Any:
    """Events per second from `10/s`, `600/min` or a plain number per second."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError("a rate is a number over a time: 10/s, 600/min, 1/h")
    if not isinstance(value, str):
        return _finite(float(value), "rate")
    match = re.fullmatch(rf"({_NUMBER})\s*(?:/\s*([a-z]+))?", value.strip().lower())
    if not match:
        raise ValueError(f"{shown(value)} is no rate: write a number over a time, e.g. 10/s, 600/min, 1/h")
    unit = match.group(2) or "s"
    if unit not in RATE_UNITS:
        raise ValueError(f"{unit!r} is no time for a rate; use one of {', '.join(RATE_UNITS)}")
    return _as_float(Fraction(match.group(1)) / RATE_UNITS[unit], "rate")


def parse_size(value: Any) -> Any:
    """Bytes from `64MiB`, `1GB` or a plain number."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("a size is a whole number with a unit: 64KiB, 8MiB")
    match = re.fullmatch(r"(\d+)\s*([a-z]*)", str(value).strip().lower())
    if not match or match.group(2) not in SIZE_UNITS:
        raise ValueError(f"{shown(value)} is no size: write a whole number with a unit, e.g. 64KiB, 8MiB, 1GiB")
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


def _as_float(value: Fraction | int, what: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"a {what} is a finite number, not below zero") from None


def format_duration(seconds: float) -> str:
    """The shortest way to write a duration that reads back to the same value."""
    for unit in ("d", "h", "m", "s", "ms", "us"):
        count = round(Fraction(seconds) / DURATION_UNITS[unit])
        if 0 < count < 10**15 and float(count * DURATION_UNITS[unit]) == seconds:
            return f"{count}{unit}"
    return f"{seconds!r}s" if seconds else "0s"


def format_rate(rate: float) -> str:
    """The shortest way to write a rate that reads back to the same value."""
    written = [f"{rate!r}/s"]
    for unit in ("s", "min", "h"):
        count = round(Fraction(rate) * RATE_UNITS[unit])
        if 0 < count < 10**15 and float(Fraction(count, RATE_UNITS[unit])) == rate:
            written.append(f"{count}/{unit}")
    return min(written, key=len)


def format_size(size: int) -> str:
    """A size in the largest binary unit that divides it."""
    for name, unit in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)


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

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, when_used="json-unless-none"),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["64KiB", "8MiB"]}),
    Field(gt=0),
]
"""Bytes; written 64KiB, 8MiB."""


class Secret(Config):
    """A secret: written plainly, or better read from an environment variable or a file. It is never printed."""

    value: Annotated[str | None, Field(repr=False)] = None
    """The secret itself; prefer `env` or `file`."""
    env: str | None = None
    """Name of an environment variable that holds it."""
    file: Path | None = None
    """A file that holds it (surrounding white space is cut off)."""

    @model_serializer
    def _redacted(self) -> Any:
        if self.value is not None:
            return REDACTED
        return {"env": self.env} if self.env is not None else {"file": str(self.file)}

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
