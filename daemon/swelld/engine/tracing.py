"""Trace ids of requests, and which of them are sampled: drawn before a request is sent, so that the server can know."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from swelld.clock import now

_ID_SPACE: Final = 2**64


@dataclass(frozen=True, slots=True)
class Tracing:
    """How a run is traced."""

    ratio: float
    """Share of the requests that is sampled, 0 to 1."""
    per_second: float
    """Most that are sampled in a second, by all shards together."""


class Trace(NamedTuple):
    """The place of one request in the traces."""

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The value of the W3C header."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


class Draw:
    """Draws the traces of one of `parts` shards; over its share of the cap none is sampled.

    What is sampled follows from the trace id, as in OpenTelemetry's `traceidratio`: a server or a collector with the
    same ratio chooses the same traces.
    """

    def __init__(
        self,
        tracing: Tracing,
        parts: int,
        clock: Callable[[], float] = now,
        source: random.Random | None = None,
    ) -> None:
        # Not from the run's seed: two runs with one seed must not share trace ids.
        self._bits = (source or random.Random()).getrandbits
        self._bound = round(tracing.ratio * _ID_SPACE)
        self._rate = tracing.per_second / parts
        self._most = max(1.0, self._rate) if self._rate else 0.0
        self._left = self._most
        self._clock = clock
        self._filled = clock()

    def __call__(self) -> Trace:
        number = self._bits(128) or 1
        sampled = number % _ID_SPACE < self._bound and self._allowed()
        return Trace(f"{number:032x}", f"{self._bits(64) or 1:016x}", sampled)

    def _allowed(self) -> bool:
        moment = self._clock()
        self._left = min(self._most, self._left + (moment - self._filled) * self._rate)
        self._filled = moment
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
