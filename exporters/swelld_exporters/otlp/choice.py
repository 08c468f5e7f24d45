"""Which exchanges get a span, and why."""

from collections.abc import Callable, Mapping
from typing import Literal

from swelld import derived
from swelld.measurement import Measurement, Outcome
from swelld_exporters.base import Exchanged

Sampling = Literal["head", "tail"]


def sampling(exchanged: Exchanged, slow: float | None) -> Sampling | None:
    """`head` if it was drawn before it was sent; `tail` if it failed, took longer than `slow` seconds or broke the
    objective; None for no span. A dropped arrival has none: there was no request.
    """
    m = exchanged.measurement
    if m.outcome is Outcome.DROPPED or m.trace_id is None:
        return None
    if m.sampled:
        return "head"
    if m.outcome is not Outcome.OK or _slow(m, slow) or violated(exchanged):
        return "tail"
    return None


def violated(exchanged: Exchanged) -> tuple[str, ...]:
    """The thresholds of the objective that a good answer missed; warm-up is not judged."""
    m, thresholds = exchanged.measurement, exchanged.origin.thresholds
    if not thresholds or m.warmup or m.outcome is not Outcome.OK:
        return ()
    return tuple(name for name, most in thresholds.items() if not _MEETS[name](m, most))


def _slow(m: Measurement, slow: float | None) -> bool:
    return slow is not None and (derived.e2e(m) or 0.0) > slow


def _meets_ttft(m: Measurement, most: float) -> bool:
    ttft = derived.ttft(m)
    return ttft is not None and ttft <= most  # an answer without a token never met it


def _meets_itl(m: Measurement, most: float) -> bool:
    gaps = derived.gaps(m)
    return not gaps.size or float(gaps.max()) <= most


def _at_most(seconds: float | None, most: float) -> bool:
    return seconds is None or seconds <= most


_MEETS: Mapping[str, Callable[[Measurement, float], bool]] = {
    "ttft": _meets_ttft,
    "itl": _meets_itl,
    "tpot": lambda m, most: _at_most(derived.tpot(m), most),
    "e2e": lambda m, most: _at_most(derived.e2e(m), most),
}
