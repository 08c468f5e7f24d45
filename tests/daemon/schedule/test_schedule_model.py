"""What a user writes about when a scenario runs: short forms, what is printed back, and what does not fit."""

from typing import Any

import pytest
from pydantic import ValidationError

from swelld.schedule.model import Schedule
from swelld.schedule.zones import zone_of


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("at_start", "at_start"),
        ("manual", "manual"),
        ("continuous", "continuous"),
        ({"kind": "continuous"}, "continuous"),
        ({"every": "15m"}, "every"),
        ({"kind": "every", "every": 900}, "every"),
        ({"cron": "0 2 * * *"}, "cron"),
    ],
)
def test_the_kind_follows(written: Any, kind: str) -> None:
    assert Schedule.model_validate(written).kind == kind


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("manual", "manual"),
        ({"kind": "continuous", "overlap": "skip"}, "continuous"),
        ({"kind": "manual", "overlap": "queue"}, {"kind": "manual", "overlap": "queue"}),
        (
            {"cron": " 0  2 * * * ", "timezone": "Europe/Berlin", "windows": "Mon-Fri  01:00-03:00, sun 02:00-03:00"},
            {
                "kind": "cron",
                "cron": "0 2 * * *",
                "timezone": "Europe/Berlin",
                "windows": ["mon-fri 01:00-03:00", "sun 02:00-03:00"],
                "jitter": "0s",
                "overlap": "skip",
                "catch_up": False,
            },
        ),
    ],
)
def test_it_is_printed_as_it_is_written_and_reads_back(written: Any, printed: Any) -> None:
    made = Schedule.model_validate(written)
    assert made.model_dump(mode="json") == printed
    assert Schedule.model_validate(printed) == made


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("contin", "'contin' is no schedule; did you mean continuous"),
        ("once", "'once' is no schedule; write at_start, manual, continuous, {every: 15m} or {cron: "),
        ({}, "kind: is missing; write at_start"),
        ({"every": "1m", "cron": "* * * * *"}, "`every` and `cron` are two schedules"),
        ({"every": "500ms"}, "is too often for whole runs, 1s at least"),
        ({"kind": "cron"}, "cron: is missing, but the kind is cron"),
        ({"kind": "manual", "jitter": "1s"}, "jitter: has no meaning for a schedule of kind manual"),
        ({"kind": "at_start", "windows": "08:00-09:00"}, "windows: has no meaning for a schedule of kind at_start"),
        ({"kind": "continuous", "catch_up": True}, "catch_up: has no meaning for a schedule of kind continuous"),
        ({"every": "1m", "timezone": "Asia/Tokyo"}, "timezone: has no meaning without `windows` or `cron`"),
        ({"every": "1m", "jitter": "1m"}, "jitter: must be shorter than `every`"),
        (
            {"cron": "0 2 * * *", "windows": "08:00-18:00"},
            r"windows: no moment of '0 2 \* \* \*' is inside, so the scenario would never run",
        ),
        ({"cron": "0 2 * * sat", "windows": "mon-fri 00:00-24:00"}, "would never run"),
        ({"cron": "0 0 30 2 *"}, "never comes"),
        ({"every": "1m", "windows": "mon,wed 08:00-18:00"}, "'mon' has no hours at its end"),
    ],
)
def test_what_does_not_fit_is_refused(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Schedule.model_validate(written)


def test_moments_and_windows_that_seldom_meet_are_good() -> None:
    leap = {"cron": "0 12 29 2 *", "windows": "sat 11:00-13:00"}  # every 28 years
    assert Schedule.model_validate(leap).cron == "0 12 29 2 *"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Europe/Berln", "'Europe/Berln' is no time zone; did you mean Europe/Berlin"),
        ("europe/berlin", "did you mean Europe/Berlin"),
        ("Berlin", "did you mean Europe/Berlin"),
        ("new york", "did you mean America/New_York"),
        ("Mars", "'Mars' is no time zone; write an IANA name, e.g. UTC or Europe/Berlin"),
        ("", "'' is no time zone"),
        ("../etc/passwd", "is no time zone"),
        ("Europe", "is no time zone"),
    ],
)
def test_an_unknown_zone_is_told_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        zone_of(name)
