"""Those who watch beside a run, at its end."""

import asyncio

from swelld.hub.witnesses import dismissed
from swelld.result import Result


class Slow:
    """Takes its leave when it is allowed to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_end = asyncio.Event()
        self.left = False
        self._error = error

    async def begin(self) -> None:
        pass

    async def end(self) -> None:
        try:
            await self.may_end.wait()
        finally:
            self.left = True
        if self._error:
            raise self._error

    def complete(self, result: Result) -> Result:
        return result


async def test_all_are_waited_for_and_what_fails_is_told() -> None:
    error = OSError("gone")
    slow, broken = Slow(), Slow(error)
    broken.may_end.set()
    dismissing = asyncio.create_task(dismissed([slow, broken], asyncio.Event()))
    await asyncio.sleep(0.05)
    assert (slow.left, broken.left, dismissing.done()) == (False, True, False)
    slow.may_end.set()
    assert await dismissing == [error]
    assert slow.left


async def test_by_force_nobody_waits() -> None:
    slow, forced = Slow(), asyncio.Event()
    dismissing = asyncio.create_task(dismissed([slow], forced))
    await asyncio.sleep(0.05)
    assert not dismissing.done()
    forced.set()
    assert await dismissing == []
    assert slow.left


async def test_nobody_to_dismiss() -> None:
    assert await dismissed([], asyncio.Event()) == []
