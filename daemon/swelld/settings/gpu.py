"""Settings of what is read from this machine's GPUs."""

from typing import Literal

from swelld.config import Config, PositiveDuration


class Nvml(Config):
    """Reads the GPUs of the machine that swelld runs on, through NVIDIA's driver."""

    enabled: bool | Literal["auto"] = "auto"
    """`auto`: where there are any, without a word where there are none; `true` warns if there are none."""
    interval: PositiveDuration = 1.0
    """Time between two readings; the driver's own figures are no fresher than 1/6 to 1 s."""
