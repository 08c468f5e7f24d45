"""Results made by hand, for tests of what is said and shown of a run."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from swelld.distribution import Distribution
from swelld.result import (
    QUANTILES,
    Corrected,
    ErrorCount,
    Finding,
    Goodput,
    ObjectiveShare,
    Requests,
    Result,
    RunInfo,
    StageResult,
    Statistics,
    Tokens,
    Validity,
)

NOTHING = Statistics(count=0)


def statistics(*values: float) -> Statistics:
    """The figures of some values, measured as a run measures them."""
    found = Distribution()
    found.update(np.asarray(values, dtype=np.float64))
    if not values:
        return NOTHING
    plain = Statistics(count=found.count, min=found.min, max=found.max, mean=found.mean, std=found.std)
    return msgspec.structs.replace(plain, **{name: found.quantile(q) for name, q in QUANTILES.items()})


def spread(middle: float, count: int = 100) -> Statistics:
    """`count` values between 0.8 and 1.6 times `middle`."""
    return statistics(*(middle * (0.8 + 0.8 * (place / max(1, count - 1)) ** 2) for place in range(count)))


def validity(**changes: Any) -> Validity:
    """A valid closed loop."""
    sound = Validity(valid=True, reasons=[], event_loop_lag=statistics(0.0002, 0.0003, 0.0009), cpu_share=0.35)
    return msgspec.structs.replace(sound, **changes)


def goodput(good: int = 87, total: int = 100, target_ratio: float = 0.95) -> Goodput:
    """An objective on TTFT and TPOT; one threshold is missed by a few more than the other."""
    return Goodput(
        ratio=good / total if total else None,
        good=good,
        total=total,
        rate=good / 8.0,
        target_ratio=target_ratio,
        per_objective={
            "ttft": ObjectiveShare(0.5, min(total, good + 5), total),
            "tpot": ObjectiveShare(0.05, min(total, good + 9), total),
        },
    )


def stage(**changes: Any) -> StageResult:
    """100 good answers by 10 users in 8 seconds, with no objective."""
    plain = StageResult(
        stage="concurrency=10",
        target="local",
        model="tiny",
        window_seconds=8.0,
        requests=Requests(scheduled=100, started=100, ok=100, failed=0, dropped=0),
        request_rate=12.5,
        output_token_rate=1600.0,
        input_token_rate=3200.0,
        mean_in_flight=9.7,
        goodput=None,
        ttft=spread(0.052),
        ttfo=spread(0.052),
        ttfb=spread(0.05),
        itl=spread(0.0101),
        tpot=spread(0.01),
        e2e=spread(1.33),
        connect=spread(0.0004, 10),
        failed=NOTHING,
        lag=NOTHING,
        corrected=Corrected(NOTHING, NOTHING),
        output_tokens=statistics(*[128.0] * 100),
        input_tokens=statistics(*[256.0] * 100),
        tokens=Tokens(25600, 12800, "server"),
        errors={},
        outcomes={"ok": 100},
        validity=validity(),
    )
    return msgspec.structs.replace(plain, **changes)


def open_stage(rate: float = 10.0, **changes: Any) -> StageResult:
    """An open loop in trouble: 3 of 100 turned away, 2 dropped, a goodput of 87 %."""
    troubled = stage(
        stage=f"rate={rate:g}",
        requests=Requests(scheduled=100, started=98, ok=95, failed=3, dropped=2),
        ttft=spread(0.4, 95),
        ttfo=spread(0.9, 95),
        e2e=spread(14.2, 95),
        failed=spread(0.01, 3),
        lag=spread(0.00012, 98),
        corrected=Corrected(spread(0.4, 95), spread(14.2, 95)),
        goodput=goodput(),
        errors={
            "http_503": ErrorCount(2, "throttled", '{"error":\n "overloaded [try later]\x1b[31m"}'),
            "connect": ErrorCount(1, "unreachable"),
        },
        outcomes={"ok": 95, "throttled": 2, "unreachable": 1, "dropped": 2},
        validity=validity(offered_rate=rate, achieved_rate=rate * 0.98),
    )
    return msgspec.structs.replace(troubled, **changes)


def empty_stage() -> StageResult:
    """Every request failed before a byte came back: no latency is known."""
    changes = dict.fromkeys(
        ("ttft", "ttfo", "ttfb", "itl", "tpot", "e2e", "connect", "output_tokens", "input_tokens"), NOTHING
    )
    return stage(
        requests=Requests(scheduled=10, started=10, ok=0, failed=10, dropped=0),
        request_rate=None,
        output_token_rate=None,
        input_token_rate=None,
        tokens=Tokens(None, None, None),
        errors={"connect": ErrorCount(10, "unreachable", "connection refused")},
        outcomes={"unreachable": 10},
        failed=spread(0.001, 10),
        **changes,
    )


def result(stages: Sequence[StageResult] | None = None, findings: Sequence[Finding] = ()) -> Result:
    """A completed run of some stages."""
    return Result(
        run=RunInfo(
            id="01jd3k8r",
            scenario="chat",
            state="completed",
            started="2026-11-14T10:20:30+00:00",
            finished="2026-11-14T10:21:32+00:00",
            duration_seconds=62.0,
            swelld_version="0.1.0",
            seed=7,
            config={"targets": {"local": {"url": "http://127.0.0.1:8000", "model": "tiny"}}},
        ),
        stages=list(stages) if stages is not None else [stage()],
        verdict=list(findings),
    )
