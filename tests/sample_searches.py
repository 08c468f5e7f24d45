"""Runs that searched for the users that a replica carries, made by hand."""

from typing import Any

import msgspec

import sample_results
from swelld.result import Result, Saturation, SearchLevel, SearchResult


def level(users: float, accepted: bool | None, sure: bool = True, **changes: Any) -> SearchLevel:
    """One of 500 requests, all good or 100 of them."""
    good = 500 if accepted else 100
    made = SearchLevel(
        level=users,
        stage=f"concurrency={users:g}",
        accepted=accepted,
        sure=sure,
        good=good,
        total=500,
        low=0.99 if accepted else 0.17,
        high=1.0 if accepted else 0.24,
        seconds=10.0,
        cut_short=False,
        reason="100.0% of 500 requests were good" if accepted else "20.0% of 500 requests were good",
    )
    return msgspec.structs.replace(made, **changes)


def searched(*levels: SearchLevel, ended: str = "precise") -> Result:
    """What comes of such levels; 99 % of the requests were good at each."""
    accepted = [one.level for one in levels if one.accepted]
    capacity = max(accepted, default=None)
    sure_met = [one.level for one in levels if one.accepted and one.sure]
    sure_missed = [one.level for one in levels if one.accepted is False and one.sure]
    found = SearchResult(
        kind="concurrency",
        share=0.95,
        confidence=0.95,
        precision=0.05,
        capacity=capacity,
        low=max(sure_met, default=None),
        high=min(sure_missed, default=None),
        request_rate=None,
        limit=None,
        ended=ended,  # type: ignore[arg-type]
        levels=list(levels),
        saturation=Saturation(bend=None, best=None, best_rate=None, errors_begin=None),
        lines=[],
    )
    stages = [sample_results.stage(stage=one.stage, goodput=sample_results.goodput(99, 100)) for one in levels]
    return msgspec.structs.replace(sample_results.result(stages), search=found)
