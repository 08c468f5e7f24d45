"""The tables, the same on SQLite and PostgreSQL. `run_documents` holds results whole; the others are for queries."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

METADATA: Final = MetaData()


def _run_id() -> Column[str]:
    return Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)


def _figures(*names: str) -> list[Column[float]]:
    return [Column(name, Double) for name in names]


def _counts(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger) for name in names]


RUNS: Final = Table(
    "runs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("scenario", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started", Double, nullable=False),
    Column("finished", Double),
    Column("duration", Double),
    Column("heartbeat", Double, nullable=False),
    Column("instance", Text, nullable=False),
    Column("life", Text, nullable=False),
    Column("seed", Text, nullable=False),  # it may be larger than any integer of a database
    Column("version", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("config_hash", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("verdict", Text),
    Column("stages", Integer, nullable=False),
    *_counts("requests", "ok", "failed", "dropped"),
    *_figures("request_rate", "output_token_rate", "ttft_p95", "e2e_p95", "goodput_ratio"),
    Column("valid", Boolean),
    *_figures("energy_joules", "joules_per_output_token"),
    Column("reason", Text),
    Index("runs_by_start", "started", "id"),
    Index("runs_by_scenario", "scenario", "started"),
    Index("runs_by_state", "state"),
)

RUN_LABELS: Final = Table(
    "run_labels",
    METADATA,
    _run_id(),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index("run_labels_by_value", "name", "value"),
)

RUN_TARGETS: Final = Table(
    "run_targets",
    METADATA,
    _run_id(),
    Column("name", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Index("run_targets_by_name", "name"),
    Index("run_targets_by_model", "model"),
)

RUN_STAGES: Final = Table(
    "run_stages",
    METADATA,
    _run_id(),
    Column("position", Integer, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("model", Text, nullable=False),
    *_counts("users", "scheduled", "started", "ok", "failed", "dropped", "cancelled"),
    *_counts("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "token_mismatches"),
    Column("token_source", Text),
    *_figures("window_seconds", "request_rate", "output_token_rate", "input_token_rate", "mean_in_flight"),
    *_figures("goodput_ratio", "goodput_rate", "goodput_target_ratio"),
    *_counts("goodput_good", "goodput_total"),
    Column("valid", Boolean, nullable=False),
    Column("invalid_reasons", Text, nullable=False),
    *_figures("cpu_share", "offered_rate", "achieved_rate", "throttled_seconds"),
    Column("steady", Boolean, nullable=False),
)

RUN_STATISTICS: Final = Table(
    "run_statistics",
    METADATA,
    _run_id(),
    Column("position", Integer, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    *_figures("min", "max", "mean", "std", "p50", "p90", "p95", "p99", "p999"),
)

RUN_DISTRIBUTIONS: Final = Table(
    "run_distributions",
    METADATA,
    _run_id(),
    Column("position", Integer, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

RUN_ERRORS: Final = Table(
    "run_errors",
    METADATA,
    _run_id(),
    Column("position", Integer, primary_key=True),
    Column("error_type", Text, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("sample", Text),
)

RUN_FINDINGS: Final = Table(
    "run_findings",
    METADATA,
    _run_id(),
    Column("number", Integer, primary_key=True),
    Column("level", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("stage", Text),
    Column("target", Text),
    Column("text", Text, nullable=False),
    Column("reason", Text),
)

RUN_SERVERS: Final = Table(
    "run_servers",
    METADATA,
    _run_id(),
    Column("target", Text, primary_key=True),
    Column("engine", Text),
    *_counts("looks", "failed_looks", "restarts"),
    *_figures("waiting_mean", "waiting_max", "running_mean", "running_max"),
    *_figures("kv_cache_usage_mean", "kv_cache_usage_max", "prefix_cache_hit_ratio", "preemptions"),
    *_figures("requests", "input_tokens", "output_tokens", "ttft_mean", "e2e_mean"),
    Column("agrees", Boolean),
)

RUN_GPUS: Final = Table(
    "run_gpus",
    METADATA,
    _run_id(),
    Column("uuid", Text, primary_key=True),
    Column("gpu", Text, nullable=False),
    Column("name", Text, nullable=False),
    *_figures("energy_joules", "mean_power_watts", "mean_utilization"),
    *_counts("max_memory_bytes"),
)

RUN_DOCUMENTS: Final = Table(
    "run_documents",
    METADATA,
    _run_id(),
    Column("format", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
