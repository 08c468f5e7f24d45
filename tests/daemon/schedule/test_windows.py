"""Windows of the week: what is inside, when they begin and end, over midnight and over changes of the clock."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest

from swelld.schedule.windows import Span, Window, Windows, parse_window

BERLIN = ZoneInfo("Europe/Berlin")
ALL = frozenset(range(7))


def at(text: str, zone: tzinfo = UTC, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def windows(*texts: str, zone: tzinfo = UTC) -> Windows:
    return Windows(map(parse_window, texts), zone)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("mon-fri 08:00-18:00", Window(frozenset(range(5)), 480, 1080)),
        ("Sat Sun 9:30 - 10:00", Window(frozenset({5, 6}), 570, 600)),
        ("fri-mon 00:00-24:00", Window(frozenset({4, 5, 6, 0}), 0, 1440)),
        ("mon wed-thu 22:00-06:00", Window(frozenset({0, 2, 3}), 1320, 1800)),
        ("12:00-00:00", Window(ALL, 720, 1440)),
        ("sun 23:00-24:00", Window(frozenset({6}), 1380, 1440)),
    ],
)
def test_windows_as_people_write_them(text: str, window: Window) -> None:
    assert parse_window(text) == window


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mon", "'mon' has no hours at its end; write e.g. `mon-fri 08:00-18:00`"),
        ("", "'' has no hours at its end"),
        ("mon 8-18", "has no hours at its end"),
        ("08:00-18:00 mon", "has no hours at its end"),
        ("mon,tue 08:00-18:00", "'mon,tue' is no weekday; use mon, tue, .* apart by spaces"),
        ("monday 08:00-18:00", "'monday' is no weekday"),
        ("mon-fry 08:00-18:00", "'fry' is no weekday"),
        ("08:00-25:00", "25:00 is no time of day"),
        ("08:60-09:00", "08:60 is no time of day"),
        ("08:00-08:00", "is empty; for a whole day write 00:00-24:00"),
        ("24:00-08:00", "is empty"),
    ],
)
def test_what_is_no_window_is_told_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_window(text)


def test_a_span_holds_its_beginning_and_not_its_end() -> None:
    day = windows("mon-fri 08:00-18:00")  # 2026-11-20 is a Friday
    friday = Span(at("2026-11-20 08:00"), at("2026-11-20 18:00"))
    monday = Span(at("2026-11-23 08:00"), at("2026-11-23 18:00"))
    assert day.span(at("2026-11-20 07:59:59")) == friday
    assert day.span(at("2026-11-20 08:00")) == friday
    assert day.span(at("2026-11-20 17:59:59")) == friday
    assert day.span(at("2026-11-20 18:00")) == monday
    seen = ["2026-11-20 07:59:59", "2026-11-20 08:00", "2026-11-20 17:59", "2026-11-20 18:00", "2026-11-21 12:00"]
    assert [day.open_at(at(moment)) for moment in seen] == [False, True, True, False, False]


def test_over_midnight_the_day_is_that_of_the_beginning() -> None:
    night = windows("fri 22:00-06:00")
    assert night.span(at("2026-11-21 03:00")) == Span(at("2026-11-20 22:00"), at("2026-11-21 06:00"))
    assert not night.open_at(at("2026-11-20 03:00"))


def test_windows_that_touch_or_overlap_are_one() -> None:
    whole = windows("mon 00:00-24:00", "tue 00:00-12:00", "tue 10:00-14:00")
    assert whole.span(at("2026-11-23 05:00")) == Span(at("2026-11-23"), at("2026-11-24 14:00"))


def test_a_window_without_end_is_always_open() -> None:
    always = windows("00:00-24:00")
    span = always.span(at("2026-11-20 05:00"))
    assert span.begin <= at("2026-11-20 00:00")
    assert span.end > at("2026-11-22 00:00")


@pytest.mark.parametrize(
    ("text", "day", "begin", "end"),
    [
        # On 2026-03-29 there is no time from 02:00 to 03:00.
        ("01:00-05:00", "2026-03-29", "00:00", "03:00"),
        ("02:30-05:00", "2026-03-29", "01:00", "03:00"),
        ("01:00-02:30", "2026-03-29", "00:00", "01:00"),
        # On 2026-10-25 the hour from 02:00 comes twice; a time in it is the first one.
        ("01:00-05:00", "2026-10-24T23:00", "23:00", "04:00"),
        ("02:30-05:00", "2026-10-25", "00:30", "04:00"),
        ("02:00-02:30", "2026-10-25", "00:00", "00:30"),
    ],
)
def test_changes_of_the_clock(text: str, day: str, begin: str, end: str) -> None:
    span = windows(text, zone=BERLIN).span(at(day))
    utc = [f"{datetime.fromtimestamp(moment, UTC):%H:%M}" for moment in span]
    assert utc == [begin, end]


def test_a_window_that_a_gap_swallows_is_not_there() -> None:
    inside = windows("02:10-02:50", zone=BERLIN)
    assert inside.span(at("2026-03-29 00:30")).begin == at("2026-03-30 02:10", BERLIN)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_every_half_hour_of_a_year_is_inside_or_not_as_the_clock_says(zone: str) -> None:
    place = ZoneInfo(zone)
    open_hours = windows("mon-fri 08:00-18:00", "sat 22:00-06:00", zone=place)
    moment, end = at("2026-01-01"), at("2027-01-01")
    span = open_hours.span(moment)
    while moment < end:
        if moment >= span.end:
            span = open_hours.span(moment)
        time = datetime.fromtimestamp(moment, place)
        weekday, minute = time.isoweekday(), time.hour * 60 + time.minute
        inside = weekday <= 5 and 480 <= minute < 1080
        inside |= (weekday == 6 and minute >= 1320) or (weekday == 7 and minute < 360)
        assert (span.begin <= moment) == inside, time
        moment += 1800
