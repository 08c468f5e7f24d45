"""Forty scenarios over thirty days in which everything happens: every run that was due began exactly once.

What was due is computed here by other means: from every minute of the clocks on the wall, and from the pieces of time
in which somebody was there to see them.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from fake_runs import FakeRuns
from swelld.schedule.keeper import Keeper
from swelld.schedule.model import Schedule
from swelld.schedule.moments import spread
from swelld.schedule.timing import Cause, Remembered
from virtual_clock import VirtualClock

BEGIN = datetime(2026, 3, 10, 7, 3, 20, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
DRAIN = 4.0
MOST_LATE = 31.0  # a clock that was set, or a machine that woke up, is noticed so late

Match = Callable[[datetime], bool]


class Piece(NamedTuple):
    """Time without a break, by both clocks; `cut` says that nobody kept before it: closed, or paused."""

    wall: float
    steady: float
    seconds: float
    cut: bool


@dataclass
class Case:
    """A schedule, and what it is to mean."""

    name: str
    schedule: Any
    match: Match = lambda time: False
    """Whether a minute on the wall is one of its moments, or is in its window."""
    zone: str = "UTC"
    seconds: float | None = 0.0
    pauses: tuple[str, ...] = ()
    pieces: list[Piece] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)

    def local(self, wall: float) -> datetime:
        return datetime.fromtimestamp(wall, ZoneInfo(self.zone))


def hours(first: int, last: int, *days: int) -> Match:
    """Windows as a reader of a clock sees them, on these days (Monday is 1), all if none is given."""
    return lambda time: first <= time.hour < last and (not days or time.isoweekday() in days)


def at(hour: int, minute: int, *days: int) -> Match:
    return lambda time: (time.hour, time.minute) == (hour, minute) and (not days or time.isoweekday() in days)


def or_after_the_gap(match: Match, *gap: int) -> Match:
    """A moment that is moved to the end of the gap on a day whose clock does not show it."""
    return lambda time: match(time) or (time.month, time.day, time.hour, time.minute) == gap


def first_time(match: Match) -> Match:
    return lambda time: match(time) and time.fold == 0


def cron(name: str, text: str, match: Match, zone: str = "UTC", **more: Any) -> Case:
    extra = {key: more.pop(key) for key in ("windows", "jitter") if key in more}
    return Case(name, {"cron": text, "timezone": zone, **extra}, match, zone, **more)


WORK = "mon-fri 08:00-18:00"
MON_TO_FRI = (1, 2, 3, 4, 5)
CASES = [
    cron("nightly", "30 2 * * *", at(2, 30)),
    cron("berlin", "30 2 * * *", or_after_the_gap(at(2, 30), 3, 29, 3, 0), "Europe/Berlin"),
    cron("sydney", "30 2 * * *", first_time(at(2, 30)), "Australia/Sydney"),
    cron("sydney-quarters", "*/15 * * * *", lambda time: time.minute % 15 == 0, "Australia/Sydney"),
    cron("lord-howe", "45 1 * * *", first_time(at(1, 45)), "Australia/Lord_Howe"),
    cron("kolkata", "15 9 * * mon-fri", at(9, 15, *MON_TO_FRI), "Asia/Kolkata"),
    cron("havana", "0 */3 * * *", lambda time: time.minute == 0 and time.hour % 3 == 0, "America/Havana"),
    cron("often", "*/5 * * * *", lambda time: time.minute % 5 == 0),
    cron("paused-often", "*/10 * * * *", lambda time: time.minute % 10 == 0, pauses=("odd",)),
    cron(
        "working",
        "*/30 * * * *",
        lambda time: time.minute % 30 == 0 and hours(8, 18, *MON_TO_FRI)(time),
        "America/New_York",
        windows=WORK,
    ),
    cron("late", "20 * * * *", lambda time: time.minute == 20, jitter="40s", pauses=("even",)),
    cron("monthly", "0 12 1 * *", lambda time: time.day == 1 and at(12, 0)(time)),
    *(Case(f"every-{period}", {"every": f"{period}s"}) for period in (300, 420, 900, 901, 3600, 5000, 21600, 86400)),
    *(
        Case(f"paused-{period}", {"every": f"{period}s"}, seconds=20.0, pauses=("odd", "even"))
        for period in (600, 1234, 3600)
    ),
    Case("every-late", {"every": "30m", "jitter": "5m"}),
    Case("endless", {"kind": "continuous"}, lambda time: True, seconds=None),
    Case("endless-paused", {"kind": "continuous"}, lambda time: True, seconds=None, pauses=("odd", "even")),
    Case(
        "by-day",
        {"kind": "continuous", "windows": WORK, "timezone": "Europe/Berlin"},
        hours(8, 18, *MON_TO_FRI),
        "Europe/Berlin",
        None,
    ),
    Case(
        "by-day-paused",
        {"kind": "continuous", "windows": "08:00-20:00", "timezone": "America/New_York"},
        hours(8, 20),
        "America/New_York",
        None,
        ("even",),
    ),
    Case(
        "by-night",
        {"kind": "continuous", "windows": "22:00-06:00", "timezone": "Europe/Berlin"},
        lambda time: time.hour >= 22 or time.hour < 6,
        "Europe/Berlin",
        None,
    ),
    Case(
        "twice-a-day",
        {"kind": "continuous", "windows": ["mon-fri 06:00-09:00", "sat 12:00-14:00", "mon-fri 16:00-19:00"]},
        lambda t: hours(6, 9, *MON_TO_FRI)(t) or hours(16, 19, *MON_TO_FRI)(t) or hours(12, 14, 6)(t),
        "UTC",
        None,
    ),
    *(Case(f"start-{number}", "at_start", seconds=20.0) for number in range(4)),
    *(Case(f"by-hand-{number}", "manual", seconds=20.0) for number in range(6)),
]


class Month:
    """Plays the thirty days, and notes for every case which pieces of time its keeper has seen."""

    def __init__(self) -> None:
        self.clock = VirtualClock(BEGIN)
        self.runs = {case.name: FakeRuns(self.clock, case.seconds, drain=DRAIN) for case in CASES}
        self.keepers: dict[str, Keeper] = {}
        self.memory: dict[str, Remembered] = {}
        self._cut: set[str] = set()

    def open(self, names: list[str], *, start: bool) -> None:
        for case in CASES:
            if case.name in names:
                keeper = Keeper(
                    case.name,
                    Schedule.model_validate(case.schedule),
                    self.runs[case.name],
                    self.clock,
                    remember=self.memory.__setitem__,
                    remembered=self.memory.get(case.name),
                    start=start,
                )
                keeper.open()
                self.keepers[case.name] = keeper
                self._cut.add(case.name)

    async def close(self, names: list[str]) -> None:
        closing = asyncio.gather(*(self.keepers.pop(name).close() for name in names))
        await self.run_until(self.clock.now().wall + DRAIN + 1.0)
        assert closing.done()

    async def run_until(self, wall: float) -> None:
        """Time passes without anything but what schedules do."""
        now = self.clock.now()
        for case in CASES:
            keeper = self.keepers.get(case.name)
            if keeper is None or keeper.paused:
                self._cut.add(case.name)
            else:
                case.pieces.append(Piece(now.wall, now.steady, wall - now.wall, case.name in self._cut))
                self._cut.discard(case.name)
        await self.clock.run_until(wall)

    def pause(self, group: str, *, on: bool) -> None:
        for case in CASES:
            if group in case.pauses:
                (self.keepers[case.name].pause if on else self.keepers[case.name].resume)()

    async def ask(self, number: int) -> None:
        name = f"by-hand-{number}"
        assert self.keepers[name].fire_now() == "begun"
        next(case for case in CASES if case.name == name).asked.append(self.clock.now().wall)


def day(number: int, hour: int, minute: int, second: float) -> float:
    return datetime(2026, 3, 10, hour, minute, tzinfo=UTC).timestamp() + number * DAY + second


async def play(month: Month) -> None:
    """The story; its moments keep away from those of the schedules, which `due` makes sure of."""
    everyone = [case.name for case in CASES]
    month.open(everyone, start=True)
    await month.run_until(day(1, 3, 7, 11.0))
    month.pause("odd", on=True)
    await month.run_until(day(1, 9, 33, 17.0))
    month.pause("odd", on=False)
    await month.run_until(day(3, 12, 2, 10.0))
    month.clock.set_by(2 * HOUR + 30 * MINUTE)  # forwards
    await month.run_until(day(5, 12, 2, 31.0))
    month.clock.set_by(-1 * HOUR)  # backwards
    await month.run_until(day(6, 1, 2, 11.0))
    for number in range(6):
        await month.ask(number)
    await month.run_until(day(8, 11, 42, 23.0))
    month.pause("even", on=True)
    await month.run_until(day(9, 22, 6, 41.0))
    month.pause("even", on=False)
    await month.run_until(day(11, 2, 7, 9.0))
    month.clock.suspend(9 * HOUR + 35 * MINUTE)  # a laptop, closed
    await month.run_until(day(13, 14, 52, 33.0))
    touched = everyone[::3]
    await month.close(touched)  # a reload
    month.open(touched, start=False)
    await month.run_until(day(16, 16, 12, 19.0))
    await month.close(everyone)  # the daemon is down for a while
    await month.clock.run(3 * HOUR + 24 * MINUTE)
    month.open(everyone, start=True)
    await month.run_until(day(18, 23, 57, 31.0))  # before the clocks of Europe go forwards
    month.pause("odd", on=True)
    await month.run_until(day(20, 4, 13, 7.0))
    month.pause("odd", on=False)
    await month.run_until(day(25, 0, 1, 13.0))
    await month.ask(3)
    await month.run_until(day(30, 7, 3, 23.0))  # the clocks of Australia have gone back
    await month.close(everyone)


# --- what was due


def minutes(begin: float, end: float) -> Iterator[float]:
    minute = -(-begin // MINUTE) * MINUTE
    while minute < end:
        yield minute
        minute += MINUTE


def due_by_cron(case: Case, late: float) -> list[float]:
    """Moments on the wall that somebody saw, the first time it showed them."""
    found: list[float] = []
    for piece in case.pieces:
        end = piece.wall + piece.seconds
        for minute in minutes(piece.wall - late - 100.0, end - late + 100.0):
            if case.match(case.local(minute)) and not any(abs(minute - known) < 1 for known in found):
                apart = min(abs(minute + late - piece.wall), abs(minute + late - end))
                inside = piece.wall < minute + late < end
                assert apart > 1.0, f"{case.name}: the story has to keep away from {case.local(minute)}"
                assert inside or minute + late > end or piece.wall - minute - late > 61.0 or not piece.cut
                if inside:
                    found.append(minute)
    return [moment + late for moment in found]


def due_evenly(case: Case, period: float, late: float) -> list[float]:
    """Moments on the steady clock, on the wall that it had then."""
    found = []
    for piece in case.pieces:
        count = int(-(-(piece.steady - late) // period))
        before = piece.steady - late - (count - 1) * period
        assert count == 0 or before > 61.0 or not piece.cut, f"{case.name}: the story has to keep away from {piece}"
        while (moment := late + count * period) < piece.steady + piece.seconds:
            found.append(piece.wall + moment - piece.steady)
            count += 1
    return found


def due_without_end(case: Case) -> tuple[list[float], list[float]]:
    """When runs begin and when they are told to end: with windows, pauses, and keepers that come and go."""
    begins: list[float] = []
    ends: list[float] = []
    on, wall = False, BEGIN
    for piece in case.pieces:
        if piece.cut and on:
            ends.append(wall)
            on = False
        for minute in [piece.wall, *minutes(piece.wall, piece.wall + piece.seconds)]:
            inside = case.match(case.local(minute))
            if inside != on:
                (begins if inside else ends).append(minute)
                on = inside
        wall = piece.wall + piece.seconds
    return begins, [*ends, wall] if on else ends


def close_to(found: list[float], wanted: list[float], late: float) -> bool:
    return len(found) == len(wanted) and all(-0.01 <= f - w <= late for f, w in zip(found, wanted, strict=True))


async def test_every_run_that_was_due_began_exactly_once() -> None:
    assert len(CASES) == 40
    month = Month()
    for case in CASES:
        case.pieces.clear()
        case.asked.clear()
    await play(month)
    total = 0
    for case in CASES:
        runs, schedule = month.runs[case.name], Schedule.model_validate(case.schedule)
        late = spread(schedule.jitter, "", case.name)
        total += len(runs.begun)
        assert runs.most == 1 or not runs.begun, case.name
        if schedule.kind == "cron":
            assert close_to(runs.times(), due_by_cron(case, late), 0.01), case.name
            assert set(runs.causes()) == {Cause.SCHEDULE}
        elif schedule.every:
            assert close_to(runs.times(), due_evenly(case, schedule.every, late), 0.5), case.name
        elif schedule.kind == "continuous":
            begins, ends = due_without_end(case)
            assert close_to(runs.times(), begins, MOST_LATE), case.name
            assert close_to(runs.ended, ends, MOST_LATE + DRAIN), case.name
        elif schedule.kind == "at_start":
            assert [round(moment - BEGIN) for moment in runs.times()] == [0, round(restart(case) - BEGIN)]
        else:
            assert (runs.times(), set(runs.causes())) == (case.asked, {Cause.ASKED})
    assert total > 25_000


def restart(case: Case) -> float:
    """When the daemon came back."""
    return next(piece.wall for piece in reversed(case.pieces) if piece.cut)
