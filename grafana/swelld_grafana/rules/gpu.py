"""The GPUs of the machine that swelld runs on."""

from typing import Final

from swelld_grafana.rules.model import Alert, Group
from swelld_grafana.rules.options import MINUTE, Options
from swelld_grafana.rules.promql import risen

_ENFORCED: Final = "hw_slowdown|hw_thermal_slowdown|hw_power_brake_slowdown|sw_thermal_slowdown"
"""Reasons that speak of heat or power supply; the power cap of software is how a busy GPU is meant to run."""
_GPU: Final = "GPU {{ $labels.gpu }} of {{ $labels.instance }}"


def gpu_groups(options: Options) -> tuple[Group, ...]:
    """What makes a GPU slow, and what breaks it."""
    return (Group("swelld-gpu", options.interval, (*_SLOW, *_BROKEN)),)


_SLOW: Final = (
    Alert(
        name="SwelldGpuThrottled",
        severity="ticket",
        expr=f'avg_over_time(swelld_gpu_clocks_throttled{{reason=~"{_ENFORCED}"}}[10m]) > 0.1',
        summary="A GPU is held back by heat or power supply.",
        description=_GPU + " was slowed down by {{ $labels.reason }} for {{ $value | humanizePercentage }} of the "
        "last 10 minutes.",
        dashboard="gpu",
        pending=5 * MINUTE,
    ),
    Alert(
        name="SwelldGpuHot",
        severity="ticket",
        expr="swelld_gpu_temperature_celsius > 87",
        summary="A GPU is hot.",
        description=_GPU + " has been hotter than 87 °C for 10 minutes: {{ $value }} °C.",
        dashboard="gpu",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldGpuMemoryFull",
        severity="ticket",
        expr="swelld_gpu_memory_used_bytes / swelld_gpu_memory_total_bytes > 0.98",
        summary="A GPU's memory is full.",
        description="{{ $value | humanizePercentage }} of the memory of " + _GPU + " has been in use for 15 minutes.",
        dashboard="gpu",
        pending=15 * MINUTE,
    ),
)

_BROKEN: Final = (
    Alert(
        name="SwelldGpuXid",
        severity="ticket",
        expr=risen("swelld_gpu_xid_errors_total", "15m"),
        summary="The NVIDIA driver reports a critical error.",
        description=_GPU + " had about {{ $value | humanize }} errors XID {{ $labels.xid }} in 15 minutes.",
        dashboard="gpu",
    ),
    Alert(
        name="SwelldGpuEccUncorrected",
        severity="page",
        expr='increase(swelld_gpu_ecc_errors_total{kind="uncorrected"}[1h]) > 0',
        summary="A GPU's memory had errors that could not be corrected.",
        description=_GPU + " had about {{ $value | humanize }} uncorrected memory errors in the last hour: answers "
        "may be wrong.",
        dashboard="gpu",
    ),
    Alert(
        name="SwelldNvmlFailing",
        severity="ticket",
        expr="increase(swelld_nvml_errors_total[15m]) > 0",
        summary="The NVIDIA driver cannot be asked.",
        description="About {{ $value | humanize }} calls {{ $labels.call }} to the driver failed on "
        "{{ $labels.instance }} in 15 minutes.",
        dashboard="gpu",
        pending=15 * MINUTE,
    ),
)
