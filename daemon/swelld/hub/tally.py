"""What one target did under one stage: counts and distributions, never samples."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from swelld.columns import Columns
from swelld.distribution import Distribution
from swelld.hub.figures import statistics
from swelld.hub.inside import Inside
from swelld.hub.turns import TurnTally
from swelld.load.stage import Stage
from swelld.measurement import ErrorType, Measurement, Outcome
from swelld.result import (
    ChecksFound,
    Corrected,
    Cost,
    ErrorCount,
    Goodput,
    ObjectiveShare,
    Phases,
    Requests,
    StageResult,
    Tokens,
    Validity,
)
from swelld.spending import Price

DISTRIBUTIONS = (
    "ttfb", "ttft", "ttfo", "corrected_ttft", "gaps", "tpot", "e2e", "corrected_e2e",
    "failed", "lag", "connect", "input_tokens", "output_tokens",
)  # fmt: skip


class Window:
    """The measured window: it starts by the clock, or with the first request after those of the warm-up, and ends by
    the clock or with the last answer."""

    def __init__(self, stage: Stage, start: float) -> None:
        self._duration = stage.duration
        self._by_count = stage.requests is not None
        self.start: float | None = None if stage.warmup_requests else start + stage.warmup_seconds
        self._last_end: float | None = None
        self._cut: float | None = None

    def see(self, batch: Sequence[Measurement]) -> None:
        """Take note of when a batch of measured exchanges happened."""
        begins = [m.due if m.due is not None else m.sent for m in batch]
        first = min((b for b in begins if b is not None), default=None)
        if first is not None and (self.start is None or (self._duration is None and first < self.start)):
            self.start = first
        ends = [m.end for m in batch if m.end is not None]
        self._last_end = max([*ends, *([] if self._last_end is None else [self._last_end])], default=None)

    def cut(self, moment: float) -> None:
        """The stage was stopped: nothing after it counts. Only the first time matters, and only before the end."""
        self._cut = min(moment, self.end)

    @property
    def end(self) -> float:
        """As far as it is known; infinite while nothing bounds it."""
        if self._cut is not None:
            return self._cut
        if self._duration is None or self.start is None:
            return np.inf
        return self.start + self._duration

    def seconds(self, until: float | None = None) -> float:
        """Its length, once the stage is over; or as far as a moment before that."""
        if self.start is None:
            return 0.0
        if until is not None:
            return max(0.0, min(self.end, until) - self.start)
        end = self.end
        if self._last_end is not None and (end == np.inf or (self._by_count and self._cut is None)):
            end = min(end, self._last_end)
        return max(0.0, end - self.start) if end != np.inf else 0.0


class Tally:
    """Adds up the measured exchanges of one stage and target."""

    def __init__(self, thresholds: Mapping[str, float], window: Window, percentiles: Sequence[float] = ()) -> None:
        self.window = window
        self._percentiles = percentiles
        self.distributions = {name: Distribution() for name in DISTRIBUTIONS}
        self.outcomes: Counter[str] = Counter()
        self._thresholds = thresholds
        self.errors: Counter[str] = Counter()
        self.samples: dict[str, str] = {}
        self.inputs: Counter[str] = Counter()
        self.outputs: Counter[str] = Counter()
        self.cached: int | None = None
        self.reasoning: int | None = None
        self.mismatches = 0
        self.checked = 0
        self.failed_checks: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.good = 0
        self.turns = TurnTally()
        self.inside = Inside()

    def add(self, batch: Sequence[Measurement], columns: Columns) -> None:
        """A batch of measured exchanges and its columns."""
        self.window.see(batch)
        self.count(columns)
        if self.window.start is not None:
            self.inside.add(batch, columns, self.window.start, self.window.end)

    def overlap(self, batch: Sequence[Measurement], columns: Columns) -> None:
        """A batch of the warm-up: what of it fell into the window is in the rates, as the server did it then."""
        if self.window.start is not None:
            self.inside.add(batch, columns, self.window.start, self.window.end)

    def count(self, columns: Columns) -> None:
        """Columns of measured exchanges, whatever became of the window."""
        for name, distribution in self.distributions.items():
            distribution.update(getattr(columns, name))
        self.outcomes.update(columns.outcomes)
        self.errors.update(columns.errors)
        self.samples = columns.samples | self.samples
        self.inputs.update(columns.input_tokens_by_source)
        self.outputs.update(columns.output_tokens_by_source)
        if columns.has_cached:
            self.cached = (self.cached or 0) + columns.cached_tokens
        if columns.has_reasoning:
            self.reasoning = (self.reasoning or 0) + columns.reasoning_tokens
        self.mismatches += columns.mismatches
        self.checked += columns.checked
        self.failed_checks.update(columns.failed_checks)
        self.met.update(columns.slo_met)
        self.good += columns.slo_good
        self.turns.add(columns.turned)

    def merge(self, other: "Tally") -> None:
        """Add what another one counted; windows, and what fell inside them, are left as they are."""
        for name, distribution in self.distributions.items():
            distribution.merge(other.distributions[name])
        self.outcomes.update(other.outcomes)
        self.errors.update(other.errors)
        self.samples = other.samples | self.samples
        self.inputs.update(other.inputs)
        self.outputs.update(other.outputs)
        if other.cached is not None:
            self.cached = (self.cached or 0) + other.cached
        if other.reasoning is not None:
            self.reasoning = (self.reasoning or 0) + other.reasoning
        self.mismatches += other.mismatches
        self.checked += other.checked
        self.failed_checks.update(other.failed_checks)
        self.met.update(other.met)
        self.good += other.good
        self.turns.merge(other.turns)

    @property
    def done(self) -> int:
        """Exchanges that are over, dropped arrivals among them."""
        return self.outcomes.total()

    def result(
        self,
        stage: Stage,
        names: tuple[str, str],
        share: float,
        validity: Validity,
        phases: Phases | None = None,
        users: int | None = None,
        checks: Sequence[str] = (),
        price: Price | None = None,
        until: float | None = None,
    ) -> StageResult:
        """The figures, `until` a moment if the stage is not over; `names` are the target's and the model's, `share` is
        what the objective asks for, `checks` are those that the scenario has."""
        seconds = self.window.seconds(until)
        inside = self.inside
        per_second = (lambda amount: amount / seconds) if seconds > 0 else (lambda amount: None)
        figures: dict[str, Any] = {name: statistics(d, self._percentiles) for name, d in self.distributions.items()}
        gaps, ttft, e2e = figures.pop("gaps"), figures.pop("corrected_ttft"), figures.pop("corrected_e2e")
        return StageResult(
            stage=stage.label,
            target=names[0],
            model=names[1],
            window_seconds=seconds,
            requests=self._requests(),
            request_rate=per_second(inside.requests),
            output_token_rate=per_second(inside.output_tokens) if self.outputs else None,
            input_token_rate=per_second(inside.input_tokens) if self.inputs else None,
            mean_in_flight=per_second(inside.busy),
            goodput=self._goodput(share, per_second(inside.good)),
            itl=gaps,
            corrected=Corrected(ttft=ttft, e2e=e2e),
            tokens=self._tokens(),
            errors=self._error_counts(),
            outcomes=dict(self.outcomes),
            validity=validity,
            phases=phases or Phases(),
            users=users,
            checks=self._checks(checks),
            cost=self._cost(price),
            sessions=self.turns.result(self._percentiles),
            **figures,
        )

    def _cost(self, price: Price | None) -> Cost | None:
        """Of the good answers; None without a price, or where nobody has counted any tokens."""
        if price is None or not (self.inputs or self.outputs):
            return None
        ok, outputs = self.outcomes[Outcome.OK], self.outputs.total()
        amount = price.of(self.inputs.total(), outputs, self.cached or 0)
        return Cost(
            amount=amount,
            currency=price.currency,
            per_1000_requests=amount / ok * 1e3 if ok else None,
            per_million_output_tokens=amount / outputs * 1e6 if outputs else None,
        )

    def _checks(self, names: Sequence[str]) -> ChecksFound | None:
        """What came of the checks of these names; None if there are none."""
        if not names:
            return None
        return ChecksFound(checked=self.checked, failures={name: self.failed_checks[name] for name in names})

    def _requests(self) -> Requests:
        count = self.outcomes
        total, dropped, cancelled = count.total(), count[Outcome.DROPPED], count[Outcome.CANCELLED]
        return Requests(
            scheduled=total,
            started=total - dropped,
            ok=count[Outcome.OK],
            failed=total - dropped - cancelled - count[Outcome.OK],
            dropped=dropped,
            cancelled=cancelled,
        )

    def _goodput(self, share: float, rate: float | None) -> Goodput | None:
        if not self._thresholds:
            return None
        total = self.done
        shares = {n: ObjectiveShare(t, self.met[n], total) for n, t in self._thresholds.items()}
        return Goodput(self.good / total if total else None, self.good, total, rate, share, shares)

    def _tokens(self) -> Tokens:
        sources = list(self.outputs)
        return Tokens(
            input=self.inputs.total() if self.inputs else None,
            output=self.outputs.total() if self.outputs else None,
            source=None if not sources else sources[0] if len(sources) == 1 else "mixed",
            cached=self.cached,
            reasoning=self.reasoning,
            mismatches=self.mismatches,
        )

    def _error_counts(self) -> dict[str, ErrorCount]:
        return {
            kind: ErrorCount(count, _OUTCOME_OF.get(kind, Outcome.FAILED), self.samples.get(kind))
            for kind, count in self.errors.most_common()
        }


_OUTCOME_OF: dict[str, Outcome] = {
    ErrorType.DNS: Outcome.UNREACHABLE,
    ErrorType.CONNECT: Outcome.UNREACHABLE,
    ErrorType.TLS: Outcome.UNREACHABLE,
    ErrorType.OTHER: Outcome.UNREACHABLE,
    ErrorType.CONNECT_TIMEOUT: Outcome.TIMEOUT,
    ErrorType.TTFT_TIMEOUT: Outcome.TIMEOUT,
    ErrorType.READ_TIMEOUT: Outcome.TIMEOUT,
    ErrorType.HTTP_429: Outcome.THROTTLED,
    ErrorType.HTTP_503: Outcome.THROTTLED,
    ErrorType.HTTP_4XX: Outcome.REJECTED,
    ErrorType.TRUNCATED: Outcome.TRUNCATED,
    ErrorType.PROTOCOL: Outcome.GARBLED,
    ErrorType.CANCELLED: Outcome.CANCELLED,
}
