"""Searches and recommendations as a person reads them."""

from io import StringIO
from typing import Any

import msgspec
from rich.console import Console

import sample_results
from swelld.analysis.recommendation import Expected, Recommendation, Spread, Wish
from swelld.analysis.verdict import missed_objective
from swelld.report.recommendation import RecommendationReport
from swelld.report.search import SearchReport
from swelld.report.tables import ResultReport
from swelld.result import Saturation, SearchLevel, SearchResult


def shown(what: Any, width: int = 140) -> list[str]:
    out = StringIO()
    Console(file=out, width=width).print(what)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def level(users: float, **changes: Any) -> SearchLevel:
    made = SearchLevel(
        level=users, stage=f"rate={users:g}", accepted=True, sure=True, good=198, total=200, low=0.97, high=0.998,
        seconds=12.0, cut_short=False, reason="99.0% of 200 requests were good",
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


FOUND = SearchResult(
    kind="rate", share=0.95, confidence=0.95, precision=0.05, capacity=8.0, low=4.0, high=16.0, request_rate=7.9,
    limit=(5.6, 6.4), ended="precise",
    levels=[
        level(4.0, taken_over=True),
        level(16.0, accepted=False, good=20, cut_short=True, reason="the queue grows: 30.0% were left behind"),
        level(8.0, sure=False),
    ],
    saturation=Saturation(bend=None, best=8.0, best_rate=7.9, errors_begin=None),
    lines=["The highest load that met the objective is 8 requests/s.", "Operate at 5.60 to 6.40 requests/s."],
)  # fmt: skip


def test_levels_in_order_and_the_words_below() -> None:
    lines = shown(SearchReport(FOUND))
    rows = [line.split() for line in lines if line.lstrip()[:2] in ("4 ", "8 ", "16")]
    assert [row[:2] for row in rows] == [["4", "met"], ["8", "met?"], ["16", "missed"]]
    assert rows[0][-2:] == ["taken", "over"]
    assert rows[2][2] == "10.0%"
    assert any("cut short; the queue grows: 30.0% were left behind" in line for line in lines)
    assert lines[-2:] == FOUND.lines


def test_a_result_with_a_search_has_it_instead_of_every_level() -> None:
    made = msgspec.structs.replace(
        sample_results.result([sample_results.stage(stage=one.stage) for one in FOUND.levels]), search=FOUND
    )
    lines = shown(ResultReport(made))
    assert any(line.startswith("Capacity") for line in lines)
    assert FOUND.lines[0] in lines
    assert not any(line.startswith("rate=4  ") and "─" in line for line in lines)
    assert not missed_objective(made)
    assert missed_objective(msgspec.structs.replace(made, search=msgspec.structs.replace(FOUND, capacity=None)))


def test_a_recommendation() -> None:
    expected = Expected(
        users=63, measured_at=80.0, good_share=0.99, ttft_p50=0.1, ttft_p95=0.2, tpot_p50=0.01, tpot_p95=0.02,
        e2e_p95=2.0, request_rate=78.0, output_token_rate=10000.0,
    )  # fmt: skip
    made = Recommendation(
        answered=True, wish=Wish(peak=500, gpu_price=2.5), needed=600, capacity=Spread(80.0, 80.0, 83.0),
        replicas=Spread(8.0, 8.0, 8.0), gpus=16, monthly_cost=29200.0, expected=expected, formula="a = b",
        reasoning=["Because."],
    )  # fmt: skip
    lines = shown(RecommendationReport(made))
    assert lines[0] == "8 replicas, 16 GPUs, 29,200 USD a month for 500 users at a time"
    assert lines[2:4] == ["a = b", "Because."]
    assert "  TTFT p50 100 ms, p95 200 ms" in lines
    assert lines[-1] == "  78.0 requests/s, 10,000 tokens/s, all replicas together"


def test_no_recommendation() -> None:
    made = Recommendation(answered=False, wish=Wish(peak=5), needed=6, formula="a = b", reasoning=["Too few requests."])
    assert shown(RecommendationReport(made)) == [
        "No recommendation: the measurement does not support one.",
        "Too few requests.",
    ]
