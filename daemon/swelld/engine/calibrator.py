"""Exchanges with a server whose timing is known, beside the load: what they report too much, the instrument added."""

import struct
from typing import Final

import msgspec

from swelld.clock import now
from swelld.engine.arriving import OpenLoad
from swelld.engine.client import Client
from swelld.engine.plan import Calibration, Lane, RunStage
from swelld.load.stage import OpenStage
from swelld.measurement import Measurement, Outcome
from swelld.prompts.inline import Inline

RATE: Final = 4.0
"""Exchanges per second in every shard: some 100 reads a second."""
TOKENS: Final = 20
"""Of each answer."""

_PROMPTS: Final = Inline(prompts=("How late are you?",), max_tokens=TOKENS)
_FLOAT: Final = struct.Struct("=d")


def calibration_stage(parts: int, duration: float | None) -> OpenStage:
    """The load on the simulator: random arrivals, which see the loop as it is on average, never in step with a load."""
    return OpenStage(
        label="calibration",
        rate=RATE * parts,
        process="poisson",
        duration=duration,
        drain_seconds=1.0,
        max_in_flight=32 * parts,
    )


class Calibrator:
    """One shard's share of a calibration; its measurements end here, as errors."""

    def __init__(self, calibration: Calibration, part: int, parts: int) -> None:
        self._ttft = calibration.ttft
        self._beside = calibration.beside
        self._part = part
        self._parts = parts
        self._prompts = _PROMPTS.open(0)
        self._errors: list[float] = []
        self.client = Client(0, calibration.target, calibration.adapter, calibration.target.connections, self._take)

    def beside(self, order: RunStage, seed: int) -> list[OpenLoad]:
        """The load for as long as the stage of `order` goes on, if one is wanted: it ends when it is stopped."""
        if not self._beside:
            return []
        return [self.load(msgspec.structs.replace(order, stage=calibration_stage(self._parts, None)), seed)]

    def load(self, order: RunStage, seed: int) -> OpenLoad:
        """The load of a stage of its own; what was due before now, in a shard that was started late, is let be."""
        order = msgspec.structs.replace(order, start=max(order.start, now()), begun=())
        return OpenLoad(order, Lane((0,), (1.0,)), [self.client], self._prompts, seed, self._part, self._parts)

    def taken(self) -> list[float]:
        """The errors since the last call, in seconds."""
        errors, self._errors = self._errors, []
        return errors

    def _take(self, m: Measurement) -> None:
        if m.outcome is Outcome.OK and m.sent is not None and m.tokens_at:
            (first,) = _FLOAT.unpack_from(m.tokens_at)
            self._errors.append(first - m.sent - self._ttft)
