"""Runs, what was measured in them, and the views that dashboards read."""

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

_STATISTICS: Final = ("min", "max", "mean", "std", "p50", "p90", "p95", "p99", "p999")


def upgrade() -> None:
    """Make the tables, then the views."""
    _runs()
    _stages()
    _summaries()
    for statement in _views(op.get_bind().dialect.name):
        op.execute(statement)


def _text(*names: str, null: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=null) for name in names]


def _figures(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.Double) for name in names]


def _counts(*names: str, null: bool = True) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=null) for name in names]


def _part(name: str, key: str, kind: type[sa.Text] | type[sa.Integer], *columns: sa.Column[Any]) -> None:
    """A table of parts of runs, which go with their run."""
    op.create_table(
        name,
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(key, kind, primary_key=True),
        *columns,
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text, primary_key=True),
        *_text("scenario", "state"),
        sa.Column("started", sa.Double, nullable=False),
        *_figures("finished", "duration"),
        sa.Column("heartbeat", sa.Double, nullable=False),
        *_text("instance", "life"),
        *_text("seed", "version", "config", "config_hash", "note"),
        *_text("verdict", null=True),
        sa.Column("stages", sa.Integer, nullable=False),
        *_counts("requests", "ok", "failed", "dropped"),
        *_figures("request_rate", "output_token_rate", "ttft_p95", "e2e_p95", "goodput_ratio"),
        sa.Column("valid", sa.Boolean),
        *_figures("energy_joules", "joules_per_output_token"),
    )
    op.create_index("runs_by_start", "runs", ["started", "id"])
    op.create_index("runs_by_scenario", "runs", ["scenario", "started"])
    op.create_index("runs_by_state", "runs", ["state"])
    _part("run_labels", "name", sa.Text, *_text("value"))
    op.create_index("run_labels_by_value", "run_labels", ["name", "value"])
    _part("run_targets", "name", sa.Text, *_text("model"))
    op.create_index("run_targets_by_name", "run_targets", ["name"])
    op.create_index("run_targets_by_model", "run_targets", ["model"])
    op.create_table(
        "run_documents",
        sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        *_text("format"),
        sa.Column("data", sa.LargeBinary, nullable=False),
    )


def _stages() -> None:
    _part(
        "run_stages",
        "position",
        sa.Integer,
        *_text("stage", "target", "model"),
        *_counts("users", "scheduled", "started", "ok", "failed", "dropped", "cancelled"),
        *_counts("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "token_mismatches"),
        *_text("token_source", null=True),
        *_figures("window_seconds", "request_rate", "output_token_rate", "input_token_rate", "mean_in_flight"),
        *_figures("goodput_ratio", "goodput_rate", "goodput_target_ratio"),
        *_counts("goodput_good", "goodput_total"),
        sa.Column("valid", sa.Boolean, nullable=False),
        *_text("invalid_reasons"),
        *_figures("cpu_share", "offered_rate", "achieved_rate", "throttled_seconds"),
        sa.Column("steady", sa.Boolean, nullable=False),
    )
    metric = sa.Column("metric", sa.Text, primary_key=True)
    _part("run_statistics", "position", sa.Integer, metric, *_counts("count", null=False), *_figures(*_STATISTICS))
    metric = sa.Column("metric", sa.Text, primary_key=True)
    data = sa.Column("data", sa.LargeBinary, nullable=False)
    _part("run_distributions", "position", sa.Integer, metric, *_counts("count", null=False), data)
    kind = sa.Column("error_type", sa.Text, primary_key=True)
    count = _counts("count", null=False)
    _part("run_errors", "position", sa.Integer, kind, *_text("outcome"), *count, *_text("sample", null=True))


def _summaries() -> None:
    where = _text("stage", "target", null=True)
    _part("run_findings", "number", sa.Integer, *_text("level", "subject"), *where, *_text("text"), *_reason())
    _part(
        "run_servers",
        "target",
        sa.Text,
        *_text("engine", null=True),
        *_counts("looks", "failed_looks", "restarts"),
        *_figures("waiting_mean", "waiting_max", "running_mean", "running_max"),
        *_figures("kv_cache_usage_mean", "kv_cache_usage_max", "prefix_cache_hit_ratio", "preemptions"),
        *_figures("requests", "input_tokens", "output_tokens", "ttft_mean", "e2e_mean"),
        sa.Column("agrees", sa.Boolean),
    )
    figures = _figures("energy_joules", "mean_power_watts", "mean_utilization")
    _part("run_gpus", "uuid", sa.Text, *_text("gpu", "name"), *figures, *_counts("max_memory_bytes"))


def _reason() -> list[sa.Column[str]]:
    return _text("reason", null=True)


def _views(dialect: str) -> list[str]:
    moment = "to_timestamp({})" if dialect == "postgresql" else "strftime('%Y-%m-%dT%H:%M:%fZ', {}, 'unixepoch')"
    run = "r.scenario, r.state, r.instance, r.version, r.config_hash, r.verdict, r.note, r.started, r.finished"
    shown = {"ttft": "ttft", "itl": "itl", "tpot": "tpot", "e2e": "e2e", "corrected_ttft": "corrected_ttft"}
    columns = ", ".join(f"{m}.{s} AS {m}_{s}" for m in shown for s in ("mean", "p50", "p90", "p95", "p99", "max"))
    joins = "JOIN runs r ON r.id = s.run_id " + " ".join(
        f"LEFT JOIN run_statistics {m} ON {m}.run_id = s.run_id AND {m}.position = s.position AND {m}.metric = '{m}'"
        for m in shown
    )
    ratio = "CASE WHEN s.ok + s.failed > 0 THEN CAST(s.failed AS DOUBLE PRECISION) / (s.ok + s.failed) END"
    stage = (
        "s.position, s.stage, s.target, s.model, s.users, s.window_seconds, s.scheduled, s.ok, s.failed, s.dropped, "
        f"s.cancelled, {ratio} AS error_ratio, s.request_rate, s.output_token_rate, s.input_token_rate, "
        "s.mean_in_flight, s.goodput_ratio, s.goodput_rate, s.valid"
    )
    history = (
        "r.duration, r.seed, r.stages, r.requests, r.ok, r.failed, r.dropped, r.request_rate, r.output_token_rate, "
        "r.ttft_p95, r.e2e_p95, r.goodput_ratio, r.valid, r.energy_joules, r.joules_per_output_token"
    )
    time, until = moment.format("r.started"), moment.format("r.finished")
    of_runs = f"SELECT {time} AS time, {until} AS time_end, r.id AS run_id, {run}"
    return [
        f"CREATE VIEW run_history AS {of_runs}, {history} FROM runs r",
        f"CREATE VIEW run_figures AS {of_runs}, {stage}, {columns} FROM run_stages s {joins}",
    ]
