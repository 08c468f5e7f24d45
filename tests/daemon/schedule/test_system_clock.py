"""The clocks of this machine."""

import asyncio
import time

from swelld.schedule.clock import LOOK_SECONDS, SystemClock


def test_it_shows_the_time() -> None:
    before, now, after = time.time(), SystemClock().now(), time.time()
    assert before <= now.wall <= after
    assert SystemClock().now().steady >= now.steady
    assert abs(now.steady + now.ahead - now.wall) < 1e-3


async def test_a_sleep_ends_with_its_moment_or_its_event() -> None:
    clock, woken = SystemClock(), asyncio.Event()
    moment = time.time() + 0.05
    await clock.sleep_until(moment, woken)
    assert time.time() >= moment - 0.01
    await clock.sleep_until(time.time() - 5.0, woken)  # at once
    asyncio.get_running_loop().call_later(0.01, woken.set)
    begin = time.monotonic()
    await clock.sleep_until(time.time() + 1e6, woken)
    assert time.monotonic() - begin < LOOK_SECONDS / 2
