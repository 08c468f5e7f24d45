"""What the GPUs of the machine that swelld ran on used."""

import msgspec


class GpuSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU of the machine that swelld ran on, over the measured windows of a run."""

    gpu: str
    uuid: str
    name: str
    energy_joules: float | None = None
    """Null if the GPU counts no energy, or was lost on the way."""
    mean_power_watts: float | None = None
    mean_utilization: float | None = None
    """0 to 1; null with MIG on."""
    max_memory_bytes: int | None = None


class GpuUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the GPUs of the machine that swelld ran on used; the whole is null where one of them is not known."""

    window_seconds: float
    """The measured windows of all stages together."""
    gpus: list[GpuSummary]
    energy_joules: float | None = None
    joules_per_output_token: float | None = None
    tokens_per_second_per_watt: float | None = None
