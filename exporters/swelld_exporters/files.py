"""Measurements in files: one exchange a line or row, with everything that is derived from it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from swelld import derived
from swelld.clock import WallClock
from swelld.distribution import Floats
from swelld.measurement import ErrorType, Measurement, Outcome, TokenSource
from swelld_exporters.sinks import Format, Rotation, sink

DECIMALS: Final = 6
"""Seconds are written to the microsecond."""

MASK: Final = "***"


class GapSummary(msgspec.Struct, frozen=True):
    """The gaps between the token-bearing events of one answer."""

    count: int
    mean: float
    p50: float
    p99: float
    max: float


class RequestLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `requests.jsonl`: moments in seconds since the run began, lengths in seconds."""

    time: str | None
    """Wall time at which it was sent; else due; else, in a closed loop, at which a connection was asked for: ISO 8601,
    UTC."""
    stage: str
    target: str
    model: str
    index: int
    warmup: bool
    outcome: Outcome
    error_type: ErrorType | None
    detail: str | None
    status: int | None
    due: float | None
    sent: float | None
    first_byte: float | None
    first_token: float | None
    first_answer: float | None
    last_token: float | None
    end: float | None
    connect: float | None
    lag: float | None
    ttfb: float | None
    ttft: float | None
    ttfo: float | None
    tpot: float | None
    e2e: float | None
    corrected_ttft: float | None
    corrected_e2e: float | None
    itl: GapSummary | None
    gaps: list[float] | msgspec.UnsetType = msgspec.UNSET
    """Every gap, where it was asked for."""
    streamed: bool
    resends: int
    input_tokens: int | None
    output_tokens: int | None
    token_source: TokenSource | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    token_mismatch: bool
    finish_reason: str | None
    failed_check: str | None
    prompt: str
    category: str
    turn: int | None
    """Of a session of several turns, from 1."""
    text: str | msgspec.UnsetType = msgspec.UNSET
    """The answer, where its target keeps it."""


class RequestsFile:
    """Appends batches to a new file and keeps none of them; a context manager that closes it.

    `path` is that of the JSON lines; other `formats` go beside it with endings of their own. With a `rotation` no file
    gets much larger than it allows.
    `stages` are labels and `targets` (name, model) pairs, both by index; `origin` is the moment at which the run
    began. `secrets` are masked wherever a server or an answer repeats them. Raises FileExistsError rather than
    overwrite, and OSError with the path where the disk is full.
    """

    def __init__(
        self,
        path: Path,
        *,
        stages: Sequence[str],
        targets: Sequence[tuple[str, str]],
        origin: float,
        wall: WallClock,
        gaps: bool = False,
        secrets: Sequence[str] = (),
        formats: Sequence[Format] = ("jsonl",),
        rotation: Rotation | None = None,
    ) -> None:
        self._stages = stages
        self._targets = targets
        self._origin = origin
        self._wall = wall
        self._gaps = gaps
        self._secrets = [secret for secret in secrets if secret]
        self._sinks = [sink(path.with_suffix(f".{form}"), RequestLine, form, rotation) for form in formats]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, batch: Sequence[Measurement]) -> None:
        """Append one line for each measurement; all but Parquet's are in the file when this returns."""
        lines = [self.line(m) for m in batch]
        for each in self._sinks:
            each.write(lines)

    def close(self) -> None:
        """No more writes."""
        for each in self._sinks:
            each.close()

    def line(self, m: Measurement) -> RequestLine:
        """What is written of one measurement."""
        moments = derived.token_moments(m)
        between = derived.gaps(m)
        target, model = self._targets[m.target]
        return RequestLine(
            time=self._wall_time(m),
            stage=self._stages[m.stage],
            target=target,
            model=model,
            index=m.index,
            warmup=m.warmup,
            outcome=m.outcome,
            error_type=m.error_type,
            detail=self._mask(m.detail) if m.detail is not None else None,
            status=m.status,
            due=self._since(m.due),
            sent=self._since(m.sent),
            first_byte=self._since(m.first_byte),
            first_token=self._since(float(moments[0])) if moments.size else None,
            first_answer=self._since(m.first_answer),
            last_token=self._since(float(moments[-1])) if moments.size else None,
            end=self._since(m.end),
            connect=_rounded(m.connect),
            lag=_rounded(derived.lag(m)),
            ttfb=_rounded(derived.ttfb(m)),
            ttft=_rounded(derived.ttft(m)),
            ttfo=_rounded(derived.ttfo(m)),
            tpot=_rounded(derived.tpot(m)),
            e2e=_rounded(derived.e2e(m)),
            corrected_ttft=_rounded(derived.corrected_ttft(m)),
            corrected_e2e=_rounded(derived.corrected_e2e(m)),
            itl=summary(between),
            gaps=between.round(DECIMALS).tolist() if self._gaps else msgspec.UNSET,
            streamed=m.streamed,
            resends=m.resends,
            input_tokens=m.input_tokens,
            output_tokens=m.output_tokens,
            token_source=m.token_source,
            cached_tokens=m.cached_tokens,
            reasoning_tokens=m.reasoning_tokens,
            token_mismatch=m.token_mismatch,
            finish_reason=m.finish_reason,
            failed_check=m.failed_check,
            prompt=m.prompt,
            category=m.category,
            turn=m.turn,
            text=self._mask(m.text) if m.text is not None else msgspec.UNSET,
        )

    def _since(self, moment: float | None) -> float | None:
        return None if moment is None else round(moment - self._origin, DECIMALS)

    def _wall_time(self, m: Measurement) -> str | None:
        moment = derived.start(m)
        if moment is None:
            return None
        return datetime.fromtimestamp(self._wall.at(moment), UTC).isoformat(timespec="microseconds")

    def _mask(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def summary(gaps: Floats) -> GapSummary | None:
    """Gaps in figures, quantiles interpolated between neighbours; None without a gap."""
    if not gaps.size:
        return None
    ordered = sorted(gaps.tolist())
    return GapSummary(
        len(ordered),
        round(sum(ordered) / len(ordered), DECIMALS),
        round(_quantile(ordered, 0.5), DECIMALS),
        round(_quantile(ordered, 0.99), DECIMALS),
        round(ordered[-1], DECIMALS),
    )


def _quantile(ordered: Sequence[float], q: float) -> float:
    rank = q * (len(ordered) - 1)
    below = int(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DECIMALS)
