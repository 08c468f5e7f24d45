"""The loads of the benchmark, and what swelld must reach under each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Load:
    """What every client is told to do, and how the server answers. Times in seconds."""

    name: str
    title: str
    streams: int = 1
    rate: float | None = None
    """Open loop: requests per second; `streams` is then the most at a time for clients that need to know."""
    seconds: float | None = None
    requests: int | None = None
    """Ends the load instead of `seconds`."""
    ttft: float = 0.05
    itl: float = 0.01
    tokens: int = 100
    ramp: float = 0.0
    warmup: float = 0.0
    """Left out by the client and, with a reset, by the server."""
    everyone: bool = False
    """Whether other clients do it, too."""
    most_runs: int = 99
    subtract_startup: bool = True

    @property
    def answer_seconds(self) -> float:
        """How long one answer takes."""
        return self.ttft + (self.tokens - 1) * self.itl

    @property
    def offered_requests(self) -> float:
        """Requests per second that a perfect client would have answered."""
        return self.rate or self.streams / max(self.answer_seconds, 1e-9)

    @property
    def expected_requests(self) -> int:
        """For clients that only know numbers: as many as a perfect client would do."""
        if self.requests:
            return self.requests
        assert self.seconds
        if self.rate:
            return round(self.rate * self.seconds)
        return self.streams * max(1, round(self.seconds / self.answer_seconds))


def _closed(streams: int, seconds: float) -> Load:
    return Load(
        str(streams),
        f"{streams:,} streams, closed loop, TTFT 50 ms, ITL 10 ms, 100 tokens",
        streams,
        seconds=seconds,
        everyone=True,
    )


def loads(*, quick: bool, seconds: float) -> dict[str, Load]:
    """By name, in the order in which they are run."""
    if quick:
        return {str(streams): _closed(streams, 5.0) for streams in (100, 500)}
    everything = [
        *(_closed(streams, seconds) for streams in (100, 500, 1000)),
        Load(
            "10000",
            "10,000 open streams, one token a second each",
            10_000,
            seconds=40.0,
            itl=1.0,
            tokens=25,
            ramp=25.0,
            warmup=30.0,
        ),
        Load(
            "open",
            "open loop, 500 requests a second for 60 s, 5 tokens",
            100,
            rate=500.0,
            seconds=60.0,
            ttft=0.02,
            tokens=5,
        ),
        Load(
            "bill",
            "the whole bill: 100 streams, 600 requests, 60,000 tokens, from start to written result",
            100,
            requests=600,
            everyone=True,
            subtract_startup=False,
        ),
        Load(
            "million",
            "1,000,000 short requests, 64 at a time, as fast as it goes",
            64,
            requests=1_000_000,
            ttft=0.0,
            itl=0.0,
            tokens=2,
            most_runs=1,
        ),
    ]
    return {load.name: load for load in everything}


@dataclass(frozen=True)
class Must:
    """One thing that must be reached: a figure of a row, and its limit."""

    what: str
    figure: Callable[[Row], float | None]
    limit: float
    scale: float = 1.0
    unit: str = ""
    least: bool = False
    """The limit is a minimum."""

    def judge(self, row: Row) -> tuple[str, bool | None]:
        """A sentence, and whether it is met (None: not measured)."""
        value = self.figure(row)
        sign = ">=" if self.least else "<="
        asked = f"must be {sign} {self.limit * self.scale:g}{self.unit}"
        if value is None:
            return f"{self.what}: not measured, {asked}", None
        met = value >= self.limit if self.least else value <= self.limit
        return f"{self.what}: {value * self.scale:.4g}{self.unit}, {asked}", met


def _error(name: str) -> Callable[[Row], float | None]:
    def figure(row: Row) -> float | None:
        value = row.get(f"{name}_error")
        return None if value is None else abs(value)

    return figure


def _ttft(what: str, limit: float) -> Must:
    return Must(f"TTFT {what} error", _error(f"ttft_{what}"), limit, 1e3, " ms")


def _token(limit: float) -> Must:
    return Must("CPU per token", lambda row: row.get("cpu_per_token"), limit, 1e6, " us")


def _honest(row: Row) -> float | None:
    error = row.get("ttft_p50_error")
    if error is None or row.get("valid") is None:
        return None
    return float(abs(error) <= 5e-3 or not row["valid"])


def _missing(row: Row) -> float | None:
    scheduled, good, answered = row.get("scheduled"), row.get("ok"), row.get("completed")
    if scheduled is None or good is None or answered is None:
        return None
    return float(scheduled - min(good, answered))


def _per_stream(row: Row) -> float | None:
    memory = row.get("memory")
    return None if memory is None else memory / row["streams"]


MUST: Final[dict[str, tuple[Must, ...]]] = {
    "100": (
        _ttft("p50", 0.3e-3),
        _ttft("p99", 2e-3),
        Must("ITL p99 error", _error("itl_p99"), 1e-3, 1e3, " ms"),
        _token(16e-6),
    ),
    "500": (_ttft("p50", 1e-3), _ttft("p99", 8e-3), _token(12e-6)),
    "1000": (
        Must("keeps up, or is flagged whenever TTFT p50 error > 5 ms (1: yes)", _honest, 1, least=True),
        Must("memory of hub and shards", lambda row: row.get("memory"), 120e6, 1e-6, " MB"),
        Must("streams really open", lambda row: row.get("streams_peak"), 1000, least=True),
    ),
    "10000": (
        Must("streams really open", lambda row: row.get("streams_peak"), 10_000, least=True),
        Must("requests failed", lambda row: row.get("failed"), 0),
        Must("all memory / streams", _per_stream, 20 * 1024, 1 / 1024, " KiB"),
        _ttft("p50", 5e-3),
    ),
    "open": (
        Must("missing", _missing, 0),
        Must("lag p99", lambda row: row.get("lag_p99"), 1e-3, 1e3, " ms"),
    ),
    "million": (
        Must("resident memory, end / after 50,000", lambda row: row.get("memory_growth"), 1.1),
        Must("requests answered", lambda row: row.get("ok"), 1_000_000, least=True),
    ),
    "bill": (
        Must("CPU with start-up and report", lambda row: row.get("cpu_seconds"), 2.5, unit=" s"),
        Must("first request after", lambda row: row.get("first_request_after"), 1.0, unit=" s"),
    ),
}
