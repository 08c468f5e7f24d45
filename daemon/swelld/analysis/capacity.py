"""What swelld can measure on a machine: the rungs of a ladder of load, and what gives out first."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from swelld.analysis import figures

LARGEST_ERROR: Final = 0.001
"""Seconds by which the median TTFT, or a request's sending, may be wrong."""
LATEST_SIMULATOR: Final = 0.005
"""Seconds by which the simulator may miss its script at the 99th percentile."""
SHORTFALL: Final = 0.05
"""Share of the load that may be missing."""

Ladder = Literal["streams", "rate"]

_UNITS: Final[dict[Ladder, str]] = {"streams": "streams", "rate": "requests/s"}


class Timing(msgspec.Struct, frozen=True):
    """Two quantiles in seconds; null where there is no value."""

    p50: float | None = None
    p99: float | None = None


class Simulator(msgspec.Struct, frozen=True):
    """What the simulator says it did, as opposed to what it was to do."""

    ttft: Timing
    e2e: Timing
    lateness: Timing
    """Of its writes, against its schedule."""
    scripted_e2e: float


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One level of load, and what came of it."""

    ladder: Ladder
    level: int
    """Streams at a time, or requests per second."""
    expected_rate: float
    """Requests per second that a perfect client would have had answered."""
    request_rate: float
    token_rate: float
    ttft: Timing
    lag: Timing
    """Of requests that fall due by the clock."""
    cpu_per_token: float | None
    """CPU seconds of load processes and hub together."""
    cpu_per_request: float | None
    failed: int
    failure: str | None
    """What was said about one of those that failed."""
    simulator: Simulator

    @property
    def error(self) -> float | None:
        """Reported - true median TTFT."""
        reported, true = self.ttft.p50, self.simulator.ttft.p50
        return None if reported is None or true is None else reported - true


class Limit(msgspec.Struct, frozen=True):
    """Who gave out on a rung, and how it shows."""

    who: Literal["simulator", "swelld"]
    why: str


def limit(rung: Rung) -> Limit | None:
    """None if the rung was measured well. The simulator is asked first: where it is late, nothing is said of swelld."""
    late, e2e, script = rung.simulator.lateness.p99, rung.simulator.e2e.p50, rung.simulator.scripted_e2e
    if late is not None and late > LATEST_SIMULATOR:
        return Limit("simulator", f"{figures.seconds(late)} late")
    if e2e is not None and e2e > script * (1 + SHORTFALL) + LATEST_SIMULATOR:
        return Limit("simulator", f"answers took {figures.seconds(e2e)} instead of {figures.seconds(script)}")
    if rung.failed:
        return Limit("swelld", f"{figures.count(rung.failed)} requests failed: {rung.failure or 'no reason given'}")
    if rung.error is None:
        return Limit("swelld", "no answer in the window")
    if abs(rung.error) > LARGEST_ERROR:
        return Limit("swelld", f"TTFT wrong by {figures.seconds(rung.error)}")
    if rung.lag.p99 is not None and rung.lag.p99 > LARGEST_ERROR:
        return Limit("swelld", f"requests {figures.seconds(rung.lag.p99)} late at p99")
    if rung.request_rate < rung.expected_rate * (1 - SHORTFALL):
        return Limit("swelld", f"only {figures.percent(rung.request_rate / rung.expected_rate)} of the load")
    return None


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """The ladders of one machine, as `--output` writes them."""

    schema: Literal["swelld.capacity/1"] = "swelld.capacity/1"
    swelld_version: str
    machine: str
    shards: int
    streams: int | None
    """Most that were measured well; null if not even the first rung was."""
    token_rate: float | None
    request_rate: float | None
    rungs: list[Rung]
    limits: list[Limit | None]
    """Of the rungs, in their order."""


def capacity(rungs: Sequence[Rung], version: str, machine: str, shards: int) -> Capacity:
    """What the rungs come to: on each ladder the last one before the first that failed."""
    streams, rate = _best(rungs, "streams"), _best(rungs, "rate")
    return Capacity(
        swelld_version=version,
        machine=machine,
        shards=shards,
        streams=streams.level if streams else None,
        token_rate=streams.token_rate if streams else None,
        request_rate=rate.request_rate if rate else None,
        rungs=list(rungs),
        limits=[limit(rung) for rung in rungs],
    )


def summary(found: Capacity) -> list[str]:
    """The sum of it in one line, and for each ladder why it ended where it did."""
    ladders = list(dict.fromkeys(rung.ladder for rung in found.rungs))
    line = f"{', '.join(_reach(found, ladder) for ladder in ladders)} with an error under 1 ms"
    return [line, *(_ending(found, ladder) for ladder in ladders)]


def _reach(found: Capacity, ladder: Ladder) -> str:
    best = _best(found.rungs, ladder)
    if best is None:
        first = next(rung.level for rung in found.rungs if rung.ladder == ladder)
        return f"fewer than {figures.count(first)} {_UNITS[ladder]}"
    if ladder == "streams":
        return f"up to {figures.count(best.level)} streams, {figures.count(best.token_rate)} tokens/s"
    return f"{figures.count(best.request_rate)} requests/s"


def _ending(found: Capacity, ladder: Ladder) -> str:
    last, ended = [pair for pair in zip(found.rungs, found.limits, strict=True) if pair[0].ladder == ladder][-1]
    level = f"{figures.count(last.level)} {_UNITS[ladder]}"
    if ended is None:
        return f"{level}: not the limit, no more was tried"
    if ended.who == "simulator":
        return f"{level}: the simulator gave out, not swelld ({ended.why}); against another machine there may be more"
    return f"{level}: too much for swelld beside the simulator ({ended.why})"


def _best(rungs: Sequence[Rung], ladder: Ladder) -> Rung | None:
    best = None
    for rung in rungs:
        if rung.ladder == ladder:
            if limit(rung) is not None:
                break
            best = rung
    return best
