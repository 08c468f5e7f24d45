"""The result of a run as it is written to `result.json`: schema `swelld.result/1`, seconds and ratios throughout.

A value that could not be measured is null or absent, never 0.
"""

from typing import Any, Final, Literal

import msgspec

from swelld.contended import Contention
from swelld.searched import SearchResult

SCHEMA_NAME: Final = "swelld.result/1"

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}

_FIELDS: Final = {"50": "p50", "90": "p90", "95": "p95", "99": "p99", "99.9": "p999"}


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution in figures; everything but `count` is null where there is no value."""

    count: int
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    quantiles: dict[str, float] | msgspec.UnsetType = msgspec.UNSET
    """Percentiles asked for that have no field of their own, as `p75` or `p99.5`; absent if there are none."""

    def percentile(self, percent: float) -> float | None:
        """The value at 50, 90, 99.5, ...: from its field or from `quantiles`; None if it was not measured."""
        if f"{percent:g}" in _FIELDS:
            value: float | None = getattr(self, _FIELDS[f"{percent:g}"])
            return value
        return self.quantiles.get(f"p{percent:g}") if self.quantiles else None


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the measured window: scheduled = ok + failed + dropped + cancelled once the stage is over."""

    scheduled: int
    started: int
    ok: int
    failed: int
    dropped: int
    cancelled: int = 0


class ObjectiveShare(msgspec.Struct, frozen=True):
    """How many of the scheduled requests met one threshold."""

    threshold: float
    good: int
    total: int


class Goodput(msgspec.Struct, frozen=True):
    """Requests that met every threshold; failed, timed out and dropped ones are in `total`."""

    ratio: float | None
    good: int
    total: int
    rate: float | None
    """Good requests per second of the window."""
    target_ratio: float
    """The share that the objective asks for."""
    per_objective: dict[str, ObjectiveShare]


class Corrected(msgspec.Struct, frozen=True):
    """Measured from the due moment instead of the sent one: free of coordinated omission. Open loop only."""

    ttft: Statistics
    e2e: Statistics


class Tokens(msgspec.Struct, frozen=True):
    """Totals of the window; `source` says who counted the output tokens, `mixed` if not always the same."""

    input: int | None
    output: int | None
    source: str | None
    cached: int | None = None
    reasoning: int | None = None
    mismatches: int = 0


class ErrorCount(msgspec.Struct, frozen=True):
    """One kind of error with a sample of what was said."""

    count: int
    outcome: str
    sample: str | None = None


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the instrument itself can be trusted for this stage."""

    valid: bool
    reasons: list[str]
    """Why not; empty if valid."""
    event_loop_lag: Statistics
    cpu_share: float | None = None
    """CPU seconds per second of the busiest shard."""
    offered_rate: float | None = None
    achieved_rate: float | None = None
    windows: int = 0
    """Looks at a shard, each over 0.2 s."""
    saturated_windows: int = 0
    """Those in which the instrument was the bottleneck."""
    largest_read_batch: int = 0
    """Most reads that waited to be parsed at a time."""
    throttled_seconds: float = 0.0
    """How long the container's CPU quota stopped swelld."""
    measurement_error: Statistics | None = None
    """Reported - scripted TTFT of a calibration: beside this stage or before the run; null if there was none."""


class Phases(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a stage's ramp, steady part and drain, and which of it the figures are made of."""

    asked: Literal["all", "steady"] = "all"
    """The scenario's `window`."""
    used: Literal["all", "steady"] = "all"
    """`all` in spite of what was asked where the stage was never steady."""
    reached: bool = False
    """Whether it was ever steady; the lengths are null if not."""
    ramp_seconds: float | None = None
    """From the start of the stage, warm-up included."""
    steady_seconds: float | None = None
    drain_seconds: float | None = None
    """To the end of the last exchange."""
    note: str | None = None
    """Why it was not steady."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What the tokens of the good answers cost at the target's prices; answers that broke off are not in it."""

    amount: float
    currency: str
    per_1000_requests: float | None
    """Of the good ones."""
    per_million_output_tokens: float | None
    """The price of the input included."""


class ChecksFound(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the scenario's checks of the answers' text."""

    checked: int
    """Good answers that were drawn."""
    failures: dict[str, int]
    """Those that failed, by the first check that they failed; checks without a failure are 0."""


class TurnFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of all sessions that came so far."""

    turn: int
    """From 1; the last one that is told apart stands for all after it, too."""
    requests: int
    ok: int
    ttft: Statistics
    e2e: Statistics
    input_tokens: Statistics
    """Of the whole prompt, with everything that was said before."""
    cached_tokens: int | None = None
    """Of these, as the server counts what it found in its prefix cache; null if it does not tell."""


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of several turns, by their measured turns: begun = completed + failed + cut, but for those that began
    in the warm-up."""

    begun: int
    completed: int
    """Their last turn had a good answer."""
    failed: int
    """A turn had none, which ended them."""
    cut: int
    """The stage was over before them."""
    turns: list[TurnFigures]
    """At most 16."""


class LevelChange(msgspec.Struct, frozen=True):
    """A change of a stage's level while it went on; all levels but one are null."""

    at: float
    """Seconds after the stage's start."""
    rate: float | None = None
    """Requests per second from then on."""
    concurrency: int | None = None
    """Users from then on, of each target where each gets the whole load."""
    scale: float | None = None
    """From then on the planned rate times this."""


class StandardError(msgspec.Struct, frozen=True):
    """How far chance alone moves a figure: about two times in three no further than this."""

    error: float
    """In the unit of the figure."""
    blocks: int
    """Parts of the run that it was found from: what is said of it has one degree of freedom less."""


class StageResult(msgspec.Struct, frozen=True, kw_only=True):
    """One target under one level of load, warm-up and drain excluded."""

    stage: str
    target: str
    model: str
    window_seconds: float
    requests: Requests
    request_rate: float | None
    output_token_rate: float | None
    input_token_rate: float | None
    mean_in_flight: float | None
    goodput: Goodput | None
    ttft: Statistics
    ttfo: Statistics
    ttfb: Statistics
    itl: Statistics
    tpot: Statistics
    e2e: Statistics
    connect: Statistics
    failed: Statistics
    """How long failed requests took."""
    lag: Statistics
    corrected: Corrected
    output_tokens: Statistics
    input_tokens: Statistics
    tokens: Tokens
    errors: dict[str, ErrorCount]
    outcomes: dict[str, int]
    """Every outcome that occurred, `ok` among them."""
    validity: Validity
    phases: Phases = Phases()
    users: int | None = None
    """Of the closed loop at its start, for all targets together; null in an open loop."""
    changes: list[LevelChange] = []
    """The latest changes of the level while the stage went on, at most 1000; it keeps the name of its first level."""
    withheld: dict[str, int] = {}
    """Arrivals not sent, by reason: budget, yield, paused, ceiling. They are neither scheduled nor dropped."""
    checks: ChecksFound | None = None
    """Null where the scenario has no `checks`."""
    cost: Cost | None = None
    """Null where the target has no `price`, or nobody counted the tokens."""
    sessions: Sessions | None = None
    """Null where the prompts are no sessions of several turns."""
    precision: dict[str, StandardError] = {}
    """By figure (`ttft.p95`, `e2e.mean`, `request_rate`, `goodput`, `error_rate`); those of too few requests, or of a
    stage too short to tell, are absent."""
    solo_of: str | None = None
    """The stage in which the same load meets the other targets too, where this one is of its target alone."""


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


class ServerLevel(msgspec.Struct, frozen=True):
    """Something of the server that goes up and down, over the looks while the load went on."""

    mean: float
    max: float


Figure = Literal["requests", "input tokens", "output tokens", "ttft", "e2e"]


class ServerCheck(msgspec.Struct, frozen=True):
    """One figure as the client and as the server has it."""

    figure: Figure
    client: float
    server: float
    agrees: bool
    """Whether they are within the tolerance of each other."""


class ServerTimeline(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of equal length, at most 720 points; a column is null where the server does not tell."""

    at: list[float]
    """Seconds since the run began."""
    requests_waiting: list[float | None] | None
    """Levels: the largest between a point and the next one."""
    requests_running: list[float | None] | None
    kv_cache_usage: list[float | None] | None
    prefix_cache_queries: list[float | None] | None
    """Totals since the run began."""
    prefix_cache_hits: list[float | None] | None
    preemptions: list[float | None] | None
    output_tokens: list[float | None] | None


class ServerResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a target's own metrics said during the run; whatever they do not tell is null."""

    target: str
    engine: str | None
    """Null where the page is of no engine that is known."""
    url: str
    """Where the metrics were read."""
    looks: int
    """Times that they were read while the load went on."""
    failed_looks: int
    requests_waiting: ServerLevel | None
    requests_running: ServerLevel | None
    kv_cache_usage: ServerLevel | None
    prefix_cache_queries: float | None
    """Prompt tokens; this and what follows are the growth from just before the first request to after the last."""
    prefix_cache_hits: float | None
    prefix_cache_hit_ratio: float | None
    preemptions: float | None
    restarts: int
    """Times that the server's counters began anew."""
    requests: float | None
    """Finished well, as far as the server tells them apart."""
    input_tokens: float | None
    output_tokens: float | None
    ttft_mean: float | None
    e2e_mean: float | None
    tolerance: float
    """The share by which figures of client and server may differ."""
    checks: list[ServerCheck]
    """Empty where they cannot be compared."""
    note: str | None
    """Why they cannot be compared."""
    timeline: ServerTimeline


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


class GpuSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU of the machine that swelld ran on, over the measured windows of a run."""

    gpu: str
    uuid: str
    name: str
    energy_joules: float | None = None
    """Null if the GPU counts no energy, or was lost on the way."""
    mean_power_watts: float | None = None
    mean_utilization: float | None = None
    """0 to 1; null with MIG on."""
    max_memory_bytes: int | None = None


class GpuUse(msgspec.Struct, frozen=True, kw_only=True):
    """What the GPUs of the machine that swelld ran on used; the whole is null where one of them is not known."""

    window_seconds: float
    """The measured windows of all stages together."""
    gpus: list[GpuSummary]
    energy_joules: float | None = None
    joules_per_output_token: float | None = None
    tokens_per_second_per_watt: float | None = None


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


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A look at a run that is under way; rates and quantiles are of the last seconds."""

    run_id: str
    scenario: str
    state: str
    stage: str
    stage_number: int
    stage_count: int
    elapsed: float
    fraction: float | None
    """Of the whole run, 0 to 1; None if it has no end."""
    remaining: float | None
    """Estimated seconds; None if it has no end."""
    in_flight: int
    done: int
    total: int | None
    failed: int
    request_rate: float
    output_token_rate: float
    e2e_p90: float | None
    ttft_p50: float | None
    active_users: int | None = None
    """Users at it now (closed loop only)."""
    offered_rate: float | None = None
    """Requests per second that are due now, less what a throttle holds back (open loop only)."""
    throttle: float = 1.0
    """The part of the load that is let through."""
    throttled_by: str | None = None
    """Why it is not all of it."""
    warning: str | None = None
    """Why the figures of the last seconds are in doubt; None if they are not."""
