"""Sweeps made by hand: a server that carries 32 users, and what came of each level."""

from collections.abc import Sequence
from typing import Any

from sample_results import goodput, result, spread, stage
from swelld.result import ErrorCount, Requests, Result, StageResult

LEVELS = (8, 16, 32, 64, 128)


def level(users: int, good: int = 100, **changes: Any) -> StageResult:
    """Up to 32 users the rate follows the load; beyond that answers wait, and at 128 some are turned away."""
    rate = 0.5 * min(users, 32)
    ttft = 0.03 if users <= 32 else 0.03 * users
    made = {
        "stage": f"concurrency={users}",
        "users": users,
        "request_rate": rate,
        "output_token_rate": 64 * rate,
        "ttft": spread(ttft),
        "goodput": goodput(good if users <= 32 else 10),
    }
    if users > 100:
        made["requests"] = Requests(scheduled=110, started=110, ok=100, failed=10, dropped=0)
        made["errors"] = {"http_503": ErrorCount(10, "throttled", "=2+2|<b>busy</b> @team")}
    return stage(**made | changes)


def sweep_result(levels: Sequence[int] = LEVELS, **changes: Any) -> Result:
    """One run over several levels."""
    return result([level(users, **changes) for users in levels])


def row(index: int = 0, **changes: Any) -> dict[str, Any]:
    """A single request, as far as charts and tables need it."""
    plain = {
        "time": "2026-11-14T10:20:30.000000+00:00", "stage": "concurrency=8", "target": "local", "model": "tiny",
        "index": index, "warmup": False, "outcome": "ok", "input_tokens": 100 + index, "output_tokens": 20 + index,
        "ttft": round(0.05 + index / 1000, 6), "tpot": 0.01, "e2e": 0.5 + index / 100,
        "category": "short/simple/coding", "itl_count": 19, "itl_mean": 0.01, "detail": None, "streamed": True,
    }  # fmt: skip
    return plain | changes
