"""When the runs of one scenario begin and end: what a look at the clocks says is due."""

from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import msgspec

from swelld.schedule.clock import Now
from swelld.schedule.model import Schedule
from swelld.schedule.moments import Beat, Every, Never, Single, after, first_inside, spread

LATE_SECONDS: Final = 60.0
"""A moment that is noticed later than this was missed."""
RETRY_SECONDS: Final = 10.0
"""Between a continuous run that came to nothing and the next one: a dead server gets a break."""

_DAY: Final = 86400.0
_SET_BACK: Final = 1.0  # less is no change worth to be spoken of
_MOST_COUNTED: Final = 1000  # moments gone through at one look: a clock may be set by years


class Cause(StrEnum):
    """Why a run was begun; a label."""

    START = "start"
    CONTINUOUS = "continuous"
    SCHEDULE = "schedule"
    CATCH_UP = "catch_up"
    ASKED = "asked"


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What survives a restart of the daemon; moments in Unix seconds."""

    schedule: str
    """The schedule as it was: its moments mean nothing to another one."""
    paused: bool = False
    next_fire: float | None = None
    """Also while it is paused, so that an even beat stays the same."""
    last_fire: float | None = None


class Due(NamedTuple):
    """What one look found."""

    cause: Cause | None = None
    """Begin a run now."""
    missed: int = 0
    """Moments that went by unnoticed."""
    stop: bool = False
    """End the run that is under way."""


class Timing(Protocol):
    """One scenario's time, without its runs. Looked at in order; every look may change it."""

    ends_runs: bool
    """Whether runs end with a pause and with a window."""

    def look(self, now: Now, *, running: bool) -> Due:
        """What is due."""

    def rest(self, now: Now) -> None:
        """A look while paused: what would have been due never was."""

    def ended(self, now: Now, *, good: bool) -> None:
        """A run of the scenario is over."""

    def next_fire(self, now: Now) -> float | None:
        """The wall time of the next run, after a look."""

    def wake(self, now: Now) -> float:
        """The wall time of the next look."""


class Moments:
    """Single moments: `every` on the steady clock, `cron` on the wall's, the daemon's start, or none at all."""

    ends_runs = False

    def __init__(
        self, name: str, schedule: Schedule, opened: Now, instance: str, remembered: Remembered | None, *, start: bool
    ) -> None:
        self._name = name
        self._schedule = schedule
        self._windows = schedule.open_windows()
        self._later = spread(schedule.jitter, instance, name)
        self._on_wall = schedule.cron is not None
        at = self._at(opened)
        self._done = self._known(remembered.last_fire, opened) if remembered and self._on_wall else None
        planned = self._known(remembered.next_fire, opened) if remembered else None
        self._from = at + self._later
        self._beat: Beat = Never()
        if schedule.cron is not None:
            self._from = at if planned is None else min(planned, at)
            self._beat = schedule.moments_of_cron()
        elif schedule.every is not None:
            if planned is not None:  # no later than it can be: the wall clock may have been set back in between
                self._from = planned if planned <= at else at + (planned - at) % schedule.every
            self._beat = Every(self._from, schedule.every)
        elif schedule.kind == "at_start" and start:
            self._beat = Single(self._from)
        self._next: float | None = None

    def look(self, now: Now, *, running: bool) -> Due:
        at = self._forget_the_future(now)
        ahead = 0.0 if self._on_wall else now.ahead
        count, last, moment = 0, None, self._first(self._not_done(), ahead)
        while moment is not None and moment <= at:
            count, last = count + 1, moment
            moment = self._first(after(last if count < _MOST_COUNTED else max(last, at - LATE_SECONDS)), ahead)
        self._next, self._from = moment, after(at)
        if last is None:
            return Due()
        if at - last > LATE_SECONDS:
            if not self._schedule.catch_up:
                return Due(missed=count)
            self._done = at
            return Due(Cause.CATCH_UP, missed=count)
        self._done = last
        return Due(Cause.START if self._schedule.kind == "at_start" else Cause.SCHEDULE, missed=count - 1)

    def rest(self, now: Now) -> None:
        at = self._forget_the_future(now)
        self._from = after(at)
        self._next = self._first(self._not_done(), 0.0 if self._on_wall else now.ahead)

    def ended(self, now: Now, *, good: bool) -> None:
        """A run's end changes nothing."""

    def next_fire(self, now: Now) -> float | None:
        # Rounded, lest it be news with every look that the two clocks run a little differently.
        return None if self._next is None else round(self.wake(now), 3)

    def wake(self, now: Now) -> float:
        if self._next is None:
            return now.wall + _DAY
        return self._next + self._later + (0.0 if self._on_wall else now.ahead)

    def _at(self, now: Now) -> float:
        """Now, on the clock of the beat: whoever begins later by a jitter lives that much in the past."""
        return (now.wall if self._on_wall else now.steady) - self._later

    def _known(self, moment: float | None, now: Now) -> float | None:
        """A wall time that was remembered, on the clock of the beat."""
        return None if moment is None else moment - self._later - (0.0 if self._on_wall else now.ahead)

    def _first(self, at: float, ahead: float) -> float | None:
        return first_inside(self._beat, self._windows, at, ahead)

    def _not_done(self) -> float:
        return self._from if self._done is None else max(self._from, after(self._done))

    def _forget_the_future(self, now: Now) -> float:
        """Now on the beat's clock; what lies ahead of it, because the clock was set back, comes anew.

        Not so a moment that a run was begun for, unless the clock was wrong by so much that it is another day's.
        """
        at = self._at(now)
        if at < self._from - _SET_BACK:
            self._from = at
        if self._done is not None and self._done > at + _DAY:
            self._done = None
        return at


class Spells:
    """Run after run without a break, all the time or as long as a window is open."""

    ends_runs = True

    def __init__(self, name: str, schedule: Schedule, opened: Now, instance: str) -> None:
        self._windows = schedule.open_windows()
        self._later = spread(schedule.jitter, instance, name)
        self._opens = opened.steady + self._later
        self._retry = self._opens
        self._on = False

    def look(self, now: Now, *, running: bool) -> Due:
        was_on, self._on = self._on, self._wanted(now)
        if self._on and not running and now.steady >= self._retry:
            return Due(Cause.CONTINUOUS)
        return Due(stop=was_on and not self._on)

    def rest(self, now: Now) -> None:
        self._on = False

    def ended(self, now: Now, *, good: bool) -> None:
        self._retry = now.steady if good or not self._on else now.steady + RETRY_SECONDS

    def next_fire(self, now: Now) -> float | None:
        """None as long as runs follow each other."""
        return None if self._wanted(now) else self._begins(now)

    def wake(self, now: Now) -> float:
        if not self._wanted(now):
            return self._begins(now)
        end = now.wall + _DAY if self._windows is None else self._windows.span(now.wall).end
        return min(end, self._retry + now.ahead) if self._retry > now.steady else end

    def _wanted(self, now: Now) -> bool:
        if now.steady < self._opens:
            return False
        return self._windows is None or self._begin_in_window(now.wall) <= now.wall

    def _begins(self, now: Now) -> float:
        opens = self._opens + now.ahead
        return opens if self._windows is None else self._begin_in_window(max(opens, now.wall))

    def _begin_in_window(self, wall: float) -> float:
        """When runs begin in the window that is open, or else in the next one."""
        assert self._windows is not None
        begin, end = self._windows.span(wall)
        return begin + min(self._later, (end - begin) / 2)
