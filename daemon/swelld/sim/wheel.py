"""One pacing wheel for everything that is due: a heap of absolute moments behind a single alarm."""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Final, Protocol

now = time.monotonic

LONGEST_TURN: Final = 0.0001
"""Seconds of writing after which the event loop gets its turn, so that requests are stamped when they come."""

_CLOCK_MONOTONIC: Final = 1
_TFD_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_TFD_TIMER_ABSTIME: Final = 1


class Timed(Protocol):
    """Something with a next due moment."""

    def fire(self, moment: float) -> float | None:
        """Do what is due, at `moment`; answer the next due moment, or None when there is none."""


class Alarm(Protocol):
    """Calls back at an absolute monotonic moment."""

    def set(self, moment: float | None) -> None:
        """Ring at this moment and no other; None: not at all."""

    def close(self) -> None:
        """Never ring again."""


class KernelAlarm:
    """A timerfd: microseconds, where the event loop's own timers know only milliseconds. Linux."""

    class _Spec(ctypes.Structure):
        _fields_ = (("interval", ctypes.c_long * 2), ("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._loop = loop
        self._settime = libc.timerfd_settime
        self._spec = self._Spec()
        self._reference = ctypes.byref(self._spec)
        self._fd = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        loop.add_reader(self._fd, ring)

    def set(self, moment: float | None) -> None:
        # Setting also takes back a ring that was not yet answered, so the descriptor is never read.
        if moment is None:
            self._spec.seconds = self._spec.nanoseconds = 0
        else:
            seconds = int(moment)
            self._spec.seconds = seconds
            self._spec.nanoseconds = int((moment - seconds) * 1e9)
        self._settime(self._fd, _TFD_TIMER_ABSTIME, self._reference, None)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


class LoopAlarm:
    """Where there is no timerfd: the loop's timer until a millisecond before, then turn by turn of the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._moment = 0.0
        self._pending: asyncio.Handle | None = None

    def set(self, moment: float | None) -> None:
        self.close()
        if moment is not None:
            self._moment = moment
            self._pending = self._loop.call_later(max(0.0, moment - now() - 0.0015), self._near)

    def close(self) -> None:
        if self._pending:
            self._pending.cancel()
            self._pending = None

    def _near(self) -> None:
        if now() >= self._moment:
            self._pending = None
            self._ring()
        else:
            self._pending = self._loop.call_soon(self._near)


class Wheel:
    """Fires everything at its due moment, the earliest first; what is late is caught up with, never re-based."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._heap: list[tuple[float, int, Timed]] = []
        self._order = count()
        self._alarm: Alarm = (KernelAlarm if sys.platform == "linux" else LoopAlarm)(loop, self._turn)
        self._turning = False

    def add(self, due: float, timed: Timed) -> None:
        """Fire `timed` at `due`."""
        entry = (due, next(self._order), timed)
        heappush(self._heap, entry)
        if self._heap[0] is entry and not self._turning:
            self._alarm.set(due)

    def close(self) -> None:
        """Fire nothing any more."""
        self._heap.clear()
        self._alarm.close()

    def _turn(self) -> None:
        heap = self._heap
        moment = now()
        until = moment + LONGEST_TURN
        self._turning = True
        while heap and heap[0][0] <= moment < until:
            _, order, timed = heappop(heap)
            due = timed.fire(moment)
            if due is not None:
                heappush(heap, (due, order, timed))
            moment = now()
        self._turning = False
        self._alarm.set(heap[0][0] if heap else None)
