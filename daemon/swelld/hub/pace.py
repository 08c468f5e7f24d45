"""The last few seconds of a run, for live progress."""

from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from swelld.clock import now
from swelld.columns import Columns
from swelld.measurement import Outcome

SECONDS: Final = 5.0
LATENCIES: Final = 1000
LEAST_SECONDS: Final = 0.2
"""That a rate is taken over: a pulse."""


class Pace:
    """Rates over the last seconds and quantiles over the last answers; bounded, whatever the load."""

    def __init__(self, clock: Callable[[], float] = now) -> None:
        self.failed = 0
        self._clock = clock
        self._batches: deque[tuple[float, int, int]] = deque()
        self._e2e: deque[float] = deque(maxlen=LATENCIES)
        self._ttft: deque[float] = deque(maxlen=LATENCIES)
        self._first: float | None = None

    def add(self, columns: Columns, moment: float) -> None:
        """A batch that was reported at `moment`."""
        done = sum(columns.outcomes.values())
        self.failed += done - columns.outcomes.get(Outcome.OK, 0)
        self._batches.append(
            (moment, columns.outcomes.get(Outcome.OK, 0), sum(columns.output_tokens_by_source.values()))
        )
        self._first = moment if self._first is None else self._first
        self._forget(moment)
        self._e2e.extend(columns.e2e[-LATENCIES:].tolist())
        self._ttft.extend(columns.ttft[-LATENCIES:].tolist())

    def request_rate(self) -> float:
        """Good answers per second."""
        return self._rate(1)

    def token_rate(self) -> float:
        """Output tokens per second of the answers that are complete."""
        return self._rate(2)

    def e2e_p90(self) -> float | None:
        """Of the last answers."""
        return float(np.quantile(self._e2e, 0.9)) if self._e2e else None

    def ttft_p50(self) -> float | None:
        """Of the last answers."""
        return float(np.quantile(self._ttft, 0.5)) if self._ttft else None

    def _rate(self, column: int) -> float:
        """Where nothing comes any more, it falls to 0."""
        moment = self._clock()
        self._forget(moment)
        seconds = SECONDS if self._first is None else min(SECONDS, max(LEAST_SECONDS, moment - self._first))
        return sum(batch[column] for batch in self._batches) / seconds

    def _forget(self, moment: float) -> None:
        while self._batches and self._batches[0][0] < moment - SECONDS:
            self._batches.popleft()
