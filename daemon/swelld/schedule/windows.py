"""Windows of the week in which a scenario may run: `mon-fri 08:00-18:00`."""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from swelld.config import shown
from swelld.schedule.zones import days_from, instant, reading

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLES: Final = "`mon-fri 08:00-18:00`, `sat sun 22:00-06:00` or `00:00-24:00`"

_DAY_MINUTES: Final = 24 * 60
_HOURS: Final = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)")


class Window(NamedTuple):
    """Weekdays (Monday is 0) and minutes of the day; an end beyond 24:00 is on the next day."""

    days: frozenset[int]
    begin: int
    end: int


class Span(NamedTuple):
    """Unix seconds from the beginning up to, but not with, the end."""

    begin: float
    end: float


def parse_window(text: str) -> Window:
    """A window from days (every day if there are none) and hours; ValueError says what is understood."""
    *days, hours = re.sub(r"\s*-\s*", "-", text.strip().lower()).split() or [""]
    match = _HOURS.fullmatch(hours)
    if not match:
        raise ValueError(f"{shown(text)} has no hours at its end; write e.g. {EXAMPLES}")
    begin, end = _minutes(match[1], match[2], text), _minutes(match[3], match[4], text)
    if begin in (end, _DAY_MINUTES):
        raise ValueError(f"{shown(text)} is empty; for a whole day write 00:00-24:00")
    return Window(_weekdays(days), begin, end if end > begin else end + _DAY_MINUTES)


def _minutes(hour: str, minute: str, text: str) -> int:
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > _DAY_MINUTES:
        raise ValueError(f"{shown(text)}: {hour}:{minute} is no time of day; times go from 00:00 to 24:00")
    return minutes


def _weekdays(words: list[str]) -> frozenset[int]:
    found: set[int] = set()
    for word in words:
        first, _, last = word.partition("-")
        unknown = [day for day in (first, last or first) if day not in DAYS]
        if unknown:
            text = f"{shown(unknown[0])} is no weekday; use {', '.join(DAYS)}, apart by spaces or as a range"
            raise ValueError(f"{text}, e.g. `mon wed-fri 08:00-18:00`")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found.update(day % 7 for day in range(begin, (end if end >= begin else end + 7) + 1))
    return frozenset(found or range(7))


class Windows:
    """Several windows in one time zone; where they touch or overlap they are one."""

    def __init__(self, windows: Iterable[Window], zone: tzinfo) -> None:
        self._windows = tuple(windows)
        self._zone = zone

    def span(self, at: float) -> Span:
        """The span that a moment is in, or else the next one; one without end is told a few days at a time."""
        return next(span for span in self._spans(at) if span.end > at)

    def open_at(self, at: float) -> bool:
        """Whether a moment is in a window."""
        return self.span(at).begin <= at

    def _spans(self, at: float) -> list[Span]:
        # Nine days hold every weekday, whatever the clocks do; two before, for what reaches over midnight.
        day = datetime.combine(reading(at, self._zone), time()) - timedelta(days=2)
        found = sorted(span for today in days_from(day, 11) for span in self._on(today))
        merged = found[:1]
        for span in found[1:]:
            last = merged[-1]
            if span.begin <= last.end:
                merged[-1] = Span(last.begin, max(last.end, span.end))
            else:
                merged.append(span)
        return merged

    def _on(self, day: datetime) -> list[Span]:
        today = [window for window in self._windows if day.weekday() in window.days]
        spans = [Span(self._instant(day, window.begin), self._instant(day, window.end)) for window in today]
        return [span for span in spans if span.begin < span.end]  # a gap may have swallowed it

    def _instant(self, day: datetime, minutes: int) -> float:
        return instant(day + timedelta(minutes=minutes), self._zone)
