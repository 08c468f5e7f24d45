"""What one look at the GPUs found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU or MIG device at one moment, in base units; None or absent: it does not say."""

    index: str
    """`0`; a MIG device is `0:1`."""
    uuid: str
    name: str
    pci_bus_id: str
    driver: str
    mig_profile: str = ""
    memory_used: int | None = None
    memory_free: int | None = None
    memory_total: int | None = None
    utilization: float | None = None
    memory_utilization: float | None = None
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None
    energy: float | None = None
    """Joules since the driver was loaded."""
    clocks: Mapping[str, float]
    """Hertz by `sm memory`."""
    pcie: Mapping[str, float]
    """Bytes per second by `receive transmit`."""
    throttled: Mapping[str, bool]
    """By reason, all of them or none."""
    ecc: Mapping[str, int]
    """Errors since the driver was loaded by `corrected uncorrected`."""


class Xid(NamedTuple):
    """A critical error of one GPU."""

    gpu: str
    uuid: str
    number: int


@dataclass(frozen=True, slots=True)
class Reading:
    """All GPUs at one monotonic moment; counts are of all that was ever read."""

    moment: float
    gpus: tuple[Gpu, ...]
    errors: Mapping[str, int]
    """Failed calls by name."""
    xids: Mapping[Xid, int]
