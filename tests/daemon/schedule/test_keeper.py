"""A keeper on a virtual clock: what it begins, ends, leaves out, misses, makes up for and remembers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from fake_runs import FakeRuns
from swelld.schedule.keeper import Keeper
from swelld.schedule.model import Schedule
from swelld.schedule.moments import spread
from swelld.schedule.timing import Cause, Remembered
from virtual_clock import VirtualClock, settled

FRIDAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
FAR = FRIDAY + 100 * DAY


@asynccontextmanager
async def kept(
    schedule: Any, seconds: float | None = 0.0, *, clock: VirtualClock | None = None, drain: float = 0.0, **more: Any
) -> AsyncIterator[tuple[VirtualClock, FakeRuns, Keeper]]:
    clock = clock or VirtualClock(FRIDAY)
    runs = FakeRuns(clock, seconds, drain=drain)
    keeper = Keeper("canary", Schedule.model_validate(schedule), runs, clock, **more)
    keeper.open()
    try:
        yield clock, runs, keeper
    finally:
        closing = asyncio.create_task(keeper.close())
        await clock.run(120.0)
        assert closing.done(), "closing waits for the run to be drained"
        assert len(runs.begun) == len(runs.ended)
        assert runs.most <= 1
        before = len(runs.begun)
        await clock.run(DAY)
        assert len(runs.begun) == before, "nothing begins once it is closed"


def since(runs: FakeRuns, begin: float = FRIDAY) -> list[float]:
    return [round(moment - begin, 2) for moment in runs.times()]


# --- the kinds


async def test_at_start_runs_once_and_never_again() -> None:
    async with kept("at_start", 5.0) as (clock, runs, keeper):
        await clock.run(DAY)
        assert (since(runs), runs.causes()) == ([0.0], [Cause.START])
        assert (keeper.next_fire, keeper.last_fire) == (None, FRIDAY)


async def test_a_reload_is_no_start() -> None:
    async with kept("at_start", start=False) as (clock, runs, _):
        await clock.run(DAY)
        assert runs.begun == []


async def test_manual_runs_only_when_asked() -> None:
    async with kept("manual", 5.0) as (clock, runs, keeper):
        await clock.run(DAY)
        assert (runs.begun, keeper.next_fire) == ([], None)
        assert keeper.fire_now() == "begun"
        await clock.run(1.0)
        assert (since(runs), runs.causes()) == ([DAY], [Cause.ASKED])
        assert (keeper.running, keeper.last_fire) == (True, FRIDAY + DAY)


async def test_every_is_even_from_its_own_start_and_does_not_drift() -> None:
    clock = VirtualClock(FRIDAY + 0.123)
    async with kept({"every": "15m"}, 7.0, clock=clock) as (_, runs, keeper):
        await clock.run(30 * DAY + 1)
        assert len(runs.begun) == 30 * 96 + 1
        late = [moment - FRIDAY - 0.123 - number * 15 * MINUTE for number, moment in enumerate(runs.times())]
        assert -1e-6 < min(late) <= max(late) < 0.001
        assert set(runs.causes()) == {Cause.SCHEDULE}
        assert keeper.next_fire == pytest.approx(FRIDAY + 0.123 + 30 * DAY + 15 * MINUTE, abs=0.002)


async def test_cron_in_its_zone() -> None:
    async with kept({"cron": "30 2 * * sat,sun", "timezone": "Europe/Berlin"}) as (clock, runs, keeper):
        assert keeper.next_fire is None or keeper.next_fire > FRIDAY
        await clock.run(8 * DAY)
        assert since(runs) == [13.5 * HOUR, 13.5 * HOUR + DAY, 13.5 * HOUR + 7 * DAY]


async def test_continuous_begins_again_at_once_and_a_dead_server_gets_a_break() -> None:
    async with kept("continuous", 60.0) as (clock, runs, keeper):
        await clock.run(150.0)
        assert (since(runs), keeper.next_fire) == ([0.0, 60.0, 120.0], None)
        runs.good = False
        await clock.run(150.0)
        assert since(runs)[3:] == [190.0, 260.0]
        runs.error = OSError("no route to host")
        await clock.run(95.0)
        assert since(runs)[5:] == [330.0, 340.0, 350.0, 360.0, 370.0, 380.0, 390.0]
        runs.good, runs.error = True, None
        await clock.run(130.0)
        assert since(runs)[12:] == [400.0, 460.0, 520.0]


async def test_a_run_that_fails_does_not_end_the_schedule() -> None:
    async with kept({"every": "1h"}) as (clock, runs, _):
        runs.error = RuntimeError("a defect")
        await clock.run(3 * HOUR + 1)
        assert since(runs) == [0.0, HOUR, 2 * HOUR, 3 * HOUR]


async def test_a_look_that_fails_is_not_the_last_one(caplog: pytest.LogCaptureFixture) -> None:
    def remember(_: str, state: Remembered) -> None:
        if state.next_fire == FRIDAY + 2 * HOUR:
            raise RuntimeError("a defect")

    async with kept({"every": "1h"}, remember=remember) as (clock, runs, _):
        await clock.run(3 * HOUR + 1)
        assert since(runs) == [0.0, HOUR, 2 * HOUR, 3 * HOUR]
    assert "the schedule of scenario canary cannot be looked at" in caplog.messages


# --- windows


async def test_a_continuous_run_begins_with_a_window_and_is_drained_at_its_end() -> None:
    windows = {"kind": "continuous", "windows": "mon-fri 08:00-18:00", "timezone": "Europe/Berlin"}
    async with kept(windows, None, drain=9.0) as (clock, runs, keeper):
        await clock.run(3 * DAY)
        opens, closes = -5 * HOUR, 5 * HOUR  # of Friday, seen from 12:00 UTC
        assert since(runs) == [0.0, opens + 3 * DAY]
        assert [round(end - FRIDAY, 2) for end in runs.ended] == [closes + 9.0]
        await clock.run(6 * HOUR)
        assert keeper.next_fire == FRIDAY + opens + 4 * DAY
        assert runs.stops == 2


async def test_others_begin_only_inside_and_end_when_they_end() -> None:
    inside = {"every": "5h", "windows": "08:00-18:00"}
    async with kept(inside, 3 * HOUR) as (clock, runs, keeper):
        await clock.run(DAY)
        assert since(runs) == [0.0, 5 * HOUR, 20 * HOUR]  # 12:00, 17:00, (22:00, 03:00,) 08:00
        assert runs.stops == 0
        assert keeper.next_fire == FRIDAY + 25 * HOUR


async def test_what_somebody_asked_for_does_not_end_with_a_window() -> None:
    async with kept({"kind": "continuous", "windows": "00:00-01:00"}, 20 * MINUTE) as (clock, runs, keeper):
        await clock.run(HOUR)
        assert keeper.fire_now() == "begun"
        await clock.run(HOUR)
        assert (since(runs), runs.stops, runs.causes()) == ([HOUR], 0, [Cause.ASKED])


# --- jitter


async def test_jitter_is_a_constant_of_the_scenario_and_the_instance() -> None:
    late = spread(30.0, "pod-1", "canary")
    assert 0.0 < late < 30.0
    async with kept({"every": "1h", "jitter": "30s"}, instance="pod-1") as (clock, runs, keeper):
        await clock.run(2 * HOUR)
        assert since(runs) == pytest.approx([late, HOUR + late], abs=0.01)
        assert keeper.next_fire == pytest.approx(FRIDAY + 2 * HOUR + late, abs=0.002)
    async with kept({"cron": "0 * * * *", "jitter": "30s"}, instance="pod-1") as (clock, runs, _):
        await clock.run(2 * HOUR)
        assert since(runs) == pytest.approx([late, HOUR + late], abs=0.01)
    async with kept({"kind": "at_start", "jitter": "30s"}, instance="pod-1") as (clock, runs, _):
        await clock.run(HOUR)
        assert since(runs) == pytest.approx([late], abs=0.01)
    async with kept({"kind": "continuous", "jitter": "30s"}, None, instance="pod-1") as (clock, runs, _):
        await clock.run(HOUR)
        assert since(runs) == pytest.approx([late], abs=0.01)


def test_a_fleet_spreads_evenly() -> None:
    parts = [spread(1.0, f"pod-{number}", "canary") for number in range(400)]
    tenths = [sum(1 for part in parts if tenth <= part * 10 < tenth + 1) for tenth in range(10)]
    assert min(tenths) > 20
    assert max(tenths) < 65
    assert spread(0.0, "pod-1") == 0.0


# --- overlap


async def test_a_run_that_falls_due_during_another_is_skipped_and_counted() -> None:
    async with kept({"every": "1m"}, 150.0) as (clock, runs, keeper):
        await clock.run(10 * MINUTE - 1)
        assert since(runs) == [0.0, 180.0, 360.0, 540.0]
        assert (keeper.skipped, keeper.missed, runs.stops) == (6, 0, 0)


async def test_one_waits_and_no_more() -> None:
    async with kept({"every": "1m", "overlap": "queue"}, 150.0) as (clock, runs, keeper):
        await clock.run(10 * MINUTE - 1)
        assert since(runs) == [0.0, 150.0, 300.0, 450.0]
        # Due at 60, 180, 360 and 480 they waited; those of 120, 240, 300, 420 and 540 found one waiting.
        assert keeper.skipped == 5
        runs.seconds = 1.0


async def test_the_old_one_is_drained_before_the_new_one_begins() -> None:
    async with kept({"every": "1m", "overlap": "cancel"}, None, drain=9.0) as (clock, runs, keeper):
        await clock.run(3 * MINUTE)
        assert since(runs) == [0.0, 69.0, 129.0]
        assert (runs.stops, keeper.skipped) == (3, 0)
        assert runs.causes() == [Cause.SCHEDULE] * 3


async def test_what_somebody_asks_for_obeys_the_same_rule() -> None:
    async with kept({"kind": "manual"}, 60.0) as (clock, runs, keeper):
        assert [keeper.fire_now(), keeper.fire_now()] == ["begun", "skipped"]
        await clock.run(1.0)
        assert keeper.skipped == 1
    async with kept({"kind": "manual", "overlap": "queue"}, 60.0) as (clock, runs, keeper):
        assert [keeper.fire_now(), keeper.fire_now(), keeper.fire_now()] == ["begun", "queued", "skipped"]
        await clock.run(61.0)
        assert since(runs) == [0.0, 60.0]


# --- pauses


async def test_nothing_begins_while_paused_and_nothing_is_made_up_for() -> None:
    async with kept({"every": "1h", "catch_up": True}, 600.0) as (clock, runs, keeper):
        await clock.run(HOUR + 1)
        keeper.pause()
        assert (keeper.paused, keeper.next_fire, keeper.running) == (True, None, True)
        await clock.run(3 * HOUR)
        keeper.resume()
        assert keeper.next_fire == pytest.approx(FRIDAY + 5 * HOUR, abs=0.01)
        await clock.run(HOUR)
        assert since(runs) == [0.0, HOUR, 5 * HOUR]
        assert (keeper.missed, keeper.skipped, runs.stops) == (0, 0, 0)


async def test_a_pause_drains_a_continuous_run_and_its_end_begins_another() -> None:
    async with kept("continuous", None, drain=5.0) as (clock, runs, keeper):
        await clock.run(100.0)
        keeper.pause()
        await clock.run(100.0)
        assert ([round(end - FRIDAY) for end in runs.ended], keeper.running) == ([105], False)
        keeper.resume()
        await clock.run(1.0)
        assert since(runs) == [0.0, 200.0]
        keeper.pause()
        keeper.resume()  # while the run is still drained
        await clock.run(10.0)
        assert since(runs) == [0.0, 200.0, 206.0]


async def test_while_paused_a_run_can_be_asked_for() -> None:
    async with kept("continuous", 5.0) as (clock, runs, keeper):
        keeper.pause()
        await clock.run(100.0)
        assert keeper.fire_now() == "begun"
        await clock.run(100.0)
        assert (since(runs), runs.causes()) == ([100.0], [Cause.ASKED])


async def test_a_run_that_waits_is_dropped_by_a_pause() -> None:
    async with kept({"every": "1m", "overlap": "queue"}, 100.0) as (clock, runs, keeper):
        await clock.run(70.0)
        keeper.pause()
        await clock.run(300.0)
        assert (since(runs), keeper.skipped) == ([0.0], 1)


# --- clocks that are set, machines that sleep


@pytest.mark.parametrize("by", [-3 * HOUR, -10 * MINUTE, 10 * MINUTE, 3 * HOUR])
async def test_every_does_not_care_for_a_clock_that_is_set(by: float) -> None:
    async with kept({"every": "15m"}) as (clock, runs, keeper):
        await clock.run(100.0)
        clock.set_by(by)
        await clock.run(2 * HOUR)
        whole = [moment - (by if number else 0.0) for number, moment in enumerate(runs.times())]
        assert [round(moment - FRIDAY, 2) for moment in whole] == [number * 900.0 for number in range(9)]
        assert keeper.missed == 0


async def test_after_the_machine_slept_every_fires_once_and_stays_even() -> None:
    async with kept({"every": "1m"}) as (clock, runs, keeper):
        await clock.run(90.0)
        clock.suspend(8 * HOUR)
        await clock.run(5 * MINUTE)
        begun = since(runs)
        assert begun[:2] == [0.0, 60.0]
        assert begun[2] == pytest.approx(8 * HOUR + 120.0, abs=0.01)  # it looks 30 s later: the moment is just due
        assert begun[3:] == [8 * HOUR + 180.0 + 60.0 * number for number in range(4)]
        assert keeper.missed == 8 * 60


@pytest.mark.parametrize(("catch_up", "made_up"), [(False, []), (True, [Cause.CATCH_UP])])
async def test_what_was_missed_is_counted_and_made_up_for_once(catch_up: bool, made_up: list[Cause]) -> None:
    async with kept({"every": "1h", "catch_up": catch_up}, 60.0) as (clock, runs, keeper):
        await clock.run(100.0)
        clock.suspend(5 * HOUR + 10 * MINUTE)
        await clock.run(HOUR - 11 * MINUTE - 100.0)
        assert (keeper.missed, runs.causes()[1:]) == (5, made_up)
        await clock.run(2 * MINUTE)
        assert runs.causes()[1:] == [*made_up, Cause.SCHEDULE]
        assert since(runs)[-1] == 6 * HOUR


async def test_a_moment_just_slept_through_is_only_late() -> None:
    async with kept({"cron": "0 13 * * *"}) as (clock, runs, keeper):
        await clock.run(HOUR - 5.0)
        clock.suspend(20.0)
        await clock.run(MINUTE)
        [late] = since(runs)
        assert HOUR + 15.0 <= late <= HOUR + 60.0
        assert (keeper.missed, runs.causes()) == (0, [Cause.SCHEDULE])


async def test_a_clock_set_forwards_misses_what_it_skips() -> None:
    async with kept({"cron": "*/10 * * * *"}) as (clock, runs, keeper):
        await clock.run(15 * MINUTE)
        clock.set_by(60 * MINUTE)  # from 12:15 to 13:15
        await clock.run(10 * MINUTE)
        assert since(runs) == [0.0, 600.0, 80 * MINUTE]
        assert keeper.missed == 6


async def test_a_clock_set_backwards_doubles_nothing() -> None:
    async with kept({"cron": "*/10 * * * *"}) as (clock, runs, keeper):
        await clock.run(65 * MINUTE)
        clock.set_by(-60 * MINUTE)
        await clock.run(75 * MINUTE)
        assert since(runs) == [number * 600.0 for number in range(9)]
        assert keeper.missed == 0


async def test_a_clock_that_goes_forwards_and_back_again_takes_nothing_away() -> None:
    async with kept({"cron": "0 13 * * *"}) as (clock, runs, keeper):
        await clock.run(10 * MINUTE)
        clock.set_by(2 * HOUR)
        await clock.run(5 * MINUTE)
        assert (runs.begun, keeper.missed) == ([], 1)
        clock.set_by(-2 * HOUR)
        await clock.run(50 * MINUTE)
        assert since(runs) == [HOUR]


async def test_a_clock_that_was_a_year_ahead_does_not_silence_the_schedule() -> None:
    clock = VirtualClock(FRIDAY + 365 * DAY)
    async with kept({"cron": "0 * * * *"}, clock=clock) as (_, runs, keeper):
        await clock.run(HOUR + 60.0)
        clock.set_by(-365 * DAY)
        await clock.run(2 * HOUR)
        assert since(runs)[-2:] == [2 * HOUR, 3 * HOUR]
        assert (len(runs.begun), keeper.missed) == (4, 0)


async def test_a_clock_set_by_decades_is_survived() -> None:
    clock = VirtualClock(86400.0)  # a machine that begins in 1970
    async with kept({"cron": "* * * * *", "catch_up": True}, clock=clock) as (_, runs, keeper):
        await clock.run(90.0)
        clock.set_by(FRIDAY + 15.0 - clock.now().wall)
        await clock.run(60.0)
        assert runs.causes() == [Cause.SCHEDULE] * 3 + [Cause.SCHEDULE]
        assert keeper.missed >= 1000


# --- what survives a restart


def remembering() -> tuple[dict[str, Remembered], Callable[[str, Remembered], None]]:
    known: dict[str, Remembered] = {}
    return known, known.__setitem__


async def test_an_even_beat_goes_on_over_a_restart() -> None:
    clock = VirtualClock(FRIDAY)
    known, remember = remembering()
    async with kept({"every": "15m"}, clock=clock, remember=remember):
        await clock.run(20 * MINUTE)
        left = known["canary"]
    assert left.next_fire == pytest.approx(FRIDAY + 30 * MINUTE, abs=0.002)
    assert left.last_fire == pytest.approx(FRIDAY + 15 * MINUTE, abs=0.002)
    later = VirtualClock(FRIDAY + 40 * MINUTE)  # another process, another monotonic clock
    async with kept({"every": "15m"}, clock=later, remembered=left) as (_, runs, keeper):
        await later.run(10 * MINUTE)
        assert (since(runs), keeper.missed) == ([45 * MINUTE], 1)


@pytest.mark.parametrize(("catch_up", "begun"), [(False, [2 * DAY - 10 * HOUR]), (True, [DAY, 2 * DAY - 10 * HOUR])])
async def test_a_nightly_run_that_a_restart_missed(catch_up: bool, begun: list[float]) -> None:
    schedule = {"cron": "0 2 * * *", "catch_up": catch_up}
    known, remember = remembering()
    async with kept(schedule, remember=remember) as (clock, _, _):
        await clock.run(HOUR)
        left = known["canary"]
    later = VirtualClock(FRIDAY + DAY)
    async with kept(schedule, clock=later, remembered=left) as (_, runs, keeper):
        await later.run(DAY)
        assert since(runs) == begun
        assert keeper.missed == 1


async def test_a_moment_that_was_fired_is_not_fired_again_by_a_quick_restart() -> None:
    schedule = {"cron": "0 13 * * *"}
    known, remember = remembering()
    async with kept(schedule, remember=remember) as (clock, runs, _):
        await clock.run(HOUR + 1.0)
        left = known["canary"]
        assert since(runs) == [HOUR]
    for begin in (FRIDAY + HOUR + 5.0, FRIDAY + HOUR - 5.0):  # the second one with a clock that was set back
        later = VirtualClock(begin)
        async with kept(schedule, clock=later, remembered=left) as (_, again, keeper):
            await later.run(HOUR)
            assert (again.begun, keeper.missed) == ([], 0)


async def test_a_pause_survives_and_so_does_the_beat_below_it() -> None:
    known, remember = remembering()
    async with kept({"every": "1h"}, remember=remember) as (clock, _, keeper):
        keeper.pause()
        await clock.run(90 * MINUTE)
        left = known["canary"]
    assert left.paused
    later = VirtualClock(FRIDAY + 3.5 * HOUR)
    async with kept({"every": "1h"}, clock=later, remembered=left) as (_, runs, keeper):
        await later.run(2 * HOUR)
        assert (keeper.paused, runs.begun) == (True, [])
        keeper.resume()
        await later.run(2 * HOUR)
        assert since(runs) == [6 * HOUR, 7 * HOUR]
        assert keeper.missed == 0


async def test_another_schedule_does_not_follow_the_beat_of_the_old_one_but_its_pause() -> None:
    left = Remembered(schedule="another", paused=False, next_fire=FRIDAY - 5 * HOUR)
    async with kept({"every": "1h"}, remembered=left) as (clock, runs, keeper):
        await clock.run(1.0)
        assert (since(runs), keeper.missed) == ([0.0], 0)
    async with kept({"every": "1h"}, remembered=Remembered(schedule="another", paused=True)) as (clock, runs, keeper):
        await clock.run(HOUR)
        assert (runs.begun, keeper.paused) == ([], True)


async def test_a_beat_that_lies_far_ahead_is_brought_near() -> None:
    schedule = Schedule.model_validate({"every": "1h"})
    left = Remembered(schedule=schedule.model_dump_json(), next_fire=FRIDAY + 30 * DAY + 600.0)
    async with kept({"every": "1h"}, remembered=left) as (clock, runs, _):
        await clock.run(2 * HOUR)
        assert since(runs) == [600.0, HOUR + 600.0]


async def test_nothing_is_told_when_nothing_has_changed() -> None:
    told: list[Remembered] = []
    async with kept({"every": "1h"}, remember=lambda _, state: told.append(state)) as (clock, _, _):
        for _ in range(100):
            clock.set_by(1e-6)  # a clock that is slewed; it makes everybody look
            await clock.run(31.0)
        assert [state.next_fire for state in told] == pytest.approx([FRIDAY + HOUR], abs=0.002)


# --- its end


async def test_closing_drains_the_run_and_drops_the_one_that_waits() -> None:
    clock = VirtualClock(FRIDAY)
    runs = FakeRuns(clock, None, drain=20.0)
    keeper = Keeper("canary", Schedule.model_validate({"every": "1m", "overlap": "queue"}), runs, clock)
    keeper.open()
    await clock.run(70.0)
    closing = asyncio.create_task(keeper.close())
    await clock.run(19.0)
    assert not closing.done()
    await clock.run(2.0)
    assert closing.done()
    assert (since(runs), keeper.skipped, keeper.fire_now(), keeper.next_fire) == ([0.0], 1, "skipped", None)


async def test_a_keeper_that_was_never_opened_can_be_closed() -> None:
    keeper = Keeper("canary", Schedule(kind="manual"), FakeRuns(VirtualClock(FRIDAY)), VirtualClock(FRIDAY))
    await keeper.close()
    await settled()
    assert not keeper.running
