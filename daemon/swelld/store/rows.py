"""A result as rows of the tables: pure, so that it can be done in a thread."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from swelld.distribution import Distribution
from swelld.result import Result, ServerResult, StageResult, Statistics
from swelld.store.base import RunRow, StageDistributions, TargetRow
from swelld.store.blobs import pack
from swelld.store.metadata import config_hash

Row = dict[str, Any]

FIGURES: Final = ("min", "max", "mean", "std", "p50", "p90", "p95", "p99", "p999")
_PLAIN: Final = (
    *("ttft", "ttfo", "ttfb", "itl", "tpot", "e2e", "connect", "failed", "lag"),
    *("input_tokens", "output_tokens"),
)
_LEVELS: Final = ("PASS", "WARNING", "FAIL")


def clean(text: str) -> str:
    """A text as every database takes it: no NUL, and nothing that UTF-8 cannot say."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def unix(moment: str) -> float:
    """Unix seconds of an ISO 8601 moment."""
    return datetime.fromisoformat(moment).timestamp()


def row_of(result: Result) -> RunRow:
    """What is known of a run by its result alone."""
    run = result.run
    targets = {stage.target: stage.model for stage in result.stages}
    return RunRow(
        id=run.id,
        scenario=run.scenario,
        started=unix(run.started),
        seed=run.seed,
        config=run.config,
        targets=tuple(TargetRow(*one) for one in targets.items()),
        version=run.swelld_version,
    )


def begun(row: RunRow) -> Row:
    """The part of the row of `runs` that is known when a run begins."""
    return {
        "id": row.id,
        "scenario": row.scenario,
        "started": row.started,
        "seed": str(row.seed),
        "version": clean(row.version),
        "config": msgspec.json.encode(row.config).decode(),
        "config_hash": config_hash(row.config),
        "note": clean(row.note),
        "stages": 0,
    }


def headline(result: Result) -> Row:
    """The part of the row of `runs` that says what came of it."""
    stages = result.stages
    levels = [finding.level for finding in result.verdict]
    return {
        "duration": result.run.duration_seconds,
        "verdict": max(levels, key=_LEVELS.index, default=None),
        "stages": len({stage.stage for stage in stages}),
        "requests": _total(stage.requests.scheduled for stage in stages),
        "ok": _total(stage.requests.ok for stage in stages),
        "failed": _total(stage.requests.failed for stage in stages),
        "dropped": _total(stage.requests.dropped for stage in stages),
        "request_rate": _best(stages, "request_rate"),
        "output_token_rate": _best(stages, "output_token_rate"),
        "ttft_p95": max((s.ttft.p95 for s in stages if s.ttft.p95 is not None), default=None),
        "e2e_p95": max((s.e2e.p95 for s in stages if s.e2e.p95 is not None), default=None),
        "goodput_ratio": min(
            (s.goodput.ratio for s in stages if s.goodput is not None and s.goodput.ratio is not None), default=None
        ),
        "valid": all(stage.validity.valid for stage in stages) if stages else None,
        "energy_joules": result.gpu.energy_joules if result.gpu else None,
        "joules_per_output_token": result.gpu.joules_per_output_token if result.gpu else None,
    }


def _total(counts: Iterable[int]) -> int | None:
    found = list(counts)
    return sum(found) if found else None


def _best(stages: Sequence[StageResult], name: str) -> float | None:
    """The largest of the sums over the targets of a stage."""
    sums: dict[str, float] = defaultdict(float)
    for stage in stages:
        rate: float | None = getattr(stage, name)
        if rate is not None:
            sums[stage.stage] += rate
    return max(sums.values(), default=None)


def stage_row(run_id: str, position: int, stage: StageResult) -> Row:
    """One row of `run_stages`."""
    goodput, tokens, validity = stage.goodput, stage.tokens, stage.validity
    return {
        "run_id": run_id,
        "position": position,
        **{name: getattr(stage, name) for name in ("stage", "target", "model", "users", "window_seconds")},
        **{name: getattr(stage.requests, name) for name in stage.requests.__struct_fields__},
        **{name: getattr(stage, name) for name in ("request_rate", "output_token_rate", "input_token_rate")},
        "mean_in_flight": stage.mean_in_flight,
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cached_tokens": tokens.cached,
        "reasoning_tokens": tokens.reasoning,
        "token_mismatches": tokens.mismatches,
        "token_source": tokens.source,
        "goodput_ratio": goodput.ratio if goodput else None,
        "goodput_rate": goodput.rate if goodput else None,
        "goodput_target_ratio": goodput.target_ratio if goodput else None,
        "goodput_good": goodput.good if goodput else None,
        "goodput_total": goodput.total if goodput else None,
        "valid": validity.valid,
        "invalid_reasons": clean("; ".join(validity.reasons)),
        **{name: getattr(validity, name) for name in ("cpu_share", "offered_rate", "achieved_rate")},
        "throttled_seconds": validity.throttled_seconds,
        "steady": stage.phases.reached,
    }


def statistics_rows(run_id: str, position: int, stage: StageResult) -> list[Row]:
    """Rows of `run_statistics`: one for each metric that has a value."""
    found: dict[str, Statistics | None] = {name: getattr(stage, name) for name in _PLAIN}
    found |= {"corrected_ttft": stage.corrected.ttft, "corrected_e2e": stage.corrected.e2e}
    found |= {"event_loop_lag": stage.validity.event_loop_lag, "measurement_error": stage.validity.measurement_error}
    return [
        {
            "run_id": run_id,
            "position": position,
            "metric": metric,
            "count": one.count,
            **{name: getattr(one, name) for name in FIGURES},
        }
        for metric, one in found.items()
        if one is not None and one.count
    ]


def error_rows(run_id: str, position: int, stage: StageResult) -> list[Row]:
    """Rows of `run_errors`."""
    return [
        {
            "run_id": run_id,
            "position": position,
            "error_type": kind,
            "outcome": error.outcome,
            "count": error.count,
            "sample": None if error.sample is None else clean(error.sample),
        }
        for kind, error in stage.errors.items()
    ]


def distribution_rows(run_id: str, position: int, by_name: Mapping[str, Distribution]) -> list[Row]:
    """Rows of `run_distributions`: one for each distribution that is not empty."""
    return [
        {"run_id": run_id, "position": position, "metric": name, "count": one.count, "data": pack(one)}
        for name, one in by_name.items()
        if one.count
    ]


def finding_rows(result: Result) -> list[Row]:
    """Rows of `run_findings`."""
    return [
        {
            "run_id": result.run.id,
            "number": number,
            "level": finding.level,
            "subject": finding.subject,
            "stage": finding.stage,
            "target": finding.target,
            "text": clean(finding.text),
            "reason": None if finding.reason is None else clean(finding.reason),
        }
        for number, finding in enumerate(result.verdict)
    ]


def server_rows(result: Result) -> list[Row]:
    """Rows of `run_servers`."""
    return [_server_row(result.run.id, server) for server in result.server or ()]


def _server_row(run_id: str, server: ServerResult) -> Row:
    levels = {
        "waiting": server.requests_waiting,
        "running": server.requests_running,
        "kv_cache_usage": server.kv_cache_usage,
    }
    plain = ("target", "engine", "looks", "failed_looks", "restarts", "prefix_cache_hit_ratio", "preemptions")
    figures = ("requests", "input_tokens", "output_tokens", "ttft_mean", "e2e_mean")
    return {
        "run_id": run_id,
        **{name: getattr(server, name) for name in (*plain, *figures)},
        **{f"{name}_mean": level.mean if level else None for name, level in levels.items()},
        **{f"{name}_max": level.max if level else None for name, level in levels.items()},
        "agrees": all(check.agrees for check in server.checks) if server.checks else None,
    }


def gpu_rows(result: Result) -> list[Row]:
    """Rows of `run_gpus`."""
    names = ("uuid", "gpu", "name", "energy_joules", "mean_power_watts", "mean_utilization", "max_memory_bytes")
    gpus = result.gpu.gpus if result.gpu else []
    return [{"run_id": result.run.id, **{name: getattr(gpu, name) for name in names}} for gpu in gpus]


def by_position(result: Result, distributions: Sequence[StageDistributions]) -> dict[int, Mapping[str, Distribution]]:
    """Distributions at the place in the result of the stage that they belong to."""
    places = {(stage.stage, stage.target): position for position, stage in enumerate(result.stages)}
    return {places[key]: one.by_name for one in distributions if (key := (one.stage, one.target)) in places}
