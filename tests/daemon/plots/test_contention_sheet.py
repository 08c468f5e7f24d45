"""What targets lose to each other, and how turns of sessions differ, as pictures: every figure at its place."""

import re
from collections.abc import Sequence

import msgspec
import pytest

from contended import contended_result, session_stage, turn
from sample_results import NOTHING, result, stage
from swelld.plots.answers import answers
from swelld.plots.chart import Axis, Chart, Series
from swelld.plots.comparison import Source, comparison_sheets
from swelld.plots.contention import contention_charts, contention_sheets
from swelld.plots.drawing import draw
from swelld.plots.saturation import saturation_sheets
from swelld.plots.svg import chart_svg, legend
from swelld.plots.turns import turn_charts, turn_sheets
from swelld.result import Sessions
from swept import row


def lines(chart: Chart) -> dict[str, tuple[float | None, ...]]:
    return {series.name: series.y for series in chart.series}


def test_a_pair_of_charts_for_each_figure() -> None:
    charts = contention_charts(contended_result())
    assert [chart.title for chart in charts] == [
        "Time to first token (TTFT), median", "TTFT p50: the loss",
        "Time per output token (TPOT), median", "TPOT p50: the loss", "Output tokens", "tokens/s: the loss",
    ]  # fmt: skip
    assert [chart.unit for chart in charts[:2]] == ["ms", "% longer, with 95% interval"]
    assert {chart.samples for chart in charts} == {"n = 100 answers a value"}
    tokens = lines(charts[4])
    assert list(tokens) == ["a alone", "a together", "b alone", "b together"]
    assert (tokens["a alone"], tokens["a together"]) == ((2000.0,), (1000.0,))
    assert [series.dashed for series in charts[4].series] == [True, False, True, False]


def test_losses_have_their_intervals() -> None:
    found = contended_result((4, 8), a=2.0, b=0.9)
    ttft = contention_charts(found)[1]
    assert lines(ttft)["a"] == pytest.approx((100.0, 100.0), abs=0.1)
    assert lines(ttft)["b"] == pytest.approx((-10.0, -10.0), abs=0.1)
    assert found.contention is not None
    figure = found.contention[0].figures["ttft.p50"]
    assert figure.low is not None
    assert figure.high is not None
    assert ttft.series[0].spans[0] == (100 * figure.low, 100 * figure.high)
    assert ttft.lowest < -10.0
    assert not ttft.logarithmic
    left, right = ttft.series[0].x[0], ttft.series[1].x[0]
    assert left < 4.0 < right  # beside each other, lest one interval hides the other


def test_answers_without_token_times_show_what_there_is() -> None:
    found = contended_result()
    stages = [msgspec.structs.replace(one, ttft=NOTHING, tpot=NOTHING) for one in found.stages]
    kept = [
        msgspec.structs.replace(
            one, figures={name: f for name, f in one.figures.items() if name[:4] not in ("ttft", "tpot")}
        )
        for one in found.contention or []
    ]
    charts = contention_charts(msgspec.structs.replace(found, stages=stages, contention=kept))
    titles = [chart.title for chart in charts[::2]]
    assert titles == ["Output tokens", "Whole answer (E2E), median", "Whole answer (E2E), p95"]


def test_the_sheet_has_all_losses_and_the_words_of_the_verdict() -> None:
    (sheet,) = contention_sheets(contended_result(), "before")
    assert (sheet.name, sheet.title) == ("contention-before", "What the targets lose to each other")
    assert "n = 400 requests" in sheet.subtitle
    head, first, second = sheet.table
    assert head[:5] == ("lost", "target", "TTFT p50", "TPOT p50", "tokens/s")
    assert first[:5] == ("concurrency=4", "a", "+100.0%", "+100.0%", "+50.0%")
    assert second[:3] == ("concurrency=4", "b", "-5.0%")
    assert sheet.remarks[0].startswith("concurrency=4 a: beside the others TTFT p50 51.8 ms -> 104 ms (+100.0%)")


def test_no_loss_is_said() -> None:
    (sheet,) = contention_sheets(contended_result(a=1.0, b=1.0), "")
    assert sheet.remarks[0] == "No target lost anything that matters for sure."


def test_of_many_findings_the_first_are_told() -> None:
    (sheet,) = contention_sheets(contended_result(range(1, 6), a=2.0, b=2.0), "")
    assert "4 more such findings are in the verdict." in sheet.remarks


def test_a_run_without_contention_or_sessions_has_no_such_sheet() -> None:
    assert contention_sheets(result(), "") == []
    assert turn_sheets(result(), "") == []


@pytest.mark.parametrize("levels", [(4,), (1, 4, 16, 64)])
def test_both_kinds_are_drawn(levels: Sequence[int]) -> None:
    (sheet,) = contention_sheets(contended_result(levels), "")
    assert draw(sheet) == draw(sheet)
    assert b"</svg>" in draw(sheet, "svg")


def test_what_a_target_did_alone_is_no_level() -> None:
    found = contended_result((4, 8))
    sheets = saturation_sheets(found, "")
    assert [sheet.name for sheet in sheets] == ["saturation-a", "saturation-b"]
    assert [line[0] for line in sheets[0].table[1:]] == ["concurrency=4", "concurrency=8"]
    assert sheets[0].charts[0].x.names == ("4", "8")
    rows = [row(n, stage=one.stage, target=one.target) for one in found.stages for n in range(10)]
    compared = {sheet.name: sheet for sheet in comparison_sheets([Source("", found, answers(rows))])}
    assert compared["ttft"].charts[0].x.names == ("4", "8")
    assert compared["complexity"].charts[0].samples == "n = 20 requests a bar"  # of two levels, not of four stages
    assert "4 measurements; n = 400 requests" in compared["ttft"].subtitle


def test_the_page_draws_spans_and_bars_below_zero() -> None:
    axis = Axis("", (0.0,), ("x",))
    series = (Series("a", (0.0,), (10.0,), 0, True, ((5.0, 20.0),)), Series("b", (0.0,), (-4.0,), 1))
    chart = Chart("T", "%", axis, series)
    drawn = chart_svg(chart)
    assert drawn.count('class="span ink"') == 3
    assert 'class="c0 hollow"' in drawn
    tops = [float(y) for y in re.findall(r'<rect x="[\d.]+" y="([\d.]+)"', drawn)]
    heights = [float(height) for height in re.findall(r'height="([\d.]+)"', drawn)]
    assert tops[0] + heights[0] == pytest.approx(tops[1], abs=0.02)  # one stands on the line that the other hangs from
    assert "a (hollow)" in legend(chart)


def test_turns_over_their_number() -> None:
    ttft, tail, tokens, cached = turn_charts(result([session_stage()]))
    assert (ttft.x.names, ttft.unit, ttft.samples) == (("1", "2", "3"), "ms", "n = 7 to 10 answers a point")
    (line,) = lines(tokens).values()
    assert line == (100.0, 200.0, 300.0)
    assert lines(cached) == {"concurrency=10": (50.0, 50.0, 50.0)}
    assert [len(chart.series) for chart in (ttft, tail)] == [1, 1]


def test_turns_of_several_targets_and_a_server_that_does_not_tell() -> None:
    sessions = Sessions(begun=3, completed=3, failed=0, cut=0, turns=[turn(16, 3, cached_tokens=None)])
    stages = [session_stage(sessions=sessions, target=name) for name in ("a", "b")]
    (sheet,) = turn_sheets(result([*stages, stage()]), "")
    assert "n = 6 sessions" in sheet.subtitle
    assert list(lines(sheet.charts[0])) == ["concurrency=10 a", "concurrency=10 b"]
    assert sheet.charts[0].x.names == ("16+",)
    assert sheet.charts[3].note == "the server does not tell"
    assert draw(sheet).startswith(b"\x89PNG")
