"""The whole of a run: what was run, its stages, and what is to be said of them."""

from typing import Any, Final, Literal

import msgspec

from swelld.result.contention import Contention
from swelld.result.gpu import GpuUse
from swelld.result.search import SearchResult
from swelld.result.server import ServerResult
from swelld.result.stage import StageResult

SCHEMA_NAME: Final = "swelld.result/1"


class Finding(msgspec.Struct, frozen=True):
    """One sentence of the verdict."""

    level: Literal["PASS", "WARNING", "FAIL"]
    subject: str
    """What was judged: `capacity`, `validity`, `rate`, `error rate`, `contention`, `dropped`, `cancelled`, `goodput`,
    `ttft p95`, `tpot p95`, `e2e p90`, `steady`, `samples`, `tokens`, `checks`, `contention loss`, of the whole run
    `yield` and `budget`, or of the servers' own metrics `server requests`, `server tokens`, `server ttft`,
    `server e2e`."""
    text: str
    """What was found, in figures and words."""
    stage: str | None = None
    target: str | None = None
    reason: str | None = None
    """Why that is no PASS, where the text does not say it already."""


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What was run, when, and how it ended."""

    id: str
    scenario: str
    state: Literal["completed", "failed", "cancelled", "interrupted"]
    started: str
    """ISO 8601 with UTC offset."""
    finished: str
    duration_seconds: float
    swelld_version: str
    seed: int
    config: dict[str, Any]
    """The configuration as used, secrets redacted."""
    reason: str | None = None
    """Why it failed; null if it did not."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of a run."""

    schema: Literal["swelld.result/1"] = SCHEMA_NAME
    run: RunInfo
    stages: list[StageResult]
    verdict: list[Finding]
    gpu: GpuUse | None = None
    """Null where there is no GPU."""
    server: list[ServerResult] | None = None
    """One entry for each target whose own metrics could be read; null if there was none."""
    contention: list[Contention] | None = None
    """What each target lost to the others, where each was measured alone first; null where none was."""
    search: SearchResult | None = None
    """What a search for the capacity has found; null where there was none."""
