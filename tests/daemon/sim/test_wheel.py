"""The wheel: in order, never early, nothing lost; with either alarm."""

import asyncio
import sys
from collections.abc import Callable

import pytest

from swelld.sim.wheel import KernelAlarm, LoopAlarm, Wheel, now


class Recorder:
    """Fires a fixed number of times, a fixed gap apart."""

    def __init__(self, start: float, gap: float, times: int) -> None:
        self.due = [start + gap * place for place in range(times)]
        self.fired: list[float] = []
        self.over = asyncio.Event()

    def fire(self, moment: float) -> float | None:
        self.fired.append(moment)
        if len(self.fired) == len(self.due):
            self.over.set()
            return None
        return self.due[len(self.fired)]


@pytest.fixture(params=["kernel", "loop"])
def make_wheel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Wheel]:
    if request.param == "kernel" and sys.platform != "linux":
        pytest.skip("timerfd is Linux's")
    expected = {"kernel": KernelAlarm, "loop": LoopAlarm}[request.param]
    if request.param == "loop":
        monkeypatch.setattr(sys, "platform", "elsewhere")

    def make() -> Wheel:
        wheel = Wheel(asyncio.get_running_loop())
        assert type(wheel._alarm) is expected
        return wheel

    return make


async def test_nothing_is_early_and_nothing_is_lost(make_wheel: Callable[[], Wheel]) -> None:
    wheel, start = make_wheel(), now() + 0.02
    recorders = [Recorder(start + place * 0.0003, 0.005, 20) for place in range(10)]
    for recorder in reversed(recorders):
        wheel.add(recorder.due[0], recorder)
    for recorder in recorders:
        await asyncio.wait_for(recorder.over.wait(), 10)
    wheel.close()
    for recorder in recorders:
        assert len(recorder.fired) == 20
        assert all(moment >= due for moment, due in zip(recorder.fired, recorder.due, strict=True))


async def test_what_is_late_is_caught_up_with_in_order(make_wheel: Callable[[], Wheel]) -> None:
    wheel, start = make_wheel(), now() - 1
    first, second = Recorder(start, 0.01, 3), Recorder(start + 0.005, 0.01, 3)
    wheel.add(first.due[0], first)
    wheel.add(second.due[0], second)
    await asyncio.wait_for(second.over.wait(), 10)
    wheel.close()
    fired = sorted([(moment, 1) for moment in first.fired] + [(moment, 2) for moment in second.fired])
    assert [which for _, which in fired] == [1, 2, 1, 2, 1, 2]


async def test_an_earlier_one_moves_the_alarm_forward(make_wheel: Callable[[], Wheel]) -> None:
    wheel = make_wheel()
    late, early = Recorder(now() + 60, 1, 1), Recorder(now() + 0.01, 1, 1)
    wheel.add(late.due[0], late)
    wheel.add(early.due[0], early)
    await asyncio.wait_for(early.over.wait(), 10)
    wheel.close()
    assert late.fired == []
