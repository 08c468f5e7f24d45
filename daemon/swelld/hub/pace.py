"""The last few seconds of a run, for live progress."""

from collections import deque

import numpy as np

from swelld.columns import Columns
from swelld.measurement import Outcome

SECONDS = 5.0
LATENCIES = 1000


class Pace:
    """Rates over the last seconds and quantiles over the last answers; bounded, whatever the load."""

    def __init__(self) -> None:
        self.failed = 0
        self._batches: deque[tuple[float, int, int]] = deque()
        self._e2e: deque[float] = deque(maxlen=LATENCIES)
        self._ttft: deque[float] = deque(maxlen=LATENCIES)
        self._first: float | None = None
        self._last = 0.0

    def add(self, columns: Columns, moment: float) -> None:
        """A batch that was reported at `moment`."""
        done = sum(columns.outcomes.values())
        self.failed += done - columns.outcomes.get(Outcome.OK, 0)
        self._batches.append(
            (moment, columns.outcomes.get(Outcome.OK, 0), sum(columns.output_tokens_by_source.values()))
        )
        self._first = moment if self._first is None else self._first
        self._last = moment
        while self._batches and self._batches[0][0] < moment - SECONDS:
            self._batches.popleft()
        self._e2e.extend(columns.e2e[-LATENCIES:].tolist())
        self._ttft.extend(columns.ttft[-LATENCIES:].tolist())

    def request_rate(self) -> float:
        """Good answers per second."""
        return sum(batch[1] for batch in self._batches) / self._seconds()

    def token_rate(self) -> float:
        """Output tokens per second of the answers that are complete."""
        return sum(batch[2] for batch in self._batches) / self._seconds()

    def e2e_p90(self) -> float | None:
        """Of the last answers."""
        return float(np.quantile(self._e2e, 0.9)) if self._e2e else None

    def ttft_p50(self) -> float | None:
        """Of the last answers."""
        return float(np.quantile(self._ttft, 0.5)) if self._ttft else None

    def _seconds(self) -> float:
        return min(SECONDS, max(0.2, self._last - self._first)) if self._first is not None else SECONDS
