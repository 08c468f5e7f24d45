"""NVML from its start to its end, with everything that can go wrong between."""

import ctypes
import logging
from collections import Counter
from collections.abc import Callable
from typing import Final

from swelld import clock
from swelld_exporters.nvml.calls import Calls, Gone, Lost
from swelld_exporters.nvml.device import Device
from swelld_exporters.nvml.reading import Gpu, Reading, Xid

log = logging.getLogger(__name__)

LIBRARY: Final = "libnvidia-ml.so.1"
FIRST_RETRY: Final = 2.0
LONGEST_RETRY: Final = 60.0
"""Seconds between tries to find what is lost; each is twice as long as the one before."""

_REMEDIES: Final = {
    "driver": "load the NVIDIA driver, and in a container ask for it with NVIDIA_DRIVER_CAPABILITIES=utility",
    "library": f"{LIBRARY} is not on this machine; it comes with the NVIDIA driver",
}


class Session:
    """Opens NVML, and again when it is lost. Every method may block: for one thread, and never the event loop's."""

    def __init__(self, *, wanted: bool = False, now: Callable[[], float] = clock.now) -> None:
        """`wanted`: a machine without GPUs is worth a warning, not only a line for the curious."""
        self._level = logging.WARNING if wanted else logging.INFO
        self._now = now
        self._calls: Calls | None = None
        self._devices: dict[int, Device] = {}
        self._missing: set[int] = set()
        self._open = False
        self._seen = False
        self._wait = FIRST_RETRY
        self._retry_at = 0.0
        self._xids: Counter[Xid] = Counter()
        self._said = ""
        self.trouble = ""
        """Why there is no GPU to be read, and what to do; empty if there is one."""
        self.hopeless = False
        """No library: there is no point in looking again."""

    def read(self) -> Reading:
        """All GPUs that can be read now; those that cannot are looked for now and then."""
        if (not self._open or self._missing) and self._now() >= self._retry_at and not self.hopeless:
            self._reopen()
        gpus: list[Gpu] = []
        try:
            before = len(self._missing)
            for number, device in list(self._devices.items()):
                gpus += self._read(number, device)
            if len(self._missing) > before:
                self._back_off()
        except Gone:
            gpus = []
            self._fail("the NVIDIA driver is gone")
        return Reading(self._now(), tuple(gpus), dict(self._calls.errors) if self._calls else {}, dict(self._xids))

    def close(self) -> None:
        """Let go of the library; may be called twice."""
        if not self._open or self._calls is None:
            return
        self._open = False
        for device in self._devices.values():
            _quietly(device.close)
        self._devices.clear()
        calls = self._calls
        _quietly(lambda: calls.ask("nvmlShutdown", latched=set()))

    def _read(self, number: int, device: Device) -> list[Gpu]:
        assert self._calls is not None
        try:
            self._xids.update(device.xids())
            return list(device.read())
        except Lost:
            _quietly(lambda: self._xids.update(device.xids()))  # the last one often says why
            _quietly(device.close)
            del self._devices[number]
            self._missing.add(number)
            log.error("GPU %d (%s) is lost; looking for it again from time to time", number, device.uuid)
            return []

    def _reopen(self) -> None:
        """Start NVML anew: a GPU that was reset is only found by a new session."""
        self.close()
        self._missing.clear()
        try:
            ctypes.CDLL(LIBRARY)  # cheaper than pynvml, on the many machines that lack it
        except OSError:
            self.hopeless = True
            return self._fail(_REMEDIES["library"])
        self._calls = self._calls or Calls()
        nvml = self._calls.nvml
        before = Counter(self._calls.errors)
        try:
            self._calls.must("nvmlInit")
            self._open = True
            driver = self._calls.ask("nvmlSystemGetDriverVersion", latched=set()) or ""
            count = self._calls.must("nvmlDeviceGetCount")
        except (Gone, nvml.NVMLError) as error:
            if not self._seen:  # a machine that never had a GPU has no failures to show
                self._calls.errors = before
            return self._fail(f"the NVIDIA driver does not answer ({error}): {_REMEDIES['driver']}")
        for number in range(count):
            self._find(number, str(driver))
        return self._found(count)

    def _find(self, number: int, driver: str) -> None:
        assert self._calls is not None
        try:
            self._devices[number] = Device(self._calls, number, driver)
        except (Lost, Gone, self._calls.nvml.NVMLError):
            self._missing.add(number)

    def _found(self, count: int) -> None:
        if not count:
            return self._fail("the NVIDIA driver shows no GPU: in a container, it has to be given one")
        self._seen = True
        self.trouble = "" if self._devices else "no GPU answers: nvidia-smi may say why"
        self._say(f"{len(self._devices)} of {count} GPUs are read", logging.INFO)
        if self._missing:
            self._back_off()
        else:
            self._wait = FIRST_RETRY
        return None

    def _fail(self, reason: str) -> None:
        """Nothing to be read; said once until it changes."""
        self.close()
        self.trouble = reason
        self._say(f"no GPU metrics: {reason}", logging.ERROR if self._seen else self._level)
        self._back_off()

    def _say(self, text: str, level: int) -> None:
        if text != self._said:
            self._said = text
            log.log(level, "%s", text)

    def _back_off(self) -> None:
        self._retry_at = self._now() + self._wait
        self._wait = min(LONGEST_RETRY, 2 * self._wait)


def _quietly(act: Callable[[], object]) -> None:
    """What is done on the way out may meet the same loss again."""
    try:
        act()
    except (Lost, Gone):
        return
