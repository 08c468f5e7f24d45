"""What happened within a window, which is what rates are made of."""

from collections.abc import Sequence

import numpy as np

from swelld.columns import Columns
from swelld.measurement import Measurement, Outcome


class Inside:
    """What fell inside the window: an answer that reaches over its edge counts in part."""

    def __init__(self) -> None:
        self.requests = 0
        self.good = 0
        """Of these, those that met every threshold."""
        self.output_tokens = 0.0
        self.input_tokens = 0
        self.busy = 0.0
        """Seconds of exchanges under way."""

    def add(self, batch: Sequence[Measurement], columns: Columns, start: float, end: float) -> None:
        """A batch of measured exchanges and its columns against a window."""
        self.good += int(np.count_nonzero((columns.good_ends >= start) & (columns.good_ends <= end)))
        for m in batch:
            if m.sent is None or m.end is None or m.end < start:
                continue
            self.busy += max(0.0, min(m.end, end) - max(m.sent, start))
            if m.outcome is not Outcome.OK:
                continue
            if m.end <= end:
                self.requests += 1
                self.input_tokens += m.input_tokens or 0
            self.output_tokens += (m.output_tokens or 0) * _part_inside(m, start, end)


def _part_inside(m: Measurement, start: float, end: float) -> float:
    """The part of an answer's tokens that came from `start` to `end`; of one that came in one piece all or nothing."""
    assert m.end is not None
    assert m.sent is not None
    if (m.sent >= start and m.end <= end) or not m.tokens_at:
        return float(m.end <= end)
    moments = np.frombuffer(m.tokens_at)
    return float(np.count_nonzero((moments >= start) & (moments <= end))) / moments.size
