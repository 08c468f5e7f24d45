"""Waking up at a moment."""

import asyncio

import pytest

from swelld.clock import now
from swelld.engine.pacing import Alarm


@pytest.mark.parametrize("platform", ["linux", "darwin"])
async def test_it_never_rings_early(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swelld.engine.pacing.sys.platform", platform)
    alarm = Alarm()
    try:
        for wait in (0.0, 0.0003, 0.002, 0.02):
            moment = now() + wait
            await alarm.until(moment)
            assert moment <= now() < moment + 0.5
    finally:
        alarm.close()


async def test_a_moment_that_has_passed_does_not_wait() -> None:
    alarm = Alarm()
    before = now()
    await alarm.until(before - 1.0)
    alarm.close()
    assert now() - before < 0.1


async def test_it_rings_again_after_it_was_cancelled() -> None:
    alarm = Alarm()
    sleeping = asyncio.create_task(alarm.until(now() + 10.0))
    await asyncio.sleep(0.01)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    moment = now() + 0.01
    await alarm.until(moment)
    assert now() >= moment
    alarm.close()
