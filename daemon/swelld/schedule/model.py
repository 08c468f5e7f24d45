"""What a user writes about when a scenario runs."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from swelld.config import Config, Duration, FieldError, PositiveDuration, parse_list, shown, suggest
from swelld.schedule.cron import Cron
from swelld.schedule.moments import first_inside
from swelld.schedule.windows import Windows, parse_window
from swelld.schedule.zones import zone_of

Kind = Literal["at_start", "manual", "continuous", "every", "cron"]
Overlap = Literal["skip", "queue", "cancel"]

_WORDS: Final = ("at_start", "manual", "continuous")
_WRITTEN: Final = 'at_start, manual, continuous, {every: 15m} or {cron: "0 2 * * *"}'
_USED: Final[dict[str, tuple[str, ...]]] = {
    "at_start": ("jitter", "overlap"),
    "manual": ("overlap",),
    "continuous": ("timezone", "windows", "jitter", "overlap"),
    "every": ("every", "timezone", "windows", "jitter", "overlap", "catch_up"),
    "cron": ("cron", "timezone", "windows", "jitter", "overlap", "catch_up"),
}
_SOME_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC).timestamp()
"""Where a search begins that is to find out whether a schedule ever comes: the same answer on every day."""


def _long_enough(period: float) -> float:
    if period < 1:
        raise ValueError("is too often for whole runs, 1s at least; for many requests a second set `load: {rate: ...}`")
    return period


def _known_zone(name: str) -> str:
    zone_of(name)
    return name


def _good_cron(text: str) -> str:
    Cron(text, UTC)
    return " ".join(text.split())


def _good_window(text: str) -> str:
    parse_window(text)
    return " ".join(text.lower().split())


class Schedule(Config):
    """When a scenario runs; `schedule: continuous` is short for {kind: continuous}."""

    kind: Kind
    """`at_start`: when the daemon starts (so it is without a schedule); `manual`: only when asked; `continuous`: again
    and again without end; `every` and `cron` follow from their keys and need not be written."""
    every: Annotated[PositiveDuration, AfterValidator(_long_enough)] | None = None
    """Evenly, from the daemon's start on: 15m. Clocks that are set do not matter to it."""
    cron: Annotated[str, AfterValidator(_good_cron)] | None = None
    """Minute, hour, day of month, month and weekday: `0 2 * * mon-fri`."""
    timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    """The IANA time zone of `cron` and `windows`: Europe/Berlin."""
    windows: Annotated[tuple[Annotated[str, AfterValidator(_good_window)], ...], BeforeValidator(parse_list)] = ()
    """Only at these hours of these weekdays: `mon-fri 08:00-18:00`, `sat sun 22:00-06:00`. A run of `every` and `cron`
    begins inside; a continuous one begins with the window, and is drained when it ends."""
    jitter: Duration = 0.0
    """Begin later by a part of this that is the scenario's own and the machine's, so that a fleet spreads."""
    overlap: Overlap = "skip"
    """What becomes of a run that falls due while another one of the scenario is under way: `skip` it, which is counted;
    `queue`: one waits; `cancel`: the old one is drained, then the new one begins."""
    catch_up: bool = False
    """Make up, once, for runs that were missed while the machine slept or the daemon was down."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        if isinstance(data, str):
            if data not in _WORDS:
                near = suggest(data, _WORDS)
                hint = near if near.startswith("did") else f"write {_WRITTEN}"
                raise ValueError(f"{shown(data)} is no schedule; {hint}")
            return {"kind": data}
        if isinstance(data, dict) and "kind" not in data:
            kinds = [kind for kind in ("every", "cron") if kind in data]
            if len(kinds) > 1:
                raise ValueError("`every` and `cron` are two schedules; keep one, or make two scenarios")
            if not kinds:
                raise FieldError((("kind",), f"is missing; write {_WRITTEN}, or one of the words as `kind`"))
            return {"kind": kinds[0], **data}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> "Schedule":
        found = list(self._contradictions())
        if found:
            raise FieldError(*found)
        return self

    def _contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        used = _USED[self.kind]
        for key, field in Schedule.model_fields.items():
            if key not in ("kind", *used) and getattr(self, key) != field.default:
                yield (key,), f"has no meaning for a schedule of kind {self.kind}; leave it out"
        if self.kind in ("every", "cron") and getattr(self, self.kind) is None:
            yield (self.kind,), f"is missing, but the kind is {self.kind}"
            return
        if self.timezone != "UTC" and not self.windows and self.cron is None and "timezone" in used:
            yield ("timezone",), "has no meaning without `windows` or `cron`; leave it out"
        if self.every is not None and self.jitter >= self.every:
            yield ("jitter",), "must be shorter than `every`"
        if self.cron is not None and first_inside(self.moments_of_cron(), self.open_windows(), _SOME_DAY) is None:
            yield ("windows",), f"no moment of {shown(self.cron)} is inside, so the scenario would never run"

    @model_serializer(mode="wrap")
    def _as_written(self, serialize: SerializerFunctionWrapHandler) -> Any:
        data = serialize(self)
        used = _USED[self.kind]
        if self.kind in _WORDS and all(getattr(self, key) == Schedule.model_fields[key].default for key in used):
            return self.kind
        return {key: value for key, value in data.items() if key in ("kind", *used)}

    def open_windows(self) -> Windows | None:
        """The windows in their zone; None if it may run at any time."""
        if not self.windows:
            return None
        return Windows(map(parse_window, self.windows), zone_of(self.timezone))

    def moments_of_cron(self) -> Cron:
        """The expression in its zone."""
        assert self.cron is not None
        return Cron(self.cron, zone_of(self.timezone))
