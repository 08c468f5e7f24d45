"""One GPU: what it is, and everything it says of itself."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from swelld_exporters.nvml.calls import Calls, Lost
from swelld_exporters.nvml.reading import Gpu, Xid

THROTTLE_REASONS: Final[Mapping[str, int]] = {
    "gpu_idle": 0x1,
    "applications_clocks_setting": 0x2,
    "sw_power_cap": 0x4,
    "hw_slowdown": 0x8,
    "sync_boost": 0x10,
    "sw_thermal_slowdown": 0x20,
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
    "display_clock_setting": 0x100,
}
"""Reason -> its bit, as nvml.h has them."""


class Device:
    """Made anew whenever the GPU is found again. Raises Lost, Gone or NVMLError as the calls do."""

    def __init__(self, calls: Calls, index: int, driver: str) -> None:
        self._calls = calls
        self._latched: set[Any] = set()
        self._parts_latched: defaultdict[str, set[Any]] = defaultdict(set)
        self._driver = driver
        self._index = str(index)
        self._handle = calls.must("nvmlDeviceGetHandleByIndex", index)
        self.uuid = _text(calls.must("nvmlDeviceGetUUID", self._handle))
        self._name = _text(self._ask("nvmlDeviceGetName"))
        pci = self._ask("nvmlDeviceGetPciInfo")
        self._pci_bus_id = _text(pci.busId).lower() if pci else ""
        self._events = self._watch_xids()

    def xids(self) -> list[Xid]:
        """Critical errors since the last time, one entry each."""
        if self._events is None:
            return []
        return [Xid(self._index, self.uuid, number) for number in self._calls.events(self._events)]

    def read(self) -> Iterator[Gpu]:
        """The GPU now, then its MIG devices."""
        mig = self._ask("nvmlDeviceGetMigMode")
        yield self._whole()
        if mig is not None and mig[0] == self._calls.nvml.NVML_DEVICE_MIG_ENABLE:
            yield from self._parts()

    def close(self) -> None:
        """Let go of the events."""
        if self._events is not None:
            self._calls.ask("nvmlEventSetFree", self._events, latched=set())
            self._events = None

    def _whole(self) -> Gpu:
        rates = self._ask("nvmlDeviceGetUtilizationRates")
        return Gpu(
            index=self._index,
            uuid=self.uuid,
            name=self._name,
            pci_bus_id=self._pci_bus_id,
            driver=self._driver,
            utilization=rates.gpu / 100 if rates else None,
            memory_utilization=rates.memory / 100 if rates else None,
            temperature=self._temperature(),
            power=_thousandths(self._ask("nvmlDeviceGetPowerUsage")),
            power_limit=_thousandths(self._ask("nvmlDeviceGetEnforcedPowerLimit")),
            energy=_thousandths(self._ask("nvmlDeviceGetTotalEnergyConsumption")),
            clocks=self._clocks(),
            pcie=self._pcie(),
            throttled=self._throttled(),
            ecc=self._ecc(),
            **self._memory(self._handle, self._latched),
        )

    def _parts(self) -> Iterator[Gpu]:
        """MIG devices; their handles are looked up each time, as they can be made and destroyed at any time."""
        for number in range(self._ask("nvmlDeviceGetMaxMigDeviceCount") or 0):
            handle = self._mig_device(number)
            uuid = self._ask("nvmlDeviceGetUUID", handle) if handle is not None else None
            if uuid is None:
                continue
            yield Gpu(
                index=f"{self._index}:{number}",
                uuid=_text(uuid),
                name=self._name,
                pci_bus_id=self._pci_bus_id,
                driver=self._driver,
                mig_profile=_text(self._ask("nvmlDeviceGetName", handle)).rpartition("MIG ")[2],
                clocks={},
                pcie={},
                throttled={},
                ecc={},
                **self._memory(handle, self._parts_latched[_text(uuid)]),
            )

    def _mig_device(self, number: int) -> Any:
        nvml = self._calls.nvml
        try:
            return nvml.nvmlDeviceGetMigDeviceHandleByIndex(self._handle, number)
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_GPU_IS_LOST:
                self._calls.errors["nvmlDeviceGetMigDeviceHandleByIndex"] += 1
                raise Lost from None
            return None  # there is none of that number

    def _memory(self, handle: Any, latched: set[Any]) -> dict[str, Any]:
        """Version 2 tells what the driver reserves from what is used; older drivers only have the other."""
        call, nvml = "nvmlDeviceGetMemoryInfo", self._calls.nvml
        found = self._calls.ask(call, handle, nvml.nvmlMemory_v2, latched=latched)
        found = found or self._calls.ask(call, handle, latched=latched)
        if found is None:
            return {}
        return {"memory_used": found.used, "memory_free": found.free, "memory_total": found.total}

    def _temperature(self) -> float | None:
        core = self._calls.nvml.NVML_TEMPERATURE_GPU
        found = self._ask("nvmlDeviceGetTemperatureV", self._handle, core)
        found = self._ask("nvmlDeviceGetTemperature", self._handle, core) if found is None else found
        return None if found is None else float(found)

    def _clocks(self) -> dict[str, float]:
        nvml = self._calls.nvml
        domains = {"sm": nvml.NVML_CLOCK_SM, "memory": nvml.NVML_CLOCK_MEM}
        return self._each("nvmlDeviceGetClockInfo", domains, 1e6)

    def _pcie(self) -> dict[str, float]:
        nvml = self._calls.nvml
        directions = {"receive": nvml.NVML_PCIE_UTIL_RX_BYTES, "transmit": nvml.NVML_PCIE_UTIL_TX_BYTES}
        return self._each("nvmlDeviceGetPcieThroughput", directions, 1e3)

    def _throttled(self) -> dict[str, bool]:
        bits = self._ask("nvmlDeviceGetCurrentClocksEventReasons")
        if bits is None:
            bits = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        return {} if bits is None else {reason: bool(bits & bit) for reason, bit in THROTTLE_REASONS.items()}

    def _ecc(self) -> dict[str, int]:
        nvml = self._calls.nvml
        kinds = {
            "corrected": nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED,
            "uncorrected": nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
        }
        call = "nvmlDeviceGetTotalEccErrors"
        found = {name: self._ask(call, self._handle, kind, nvml.NVML_VOLATILE_ECC) for name, kind in kinds.items()}
        return {name: count for name, count in found.items() if count is not None}

    def _each(self, call: str, kinds: Mapping[str, int], factor: float) -> dict[str, float]:
        found = {name: self._ask(call, self._handle, kind) for name, kind in kinds.items()}
        return {name: value * factor for name, value in found.items() if value is not None}

    def _ask(self, call: str, *arguments: Any) -> Any:
        return self._calls.ask(call, *(arguments or (self._handle,)), latched=self._latched)

    def _watch_xids(self) -> Any:
        """An event set of its own, so that what comes in needs no sorting; None where there are no events."""
        nvml = self._calls.nvml
        supported = self._ask("nvmlDeviceGetSupportedEventTypes")
        if not (supported or 0) & nvml.nvmlEventTypeXidCriticalError:
            return None
        try:
            events = self._calls.must("nvmlEventSetCreate")
            self._calls.must("nvmlDeviceRegisterEvents", self._handle, nvml.nvmlEventTypeXidCriticalError, events)
        except nvml.NVMLError:
            return None
        return events


def _thousandths(value: int | None) -> float | None:
    """Watts from milliwatts, joules from millijoules."""
    return None if value is None else value / 1000


def _text(value: str | bytes | None) -> str:
    """Some versions of the library answer with bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
