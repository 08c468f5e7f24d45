"""A batch of measurements turned into columns: what distributions, counters and objectives are fed with.

The definitions are those of `swelld.derived`, which a test holds this module against.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from swelld import derived
from swelld.distribution import Floats
from swelld.measurement import STALL_FACTOR, STALL_SECONDS, Measurement, Outcome, TokenSource


@dataclass(frozen=True, slots=True)
class Columns:
    """Arrays hold only defined values (seconds or tokens), so their lengths differ; nothing missing is ever 0."""

    outcomes: dict[str, int]
    errors: dict[str, int]
    samples: dict[str, str]
    """One thing that was said for each kind of error."""
    started: int
    ttfb: Floats
    ttft: Floats
    ttfo: Floats
    corrected_ttft: Floats
    gaps: Floats
    stalls: int
    """Gaps in which a stream stood still."""
    tpot: Floats
    e2e: Floats
    corrected_e2e: Floats
    failed: Floats
    lag: Floats
    connect: Floats
    input_tokens: Floats
    output_tokens: Floats
    tokens_per_chunk: Floats
    input_tokens_by_source: dict[str, int]
    output_tokens_by_source: dict[str, int]
    cached_tokens: int
    reasoning_tokens: int
    has_cached: bool
    has_reasoning: bool
    mismatches: int
    resends: int
    last_success: float | None
    """End of the latest good answer."""
    slo_good: int
    good_ends: Floats
    """When those were over that met every threshold; empty without thresholds."""
    slo_met: dict[str, int]
    """By threshold, of all in the batch."""
    slo_bad_by_reason: dict[str, int]
    sampled: tuple[Measurement, ...]
    """Exchanges whose span is certainly made: few, so they may be looked at one by one."""
    turned: tuple[Measurement, ...]
    """Turns of sessions."""
    checked: int
    """Answers that were drawn for the scenario's checks."""
    failed_checks: dict[str, int]
    """Of these, those that failed one, by the first check that they failed."""


@dataclass(slots=True)
class _Lists:
    ttfb: list[float] = field(default_factory=list)
    ttft: list[float] = field(default_factory=list)
    ttfo: list[float] = field(default_factory=list)
    corrected_ttft: list[float] = field(default_factory=list)
    tpot: list[float] = field(default_factory=list)
    e2e: list[float] = field(default_factory=list)
    corrected_e2e: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    connect: list[float] = field(default_factory=list)
    input_tokens: list[float] = field(default_factory=list)
    output_tokens: list[float] = field(default_factory=list)
    tokens_per_chunk: list[float] = field(default_factory=list)
    good_ends: list[float] = field(default_factory=list)


class _Table:
    """Accumulates one batch; the loop over exchanges is here, the loop over tokens is numpy's."""

    def __init__(self, thresholds: Mapping[str, float]) -> None:
        self.thresholds = thresholds
        self.lists = _Lists()
        self.errors: Counter[str] = Counter()
        self.samples: dict[str, str] = {}
        self.inputs: Counter[str] = Counter()
        self.outputs: Counter[str] = Counter()
        self.met: dict[str, int] = dict.fromkeys(thresholds, 0)
        self.bad: Counter[str] = Counter()
        self.last_success: float | None = None

    def add(self, m: Measurement) -> None:
        if m.connect is not None:
            self.lists.connect.append(m.connect)
        if m.sent is not None and m.due is not None:
            self.lists.lag.append(m.sent - m.due)
        if m.outcome is Outcome.OK:
            self._add_good(m)
        else:
            self._add_failed(m)

    def _add_failed(self, m: Measurement) -> None:
        kind = m.error_type.value if m.error_type else m.outcome.value
        if m.outcome is not Outcome.DROPPED:
            self.errors[kind] += 1
            if m.detail:
                self.samples.setdefault(kind, m.detail)
        start = derived.start(m)
        if start is not None and m.end is not None and m.outcome is not Outcome.DROPPED:
            self.lists.failed.append(m.end - start)
        self.bad[bad_reason(m.outcome)] += 1

    def _add_good(self, m: Measurement) -> None:
        assert m.sent is not None
        assert m.end is not None
        lists = self.lists
        self.last_success = m.end
        ttft = tpot = None
        last = m.end
        if m.tokens_at:
            chunks = len(m.tokens_at) // 8
            moments = memoryview(m.tokens_at).cast("d")
            first, last = moments[0], moments[-1]
            ttft = first - m.sent
            lists.ttft.append(ttft)
            if m.due is not None:
                lists.corrected_ttft.append(first - m.due)
            if m.output_tokens is not None:
                if m.output_tokens > 1 and chunks > 1:
                    tpot = (last - first) / (m.output_tokens - 1)
                    lists.tpot.append(tpot)
                lists.tokens_per_chunk.append(m.output_tokens / chunks)
        if m.first_byte is not None:
            lists.ttfb.append(m.first_byte - m.sent)
        if m.first_answer is not None:
            lists.ttfo.append(m.first_answer - m.sent)
        e2e = last - m.sent
        lists.e2e.append(e2e)
        if m.due is not None:
            lists.corrected_e2e.append(last - m.due)
        self._count_tokens(m)
        if self.thresholds:
            self._judge(m, m.end, ttft, tpot, e2e)

    def _count_tokens(self, m: Measurement) -> None:
        if m.input_tokens is not None:
            self.lists.input_tokens.append(m.input_tokens)
            self.inputs["server" if m.token_source is TokenSource.SERVER else "tokenizer"] += m.input_tokens
        if m.output_tokens is not None and m.token_source is not None:
            self.lists.output_tokens.append(m.output_tokens)
            self.outputs[m.token_source.value] += m.output_tokens

    def _judge(self, m: Measurement, end: float, ttft: float | None, tpot: float | None, e2e: float) -> None:
        missed = None
        for name, threshold in self.thresholds.items():
            if _meets(name, threshold, m, ttft, tpot, e2e):
                self.met[name] += 1
            elif missed is None:
                missed = name
        if missed is None:
            self.lists.good_ends.append(end)
        else:
            self.bad[missed] += 1


def _meets(name: str, threshold: float, m: Measurement, ttft: float | None, tpot: float | None, e2e: float) -> bool:
    """An answer without a token never met TTFT; TPOT and ITL do not apply to fewer than two tokens or events."""
    if name == "ttft":
        return ttft is not None and ttft <= threshold
    if name == "tpot":
        return tpot is None or tpot <= threshold
    if name == "e2e":
        return e2e <= threshold
    gaps = np.diff(np.frombuffer(m.tokens_at))
    return not gaps.size or float(gaps.max()) <= threshold


def bad_reason(outcome: Outcome) -> str:
    """Why a request that got no good answer is bad: a closed set, safe as a label."""
    if outcome in (Outcome.TIMEOUT, Outcome.DROPPED, Outcome.CANCELLED):
        return outcome.value
    return "error"


def columns(batch: Sequence[Measurement], thresholds: Mapping[str, float]) -> Columns:
    """Columns of one batch; `thresholds` are the objective's, in seconds, by `ttft tpot itl e2e`."""
    table = _Table(thresholds)
    for m in batch:
        table.add(m)
    gaps = token_gaps(batch)
    arrays = {name: np.asarray(getattr(table.lists, name), dtype=np.float64) for name in _Lists.__slots__}
    return Columns(
        outcomes={k.value: v for k, v in Counter(m.outcome for m in batch).items()},
        errors=dict(table.errors),
        samples=table.samples,
        started=sum(m.outcome is not Outcome.DROPPED for m in batch),
        gaps=gaps,
        stalls=_stalls(batch) if gaps.size and gaps.max() > STALL_SECONDS else 0,
        input_tokens_by_source=dict(table.inputs),
        output_tokens_by_source=dict(table.outputs),
        cached_tokens=sum(m.cached_tokens or 0 for m in batch),
        reasoning_tokens=sum(m.reasoning_tokens or 0 for m in batch),
        has_cached=any(m.cached_tokens is not None for m in batch),
        has_reasoning=any(m.reasoning_tokens is not None for m in batch),
        mismatches=sum(m.token_mismatch for m in batch),
        resends=sum(m.resends for m in batch),
        last_success=table.last_success,
        slo_good=len(table.lists.good_ends),
        slo_met=table.met,
        slo_bad_by_reason=dict(table.bad) if thresholds else {},
        sampled=tuple(m for m in batch if m.sampled),
        turned=tuple(m for m in batch if m.turn is not None),
        checked=sum(m.checked for m in batch),
        failed_checks=dict(Counter(m.failed_check for m in batch if m.failed_check is not None)),
        **arrays,
    )


def _stalls(batch: Sequence[Measurement]) -> int:
    """Of the good answers; one by one, as each has a median of its own."""
    streams = [m.tokens_at for m in batch if m.outcome is Outcome.OK and len(m.tokens_at) > 8]
    between = [np.diff(np.frombuffer(tokens)) for tokens in streams]
    limits = [max(STALL_SECONDS, STALL_FACTOR * float(np.median(gaps))) for gaps in between]
    return sum(int(np.count_nonzero(gaps > limit)) for gaps, limit in zip(between, limits, strict=True))


def token_gaps(batch: Sequence[Measurement]) -> Floats:
    """Every gap between consecutive token-bearing events of the good answers."""
    streams = [m.tokens_at for m in batch if m.outcome is Outcome.OK and m.tokens_at]
    if not streams:
        return np.empty(0)
    gaps = np.diff(np.frombuffer(b"".join(streams)))
    ends = np.cumsum([len(s) // 8 for s in streams])[:-1] - 1
    return np.delete(gaps, ends)
