"""What a store of runs is: `Runs`, and what goes into it and comes out."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

import msgspec

import swelld
from swelld.distribution import Distribution
from swelld.result import Result
from swelld.store.files import StoreError

State = Literal["pending", "warmup", "running", "draining", "completed", "failed", "cancelled", "interrupted"]
OVER: Final = ("completed", "failed", "cancelled", "interrupted")

VerdictLevel = Literal["PASS", "WARNING", "FAIL"]

LARGEST_PAGE: Final = 500


class TargetRow(msgspec.Struct, frozen=True):
    """A target of a run."""

    name: str
    model: str


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run when it begins."""

    id: str
    scenario: str
    started: float
    """Unix seconds."""
    seed: int
    config: Mapping[str, object]
    """The configuration as used, secrets redacted."""
    targets: tuple[TargetRow, ...] = ()
    labels: Mapping[str, str] = {}
    note: str = ""
    version: str = swelld.__version__


@dataclass(frozen=True, slots=True)
class StageDistributions:
    """The distributions of one target under one stage; unlike figures, those of several shards or daemons add up.

    Names are those of the statistics: ttft ttfo ttfb itl tpot e2e connect failed lag corrected_ttft corrected_e2e
    input_tokens output_tokens.
    """

    stage: str
    target: str
    by_name: Mapping[str, Distribution]


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list; figures are of its last checkpoint, and None where there is none or nothing was measured."""

    id: str
    scenario: str
    state: State
    started: float
    """Unix seconds."""
    finished: float | None
    """None while it goes on; of an interrupted run the last sign of life."""
    duration: float | None
    instance: str
    seed: int
    version: str
    config_hash: str
    note: str
    labels: dict[str, str]
    targets: tuple[TargetRow, ...]
    verdict: VerdictLevel | None
    stages: int
    """Levels of load that have figures."""
    requests: int | None
    """Scheduled in all measured windows."""
    ok: int | None
    failed: int | None
    dropped: int | None
    request_rate: float | None
    """Of the best stage, all targets together; so the token rate."""
    output_token_rate: float | None
    ttft_p95: float | None
    """The largest of any stage and target, as is that of e2e."""
    e2e_p95: float | None
    goodput_ratio: float | None
    """The smallest of any stage and target."""
    valid: bool | None
    reason: str | None = None
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs; what is not given does not matter, and what is given must all hold."""

    scenario: str | None = None
    states: tuple[str, ...] = ()
    """Any of them."""
    target: str | None = None
    model: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """All of them; an empty value asks only for the name."""
    instance: str | None = None
    since: float | None = None
    """Begun at this moment (Unix seconds) or later."""
    until: float | None = None
    """Begun before this moment."""
    text: str | None = None
    """In the id, the scenario, the note or a label, in upper or lower case."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, newest first."""

    size: int = 50
    after: str | None = None
    """The `next` of the page before."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of runs."""

    runs: tuple[RunSummary, ...]
    count: int
    """Of all that match, on this page or not."""
    next: str | None
    """For the page that follows; None on the last one."""


class Runs(Protocol):
    """Where runs are kept.

    `begin`, `checkpoint` and `finish` hand over and return at once: they never wait for the database and never fail.
    Everything else does, and raises StoreError where the store cannot be reached.
    """

    async def begin(self, row: RunRow) -> None:
        """A run is about to start."""

    async def checkpoint(
        self, result: Result, distributions: Sequence[StageDistributions] = (), state: State = "running"
    ) -> None:
        """How a run that has begun stands; a newer one replaces it."""

    async def finish(self, result: Result, distributions: Sequence[StageDistributions] = ()) -> None:
        """A run is over: its state is that of the result. One that never began, as from elsewhere, is taken as well."""

    async def fail(self, run_id: str, finished: float, reason: str) -> None:
        """A run that has begun ended without a result, for that reason."""

    async def list(self, wanted: Filter = Filter(), page: Page = Page()) -> Listing:
        """A page of the runs that match, newest first; ValueError for a page that cannot be."""

    async def summary(self, run_id: str) -> RunSummary | None:
        """One run as a list shows it; None if there is none."""

    async def get(self, run_id: str) -> Result | None:
        """The result, of a run under way or interrupted up to its last checkpoint; None if there is no such run."""

    async def distributions(self, run_id: str) -> tuple[StageDistributions, ...]:
        """Those of every stage and target, in the order of the result; empty where none were kept."""

    async def annotate(
        self, run_id: str, note: str | None = None, labels: Mapping[str, str | None] | None = None
    ) -> bool:
        """Replace the note and set labels (None takes one away); what is not given stays. False if there is no such
        run."""

    async def delete(self, run_id: str) -> bool:
        """False if there is no such run; StoreError if it is under way."""

    async def interrupt_lost(self) -> tuple[str, ...]:
        """Mark runs that nobody carries out any more as interrupted; their ids."""

    async def prune(self) -> int:
        """Delete finished runs that are too old or too many, as the settings say; how many."""

    async def aclose(self) -> None:
        """Write what waits, within a deadline, and let go."""


def merge(parts: Sequence[StageDistributions]) -> tuple[StageDistributions, ...]:
    """Those of the same stage and target added up, whichever shard, run or daemon they come from."""
    found: dict[tuple[str, str], dict[str, Distribution]] = {}
    for part in parts:
        whole = found.setdefault((part.stage, part.target), {})
        for name, distribution in part.by_name.items():
            whole.setdefault(name, Distribution()).merge(distribution)
    return tuple(StageDistributions(*key, by_name) for key, by_name in found.items())


def encode_cursor(started: float, run_id: str) -> str:
    """The place of a run in a list, as text that is safe in a URL."""
    return base64.urlsafe_b64encode(f"{started!r} {run_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[float, str]:
    """(started, run id); ValueError for what is no cursor."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        started, space, run_id = text.partition(" ")
        if not space:
            raise ValueError(cursor)
        return float(started), run_id
    except ValueError:
        raise ValueError("is no place in a list: give the `next` of the page before") from None


__all__ = [
    "LARGEST_PAGE",
    "OVER",
    "Filter",
    "Listing",
    "Page",
    "RunRow",
    "RunSummary",
    "Runs",
    "StageDistributions",
    "State",
    "StoreError",
    "TargetRow",
    "VerdictLevel",
    "decode_cursor",
    "encode_cursor",
    "merge",
]
