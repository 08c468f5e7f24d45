"""Keepers on /metrics."""

from datetime import UTC, datetime

from fake_runs import FakeRuns
from swelld.schedule.keeper import Keeper
from swelld.schedule.metrics import ScheduleMetrics
from swelld.schedule.model import Schedule
from swelld_exporters.prometheus import text
from swelld_exporters.prometheus.registry import Registry
from virtual_clock import VirtualClock

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).timestamp()


def samples(registry: Registry) -> dict[str, float]:
    """Those that are not 0, without their prefix."""
    lines = [line.rpartition(" ") for line in text.render(registry).decode().splitlines() if line[0] != "#"]
    return {name.removeprefix("swelld_"): float(value) for name, _, value in lines if float(value)}


async def test_a_keepers_doings_are_counted_and_what_lies_ahead_is_shown() -> None:
    registry, clock = Registry(), VirtualClock(NOON)
    metrics = ScheduleMetrics(registry)
    metrics.declare("a")
    assert samples(registry) == {}
    keeper = Keeper("a", Schedule.model_validate({"every": "1m"}), FakeRuns(clock, 90.0), clock, watch=metrics)
    keeper.open()
    await clock.run(121.0)  # begun at 0, skipped at 1 min, begun at 2 min
    clock.suspend(3600.0)
    await clock.run(31.0)  # of 60 moments, the last one is only late, and another run is under way
    wanted = {
        'runs_started_total{scenario="a",cause="schedule"}': 2.0,
        'schedule_skipped_total{scenario="a"}': 2.0,
        'schedule_missed_total{scenario="a"}': 59.0,
        'scenario_next_fire_timestamp_seconds{scenario="a"}': NOON + 3600.0 + 180.0,
    }
    assert samples(registry) == wanted
    keeper.pause()
    del wanted['scenario_next_fire_timestamp_seconds{scenario="a"}']
    assert samples(registry) == wanted | {'scenario_paused{scenario="a"}': 1.0}
    assert 'swelld_schedule_missed_total{scenario="a"}' in text.render(registry).decode()
    closing = keeper.close()
    await clock.run(120.0)
    await closing
