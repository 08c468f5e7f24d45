"""Results made by hand of targets that were measured alone first, and of sessions of several turns."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sample_results import result, spread, stage, statistics
from swelld.analysis.contention import contended
from swelld.analysis.verdict import verdict
from swelld.result import Result, Sessions, StageResult, TurnFigures

PLACES = (0.05, 0.1)


def pair(target: str, users: int, slower: float) -> list[StageResult]:
    """A target alone and beside the others, where it takes `slower` times as long and does so much less."""
    name = f"concurrency={users}"
    plain = {"target": target, "model": f"{target}-7b", "users": users}
    alone = stage(**plain, stage=f"{name} solo={target}", solo_of=name, request_rate=20.0, output_token_rate=2000.0)
    together = stage(
        **plain, stage=name, request_rate=20.0 / slower, output_token_rate=2000.0 / slower,
        ttft=spread(0.052 * slower), tpot=spread(0.01 * slower), e2e=spread(1.33 * slower),
    )  # fmt: skip
    return [alone, together]


def contended_result(levels: Sequence[int] = (4,), **losses: float) -> Result:
    """Targets a (half as fast beside b) and b (a little faster beside a) unless `losses` says otherwise."""
    slower = losses or {"a": 2.0, "b": 0.95}
    stages = [one for users in levels for target, factor in slower.items() for one in pair(target, users, factor)]
    return contended(result(stages, verdict(stages)))


def turn(number: int, requests: int, **changes: Any) -> TurnFigures:
    """Half of the prompt was in the cache of the server."""
    plain = TurnFigures(
        turn=number, requests=requests, ok=requests, ttft=spread(0.03 * number, requests),
        e2e=spread(0.4, requests), input_tokens=statistics(*[100.0 * number] * requests),
        cached_tokens=50 * number * requests,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def session_stage(**changes: Any) -> StageResult:
    """Ten sessions of up to three turns: one failed in its second, two were cut."""
    turns = [turn(1, 10), turn(2, 9, ok=8), turn(3, 7)]
    return stage(**{"sessions": Sessions(begun=10, completed=7, failed=1, cut=2, turns=turns), **changes})
