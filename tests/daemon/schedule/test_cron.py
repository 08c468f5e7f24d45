"""Cron in time zones: against every minute of the clock on the wall, on the days when clocks change."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from swelld.schedule.cron import Cron
from swelld.schedule.moments import after

Match = Callable[[datetime], bool]

# A day on which clocks go forwards, and one on which they go back: (zone, from, to).
CHANGES = [
    ("Europe/Berlin", "2026-03-28", "2026-03-31"),
    ("Europe/Berlin", "2026-10-24", "2026-10-27"),
    ("America/New_York", "2026-03-07", "2026-03-10"),
    ("America/New_York", "2026-10-31", "2026-11-03"),
    ("America/Havana", "2026-03-07", "2026-03-10"),  # at midnight
    ("America/Havana", "2026-10-31", "2026-11-03"),
    ("Australia/Lord_Howe", "2026-04-04", "2026-04-07"),  # by half an hour
    ("Australia/Lord_Howe", "2026-10-03", "2026-10-06"),
    ("Antarctica/Troll", "2026-03-28", "2026-03-31"),  # by two hours
    ("Antarctica/Troll", "2026-10-24", "2026-10-27"),
    ("Asia/Kolkata", "2026-03-28", "2026-03-31"),  # never
]
ELAPSED: list[tuple[str, Match]] = [
    ("*/15 * * * *", lambda t: t.minute % 15 == 0),
    ("30 * * * *", lambda t: t.minute == 30),
    ("*/20 2 * * *", lambda t: t.minute % 20 == 0 and t.hour == 2),
    ("0 */2 * * *", lambda t: t.minute == 0 and t.hour % 2 == 0),
    ("*/10 0-1 * * sun", lambda t: t.minute % 10 == 0 and t.hour < 2 and t.isoweekday() == 7),
]
FIXED = ["30 2 * * *", "0,30 2 * * *", "0 0 * * *", "15 1-3 * * *", "45 1,2 * * sun", "0 3 * * *", "20 2 * * mon"]


def moments(cron: Cron, begin: float, end: float) -> list[float]:
    found = []
    moment = cron.first(begin)
    while moment is not None and moment < end:
        found.append(moment)
        moment = cron.first(after(moment))
    return found


def unix(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(("zone", "begin", "end"), CHANGES)
@pytest.mark.parametrize(("text", "match"), ELAPSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_goes_by_elapsed_time_comes_whenever_the_clock_shows_it(
    text: str, match: Match, zone: str, begin: str, end: str
) -> None:
    minutes = range(int(unix(begin)), int(unix(end)), 60)
    shown = [float(minute) for minute in minutes if match(datetime.fromtimestamp(minute, ZoneInfo(zone)))]
    assert moments(Cron(text, ZoneInfo(zone)), unix(begin), unix(end)) == shown


@pytest.mark.parametrize(("zone", "begin", "end"), CHANGES)
@pytest.mark.parametrize("text", FIXED)
def test_what_goes_by_the_wall_comes_once_a_day_whatever_the_clocks_do(
    text: str, zone: str, begin: str, end: str
) -> None:
    place = ZoneInfo(zone)
    cron, bare = Cron(text, place), Cron(text, UTC)
    day_before, day_after = unix(begin) - 86400, unix(end) + 86400
    wanted = set()
    for time in moments(bare, day_before, day_after):  # the same times in a zone whose clock is never changed
        local = datetime.fromtimestamp(time, UTC).replace(tzinfo=None)
        first = next((m for m in showing(local, place)), None)
        wanted.add(first if first is not None else end_of_gap(local, place))
    assert moments(cron, unix(begin), unix(end)) == sorted(m for m in wanted if unix(begin) <= m < unix(end))


def showing(local: datetime, zone: ZoneInfo) -> list[float]:
    """Every moment at which the clock shows a time, in order."""
    near = int(local.replace(tzinfo=UTC).timestamp())
    minutes = range(near - 15 * 3600, near + 15 * 3600, 60)
    return [float(m) for m in minutes if datetime.fromtimestamp(m, zone).replace(tzinfo=None) == local]


def end_of_gap(local: datetime, zone: ZoneInfo) -> float:
    while not (found := showing(local, zone)):
        local += timedelta(minutes=1)
    return found[0]


@pytest.mark.parametrize(
    ("text", "zone", "day", "times"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-29", ["03:00"]),  # there is no 02:30
        ("30 2 * * *", "Europe/Berlin", "2026-10-25", ["02:30"]),  # there are two
        ("0,30 2 * * *", "Europe/Berlin", "2026-03-29", ["03:00"]),  # both come to the same
        ("0 2,3 * * *", "Europe/Berlin", "2026-03-29", ["03:00"]),
        ("0 * * * *", "Europe/Berlin", "2026-10-25", [f"{h:02}:00" for h in (0, 1, 2, 2, *range(3, 24))]),
        ("30 2 * * *", "America/New_York", "2026-03-08", ["03:00"]),
        ("30 1 * * *", "America/New_York", "2026-11-01", ["01:30"]),
        ("10 2 * * *", "Australia/Lord_Howe", "2026-10-04", ["02:30"]),
        ("0 0 * * *", "America/Havana", "2026-03-08", ["01:00"]),
    ],
)
def test_days_in_words(text: str, zone: str, day: str, times: list[str]) -> None:
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).timestamp()
    end = (datetime.fromisoformat(day) + timedelta(days=1)).replace(tzinfo=ZoneInfo(zone)).timestamp()
    found = moments(Cron(text, ZoneInfo(zone)), begin, end)
    assert [f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%H:%M}" for moment in found] == times


def test_a_moment_in_the_second_of_two_equal_hours_is_followed_by_the_next_day() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    second = datetime(2026, 10, 25, 2, 10, tzinfo=berlin, fold=1).timestamp()
    found = Cron("30 2 * * *", berlin).first(second)
    assert found == datetime(2026, 10, 26, 2, 30, tzinfo=berlin).timestamp()


def test_the_end_of_a_gap_is_found_from_that_very_moment_on() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    end = datetime(2026, 3, 29, 3, 0, tzinfo=berlin).timestamp()
    assert Cron("30 2 * * *", berlin).first(end) == end
    assert Cron("30 2 * * *", berlin).first(after(end)) == datetime(2026, 3, 30, 2, 30, tzinfo=berlin).timestamp()


def test_far_moments_are_found() -> None:
    at = unix("2026-03-01")
    assert Cron("0 0 29 2 *", UTC).first(at) == unix("2028-02-29")
    assert Cron("*/30 * 29 2 *", ZoneInfo("Europe/Berlin")).first(at) == unix("2028-02-29") - 3600
    assert Cron("0 12 L * *", UTC).first(at) == unix("2026-03-31") + 12 * 3600
    assert Cron("0 0 * * fri#2", UTC).first(at) == unix("2026-03-13")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 25 * * *", r"the hour field '25' is wrong: it takes 0-23, .*; write e\.g\. \"0 2 \* \* mon-fri\""),
        ("60 2 * * *", r"the minute field '60' is wrong: it takes 0-59"),
        ("0 2 0 * *", r"the day-of-month field '0' is wrong: it takes 1-31"),
        ("0 2 * foo *", r"the month field 'foo' is wrong: it takes 1-12 or jan-dec"),
        ("0 2 * * mo", r"the day-of-week field 'mo' is wrong: it takes 0-7 or sun-sat"),
        ("*/0 2 * * *", r"the minute field '\*/0' is wrong"),
        ("0 2 * *", r"'0 2 \* \*' has 4 fields, not five"),
        ("0 0 2 * * *", r"has 6 fields, not five"),
        ("@daily", r"'@daily' has 1 fields, not five; write e\.g\."),
        ("", r"'' has 0 fields"),
        ("0 0 30 2 *", r"'0 0 30 2 \*' never comes: no such month has such a day"),
        ("0 0 31 4,6 *", r"never comes: no such month has such a day; mend the day or the month"),
    ],
)
def test_a_wrong_expression_is_told_where_it_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cron(text, UTC)
