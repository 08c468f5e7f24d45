"""What a scenario sets for every stage of its load."""

from typing import TypedDict

import msgspec


class Common(TypedDict):
    """The part of a stage that no kind of load decides for itself."""

    requests: int | None
    duration: float | None
    warmup_requests: int
    warmup_seconds: float
    drain_seconds: float


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How long a stage goes on, and what lies outside its measured window."""

    requests: int | None = None
    duration: float | None = None
    warmup_requests: int = 0
    warmup_seconds: float = 0.0
    drain_seconds: float = 30.0
    max_in_flight: int = 10000
    """Open loop: an arrival beyond it is dropped."""
    prompts: int | None = None
    """Distinct prompts in the set; None if there is no end of them."""

    def common(self) -> Common:
        """What every stage is made with."""
        return {
            "requests": self.requests,
            "duration": self.duration,
            "warmup_requests": self.warmup_requests,
            "warmup_seconds": self.warmup_seconds,
            "drain_seconds": self.drain_seconds,
        }
