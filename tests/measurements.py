"""Measurements made by hand."""

from typing import Any

import numpy as np

from swelld.measurement import Measurement, Outcome


def moments(*values: float) -> bytes:
    """As a measurement holds those of its tokens."""
    return np.array(values, dtype=np.float64).tobytes()


def measured(outcome: Outcome = Outcome.OK, *, tokens_at: tuple[float, ...] = (), **more: Any) -> Measurement:
    """One exchange; `tokens_at` are moments."""
    given = {"stage": 0, "target": 0, "index": 0, "warmup": False, **more}
    return Measurement(outcome=outcome, tokens_at=moments(*tokens_at), **given)
