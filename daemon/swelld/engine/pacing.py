"""Waking up at a moment, more exactly than the event loop's own timers, which count whole milliseconds."""

import asyncio
import contextlib
import ctypes
import os
import sys
from typing import Final

from swelld.clock import now

_CLOCK_MONOTONIC: Final = 1
_TFD_NONBLOCK: Final = 0o4000
_TFD_TIMER_ABSTIME: Final = 1


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class _KernelTimer:
    """A timerfd at an absolute monotonic moment. Linux only."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._settime = libc.timerfd_settime
        self._spec = _Itimerspec()
        self._reference = ctypes.byref(self._spec)
        self.fd = int(libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | os.O_CLOEXEC))
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")

    def arm(self, moment: float) -> None:
        """Make the descriptor readable from `moment` on."""
        seconds = int(moment)
        self._spec.value.seconds = seconds
        self._spec.value.nanoseconds = max(1, int((moment - seconds) * 1e9))  # 0 would disarm it
        self._settime(self.fd, _TFD_TIMER_ABSTIME, self._reference, None)


class Alarm:
    """Sleeps until a monotonic moment; one sleeper at a time.

    On Linux a timerfd wakes the loop within some 50 us of the moment. Elsewhere the loop's timer is used.
    """

    def __init__(self) -> None:
        self._timer = _KernelTimer() if sys.platform == "linux" else None
        self._ring: asyncio.Future[None] | None = None
        if self._timer is not None:
            asyncio.get_running_loop().add_reader(self._timer.fd, self._rang)

    async def until(self, moment: float) -> None:
        """Return at `moment`, never before it; at once if it has passed."""
        while (wait := moment - now()) > 0:
            if self._timer is None:
                await asyncio.sleep(wait)
                continue
            self._ring = asyncio.get_running_loop().create_future()
            self._timer.arm(moment)
            await self._ring

    def _rang(self) -> None:
        assert self._timer is not None
        with contextlib.suppress(BlockingIOError):
            os.read(self._timer.fd, 8)
        if self._ring is not None and not self._ring.done():
            self._ring.set_result(None)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._timer is not None:
            asyncio.get_running_loop().remove_reader(self._timer.fd)
            os.close(self._timer.fd)
            self._timer = None
