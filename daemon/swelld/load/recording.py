"""A rate that was recorded: a CSV file of moments and rates."""

import csv
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, model_validator

from swelld.config import Config, FieldError
from swelld.load.shapes import Points

MOST: Final = 100_000
"""Rows; more are no rate over time but a trace of requests."""


class Recorded(Config):
    """A CSV file with a header: when, and how many requests per second."""

    file: Path
    """The file."""
    time: str = "time"
    """Column of the moments: seconds, or dates with times (ISO 8601, UTC if they do not say). They rise, and the first
    one is the start."""
    rate: str = "rate"
    """Column of the rates, in requests per second."""
    factor: Annotated[float, Field(gt=0)] = 1.0
    """Every rate is multiplied with this."""
    speed: Annotated[float, Field(gt=0)] = 1.0
    """2 plays an hour in half an hour; the rates stay as they are."""
    lines: bool = False
    """Straight lines between the rows instead of leaps."""
    repeat: bool = False
    """Begin again at the end; otherwise the last rate goes on."""

    @model_validator(mode="after")
    def _readable(self) -> "Recorded":
        try:
            self.shape()
        except ValueError as error:
            raise FieldError((("file",), str(error))) from None
        return self

    def shape(self) -> Points:
        """Read it; ValueError names the line of what is broken."""
        try:
            moments, rates = _rows(self.file, self.time, self.rate, self.file.stat().st_mtime)
        except OSError as error:
            raise ValueError(f"cannot read the rates in {self.file}: {error.strerror}") from None
        at = tuple(moment / self.speed for moment in moments)
        period = at[-1] * len(at) / (len(at) - 1) if self.repeat and len(at) > 1 else None
        return Points(at, tuple(rate * self.factor for rate in rates), self.lines, period)


@lru_cache(8)
def _rows(file: Path, time: str, rate: str, changed: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Seconds since the first row, and rates; `changed` is when the file was, so that it is read again then."""
    moments: list[float] = []
    rates: list[float] = []
    with file.open(newline="", encoding="utf-8-sig") as stream:
        rows = csv.DictReader(stream)
        for name in (time, rate):
            if name not in (rows.fieldnames or ()):
                raise ValueError(f"{file} has no column {name!r}; it has {', '.join(rows.fieldnames or ()) or 'none'}")
        for row in rows:
            try:
                moments.append(_moment(row[time]))
                rates.append(_rate(row[rate]))
                if len(moments) > 1 and moments[-1] <= moments[-2]:
                    raise ValueError("the moment is not after the one before it")
            except (ValueError, TypeError) as error:
                raise ValueError(f"{file}, line {rows.line_num}: {error}") from None
            if len(moments) > MOST:
                raise ValueError(f"{file} has more than {MOST} rows; make them coarser")
    if not moments or not any(rates):
        raise ValueError(f"{file} has no rate above 0")
    return tuple(moment - moments[0] for moment in moments), tuple(rates)


def _rate(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError(f"{text!r} is no rate: it is a number of requests per second, not below 0")
    return value


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        shown = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is no moment: write seconds, or a date with a time") from None
    return (shown if shown.tzinfo else shown.replace(tzinfo=UTC)).timestamp()
