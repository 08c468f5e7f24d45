"""GPUs for a terminal: as they are now, and what a run made of them."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from swelld.analysis import figures
from swelld.analysis.figures import MISSING
from swelld.report.layout import Column, fit
from swelld.result import GpuUse
from swelld_exporters.nvml.reading import Gpu, Reading

_GIB = 2**30


class GpuTable:
    """Every GPU and MIG device of a reading, a line each."""

    def __init__(self, reading: Reading) -> None:
        self._gpus = reading.gpus

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        gpus = self._gpus
        yield fit(
            console,
            options,
            [
                Column("gpu", [gpu.index for gpu in gpus], left=True, style="bold"),
                Column("name", [" ".join(filter(None, (gpu.name, gpu.mig_profile))) for gpu in gpus], 95, left=True),
                Column("used GiB", [_gib(gpu.memory_used) for gpu in gpus], 90),
                Column("of", [_gib(gpu.memory_total) for gpu in gpus], 90),
                Column("busy", [_percent(gpu.utilization) for gpu in gpus], 85),
                Column("memory busy", [_percent(gpu.memory_utilization) for gpu in gpus], 50),
                Column("°C", [_whole(gpu.temperature) for gpu in gpus], 70),
                Column("W", [_whole(gpu.power) for gpu in gpus], 80),
                Column("limit", [_whole(gpu.power_limit) for gpu in gpus], 60),
                Column("SM MHz", [_whole(gpu.clocks.get("sm"), 1e6) for gpu in gpus], 40),
                Column("mem MHz", [_whole(gpu.clocks.get("memory"), 1e6) for gpu in gpus], 30),
                Column("PCIe in MB/s", [_whole(gpu.pcie.get("receive"), 1e6) for gpu in gpus], 35),
                Column("out", [_whole(gpu.pcie.get("transmit"), 1e6) for gpu in gpus], 35),
                Column("energy kJ", [_whole(gpu.energy, 1e3) for gpu in gpus], 20),
                Column("ECC", [_ecc(gpu) for gpu in gpus], 25),
                Column("held down by", [_held(gpu) for gpu in gpus], 55, left=True),
                Column("uuid", [gpu.uuid for gpu in gpus], 10, left=True, style="dim"),
            ],
        )


def gpu_lines(use: GpuUse) -> Iterator[Text]:
    """What a run used, a line for each GPU and one for all."""
    for gpu in use.gpus:
        power = None if gpu.mean_power_watts is None else f"{figures.rate(gpu.mean_power_watts)} W"
        busy = None if gpu.mean_utilization is None else f"{figures.percent(gpu.mean_utilization)} busy"
        memory = None if gpu.max_memory_bytes is None else f"{_gib(gpu.max_memory_bytes)} GiB at most"
        parts = [part for part in (power, busy, memory) if part]
        yield Text(f"GPU {gpu.gpu} {gpu.name}: {' · '.join(parts) or 'lost on the way'}")
    if line := gpu_efficiency(use):
        yield Text(line)


def gpu_efficiency(use: GpuUse) -> str | None:
    """What all GPUs together made of their energy; None where that is not known."""
    if use.joules_per_output_token is None or use.tokens_per_second_per_watt is None:
        return None
    return (
        f"{use.joules_per_output_token:.3g} J per output token · "
        f"{use.tokens_per_second_per_watt:.3g} tok/s per W over all GPUs of this machine"
    )


def _gib(value: int | None) -> str:
    return MISSING if value is None else f"{value / _GIB:.1f}"


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{share:.0%}"


def _whole(value: float | None, unit: float = 1.0) -> str:
    return MISSING if value is None else f"{value / unit:,.0f}"


def _ecc(gpu: Gpu) -> str:
    return "/".join(str(count) for count in gpu.ecc.values()) or MISSING


def _held(gpu: Gpu) -> str:
    held = [reason for reason, now in gpu.throttled.items() if now and reason != "gpu_idle"]
    return ", ".join(held) or MISSING
