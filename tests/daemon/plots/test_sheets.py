"""What is in the pictures: every figure at its place, and a clear note where there is none."""

import msgspec
import pytest

from sample_results import NOTHING, empty_stage, open_stage, result, stage
from swelld.plots.answers import answers
from swelld.plots.chart import Chart, Sheet
from swelld.plots.comparison import Source, comparison_sheets
from swelld.plots.saturation import saturation_sheets
from swept import level, row, sweep_result

NAMES = [
    "latency", "latency-by-prompt-length", "ttft", "tpot", "throughput", "tokens", "success", "complexity", "category",
]  # fmt: skip


def of(sheet: Sheet, title: str) -> Chart:
    return next(chart for chart in sheet.charts if chart.title == title)


def lines(chart: Chart) -> dict[str, tuple[float | None, ...]]:
    return {series.name: series.y for series in chart.series}


def sheets(*sources: Source) -> dict[str, Sheet]:
    return {sheet.name: sheet for sheet in comparison_sheets(sources)}


def test_the_saturation_sheet_has_every_figure_over_load() -> None:
    swept = sweep_result()
    (sheet,) = saturation_sheets(swept, "")
    assert (sheet.name, sheet.title) == ("saturation", "tiny under rising load")
    assert "n = 510 requests in 5 stages" in sheet.subtitle
    assert lines(of(sheet, "Request rate")) == {"answered": (4.0, 8.0, 16.0, 16.0, 16.0)}
    success = lines(of(sheet, "Success"))
    assert success["answered"] == pytest.approx((100, 100, 100, 100, 100 * 100 / 110))
    assert success["within the objective"] == (100.0, 100.0, 100.0, 10.0, 10.0)
    ttft = of(sheet, "Time to first token (TTFT)")
    assert ttft.unit == "s"
    assert lines(ttft)["p95"] == tuple(s.ttft.p95 for s in swept.stages)
    assert [(line.name, line.y) for line in ttft.levels] == [("objective", 0.5)]
    assert lines(of(sheet, "Output tokens, all answers together"))["output"][:3] == (256.0, 512.0, 1024.0)
    slowest = lines(of(sheet, "Output tokens within one answer"))["slowest 5 %"]
    assert slowest == tuple(1 / (s.tpot.p95 or 0) for s in swept.stages)
    assert ttft.x.names == ("8", "16", "32", "64", "128")
    assert sheet.remarks[-1] == "Operate at 11.2 to 12.8 requests/s (70% to 80% of that)."
    assert sheet.table[1][:4] == ("concurrency=8", "100/100", "0.0%", "4.00")


def test_each_target_has_a_sheet_of_its_own() -> None:
    found = saturation_sheets(result([level(8), level(8, target="b/c")]), "before")
    assert [sheet.name for sheet in found] == ["saturation-before-local", "saturation-before-b-c"]


def test_an_open_loop_shows_what_was_offered() -> None:
    (sheet,) = saturation_sheets(result([open_stage(5.0), open_stage(10.0)]), "")
    assert lines(of(sheet, "Request rate"))["offered"] == (5.0, 10.0)


def test_all_failed_shows_no_success_and_says_the_rest() -> None:
    (sheet,) = saturation_sheets(result([empty_stage()]), "")
    assert lines(of(sheet, "Success"))["answered"] == (0.0,)
    assert of(sheet, "Request rate").note == "no request was answered"
    assert of(sheet, "Whole answer (E2E)").note == "no request was answered"
    assert sheet.missing is None


def test_nothing_scheduled_is_nothing_to_draw() -> None:
    none = msgspec.structs.replace(empty_stage().requests, scheduled=0, started=0, failed=0)
    (sheet,) = saturation_sheets(result([msgspec.structs.replace(empty_stage(), requests=none)]), "")
    assert sheet.missing == "no request was answered"


def test_the_comparison_set_is_complete_and_says_what_it_lacks() -> None:
    found = sheets(Source("a", result([stage(ttft=NOTHING, tpot=NOTHING)])))
    assert list(found) == NAMES
    missing = {name: sheet.missing for name, sheet in found.items() if sheet.missing}
    assert missing == {
        "latency-by-prompt-length": "needs the single requests: `requests.jsonl` beside the result",
        "ttft": "no token times: answers were not streamed, or none came",
        "tpot": "no token times: answers were not streamed, or none came",
        "complexity": "needs the single requests: `requests.jsonl` beside the result",
        "category": "needs the single requests: `requests.jsonl` beside the result",
    }


def test_results_share_one_axis() -> None:
    one, other = sweep_result((8, 32)), sweep_result((16, 32))
    chart = sheets(Source("before", one), Source("after", other))["ttft"].charts[0]
    assert chart.x.names == ("8", "16", "32")
    assert [(line.name, line.x) for line in chart.series] == [("before", (8, 32)), ("after", (16, 32))]
    assert chart.series[0].y == tuple(1000 * (s.ttft.p50 or 0) for s in one.stages)


def test_loads_of_different_kinds_stand_side_by_side() -> None:
    chart = sheets(Source("users", sweep_result((8, 16))), Source("rate", result([open_stage(5.0)])))["latency"].charts[
        0
    ]
    assert chart.x.names == ("concurrency=8", "concurrency=16", "rate=5")
    assert chart.bars
    assert [line.x for line in chart.series] == [(0.0, 1.0), (2.0,)]


def test_targets_of_several_results_are_told_apart() -> None:
    two = result([level(8), level(8, target="b")])
    names = [
        line.name for line in sheets(Source("x", two), Source("y", result([level(8)])))["success"].charts[0].series
    ]
    assert names == ["x: local", "x: b", "y"]


def test_single_requests_are_compared_at_one_load() -> None:
    rows = [row(n, stage=f"concurrency={users}") for users in (8, 32, 64) for n in range(20)]
    found = sheets(Source("a", sweep_result((8, 32, 64)), answers(rows)))
    chart = found["latency-by-prompt-length"].charts[0]
    assert chart.samples == "n = 20 answers at concurrency=32"  # the highest one that met its objective
    assert len(chart.dots[0].x) == 20
    assert [line.name for line in chart.series] == ["a, median", "a, p95"]


def test_bars_by_complexity_go_from_simple_to_complex() -> None:
    rows = [
        row(n, stage="concurrency=10", category=f"short/{kind}/math", ttft=ttft, outcome=outcome)
        for kind, ttft in (("complex", 0.3), ("simple", 0.1), ("moderate", 0.2))
        for n, outcome in enumerate(("ok", "ok", "failed", "ok"))
    ]
    charts = sheets(Source("a", result([stage()]), answers(rows)))["complexity"].charts
    assert charts[0].x.names == ("simple", "moderate", "complex")
    assert charts[0].series[0].y == pytest.approx((100.0, 200.0, 300.0))
    assert charts[0].samples == "n = 4 requests a bar at concurrency=10"
    assert charts[3].series[0].y == (75.0, 75.0, 75.0)


def test_requests_without_categories_say_so() -> None:
    found = sheets(Source("a", result([stage()]), answers([row(category="", input_tokens=None)])))
    assert "no category" in (found["category"].missing or "")
    assert found["latency-by-prompt-length"].missing == "nobody counted the tokens of the prompts"
