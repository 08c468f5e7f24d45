"""What one measurement says in seconds: the plain reference for every definition, None where one does not apply."""

from typing import NamedTuple

import numpy as np

from swelld.distribution import Floats
from swelld.measurement import STALL_FACTOR, STALL_SECONDS, Measurement


class Stall(NamedTuple):
    """A gap in which a stream stood still."""

    at: float
    """The moment at which it began: that of the last token before it."""
    seconds: float


def token_moments(m: Measurement) -> Floats:
    """When each token-bearing event came; empty for an answer that was not streamed."""
    return np.frombuffer(m.tokens_at if m.streamed else b"", dtype=np.float64)


def start(m: Measurement) -> float | None:
    """When it was sent; if it never was, when it was due; in a closed loop, when a connection was asked for."""
    return next((moment for moment in (m.sent, m.due, m.tried) if moment is not None), None)


def lag(m: Measurement) -> float | None:
    """Sent - due; open loop only."""
    return _between(m.due, m.sent)


def ttfb(m: Measurement) -> float | None:
    """Sent to the first byte of the body."""
    return _between(m.sent, m.first_byte)


def ttft(m: Measurement) -> float | None:
    """Sent to the first non-empty token of any kind; streamed answers only."""
    return _between(m.sent, _first_token(m))


def ttfo(m: Measurement) -> float | None:
    """Sent to the first token that is not reasoning; streamed answers only."""
    return _between(m.sent, m.first_answer) if m.streamed else None


def gaps(m: Measurement) -> Floats:
    """ITL: every gap between consecutive token-bearing events."""
    return np.diff(token_moments(m))


def stalls(m: Measurement) -> list[Stall]:
    """Gaps longer than `STALL_FACTOR` times the answer's median gap and than `STALL_SECONDS`, in the order of time."""
    moments = token_moments(m)
    between = np.diff(moments)
    if not between.size:
        return []
    long = np.flatnonzero(between > max(STALL_SECONDS, STALL_FACTOR * float(np.median(between))))
    return [Stall(float(moments[i]), float(between[i])) for i in long]


def tpot(m: Measurement) -> float | None:
    """(last token - first token) / (output tokens - 1).

    Undefined, never 0, for one token or less, and where all tokens came in one event: there is no time to divide.
    """
    moments = token_moments(m)
    if m.output_tokens is None or m.output_tokens <= 1 or moments.size < 2:
        return None
    return float(moments[-1] - moments[0]) / (m.output_tokens - 1)


def e2e(m: Measurement) -> float | None:
    """Sent to the last token, or to the end of the body where no token was streamed."""
    return _between(m.sent, _finish(m))


def corrected_ttft(m: Measurement) -> float | None:
    """TTFT from the due moment instead of the sent one; open loop only."""
    return _between(m.due, _first_token(m)) if m.sent is not None else None


def corrected_e2e(m: Measurement) -> float | None:
    """E2E from the due moment instead of the sent one; open loop only."""
    return _between(m.due, _finish(m)) if m.sent is not None else None


def _between(start: float | None, stop: float | None) -> float | None:
    return None if start is None or stop is None else stop - start


def _first_token(m: Measurement) -> float | None:
    moments = token_moments(m)
    return float(moments[0]) if moments.size else None


def _finish(m: Measurement) -> float | None:
    moments = token_moments(m)
    return float(moments[-1]) if moments.size else m.end
