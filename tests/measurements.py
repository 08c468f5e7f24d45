"""Measurements made by hand."""

from typing import Any

import numpy as np

from swelld.measurement import Measurement, Outcome


def measured(outcome: Outcome = Outcome.OK, *, tokens_at: tuple[float, ...] = (), **more: Any) -> Measurement:
    """One exchange; `tokens_at` are moments."""
    given = {"stage": 0, "target": 0, "index": 0, "warmup": False, **more}
    return Measurement(outcome=outcome, tokens_at=np.array(tokens_at).tobytes(), **given)
