"""Cron expressions in a time zone, and what happens to them when clocks are changed.

An expression whose minute and hour both begin with a number speaks of times on the wall: one that the clock skips
comes when the gap ends, one that it shows twice comes the first time. Any other (`*/15 * * * *`) speaks of the time
that passes: it goes on evenly, through both of two equal hours, and lacks what the clock skips.
"""

import math
from datetime import datetime, timedelta, tzinfo
from typing import Final

from cronsim import CronSim, CronSimError

from swelld.config import shown
from swelld.schedule.zones import instant, offset_at, reading, transition

EXAMPLE: Final = '"0 2 * * mon-fri", minute hour day month weekday: at 02:00 from Monday to Friday'

_FIELDS: Final = ("minute", "hour", "day-of-month", "month", "day-of-week")
_RANGES: Final = ("0-59", "0-23", "1-31", "1-12 or jan-dec", "0-7 or sun-sat")
_ANY_DAY: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - what a clock shows, in no zone
_DAY: Final = 86400.0
_SECOND: Final = timedelta(seconds=1)
_SEARCHES: Final = 1000


class Cron:
    """The moments of an expression. ValueError names the field that is wrong, or says that there is no moment."""

    def __init__(self, text: str, zone: tzinfo) -> None:
        self.text = text
        self._zone = zone
        fields = text.split()
        if len(fields) != 5:
            raise ValueError(f"{shown(text)} has {len(fields)} fields, not five; write e.g. {EXAMPLE}")
        for number, field in enumerate(fields):
            _check(number, field)
        try:
            next(CronSim(text, _ANY_DAY))
        except (CronSimError, StopIteration):  # every field is good alone
            text = f"{shown(text)} never comes: no such month has such a day; mend the day or the month"
            raise ValueError(text) from None
        self._by_elapsed_time = fields[0].startswith("*") or fields[1].startswith("*")

    def first(self, at: float) -> float | None:
        """The first moment at or after a moment, in Unix seconds."""
        at = float(math.ceil(at))
        return self._elapsed(at) if self._by_elapsed_time else self._on_the_wall(at)

    def _on_the_wall(self, at: float) -> float | None:
        # One second earlier, so that a time inside a gap that ends now is seen.
        for time in CronSim(self.text, reading(at - 1, self._zone)):
            moment = instant(time, self._zone)
            if moment >= at:
                return moment
        return None

    def _elapsed(self, at: float) -> float | None:
        """Goes from one change of the clock to the next: in between, the wall is UTC and a constant."""
        for _ in range(_SEARCHES):
            offset = offset_at(at, self._zone)
            time = next(CronSim(self.text, reading(at, self._zone) - _SECOND), None)
            if time is None:
                return None
            moment = at + (time - reading(at, self._zone)).total_seconds()
            near = min(moment, at + _DAY)
            if offset_at(near, self._zone) != offset:
                at = transition(at, near, self._zone)
            elif moment == near:
                return moment
            else:  # until then no clock shows such a time: a change that comes later repeats only what was looked at
                at = max(near, moment - 2 * _DAY)
        return None


def _check(number: int, field: str) -> None:
    """ValueError if this field alone is wrong."""
    alone = ["*"] * 5
    alone[number] = field
    try:
        CronSim(" ".join(alone), _ANY_DAY)
    except CronSimError:
        text = f"the {_FIELDS[number]} field {shown(field)} is wrong: it takes {_RANGES[number]}, `*`, lists and steps"
        raise ValueError(f"{text}; write e.g. {EXAMPLE}") from None
