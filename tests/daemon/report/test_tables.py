"""The printed result, read as a person reads it: at several widths, with what is missing shown as missing."""

import re
from collections.abc import Sequence
from io import StringIO

import msgspec
import pytest
from rich.console import Console

from sample_results import empty_stage, goodput, open_stage, result, stage, statistics, validity
from swelld.analysis.verdict import verdict
from swelld.report.tables import PERCENTILES, ResultReport
from swelld.result import ErrorCount, Finding, Phases, StageResult, Statistics


def shown(
    stages: Sequence[StageResult],
    width: int = 120,
    percentiles: Sequence[float] = PERCENTILES,
    findings: Sequence[Finding] | None = None,
) -> list[str]:
    out = StringIO()
    found = verdict(stages) if findings is None else findings
    Console(file=out, width=width).print(ResultReport(result(stages, found), percentiles))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def row(lines: Sequence[str], name: str) -> list[str]:
    """The cells of the first line that starts with a name."""
    return next(line.removeprefix(name).split() for line in lines if line.startswith(name))


def test_headline_says_what_ran_and_how_it_ended() -> None:
    assert shown([stage()])[0] == "chat  completed in 1m 02s   run 01jd3k8r   seed 7   swelld 0.1.0"


def test_latencies_under_one_unit_with_every_statistic() -> None:
    lines = shown([stage(ttft=statistics(0.05, 0.06, 0.07))])
    heads = next(line.split() for line in lines if line.lstrip().startswith("count"))
    assert heads == ["count", "mean", "std", "min", "p50", "p90", "p95", "p99", "max"]
    cells = row(lines, "TTFT")
    assert cells[:5] == ["ms", "3", "60.00", "10.00", "50.00"]
    assert cells[-1] == "70.00"
    assert row(lines, "E2E")[0] == "ms"
    assert row(lines, "Output")[:3] == ["tok", "100", "128.0"]


def test_the_steady_part_is_named_where_figures_are_made_of_it() -> None:
    phases = Phases(
        asked="steady", used="steady", reached=True, ramp_seconds=4.0, steady_seconds=8.0, drain_seconds=0.5
    )
    (line,) = (line for line in shown([stage(phases=phases)]) if " ok in " in line)
    assert line.startswith("100/100 ok in steady 8.00 s of 12.5 s · ")
    unused = msgspec.structs.replace(phases, asked="all", used="all")
    (line,) = (line for line in shown([stage(phases=unused)]) if " ok in " in line)
    assert line.startswith("100/100 ok in 8.00 s · ")


def test_long_answers_are_in_seconds() -> None:
    assert row(shown([stage(e2e=statistics(11.0, 12.0, 13.0))]), "E2E")[:3] == ["s", "3", "12.00"]


def test_numbers_line_up_at_the_right() -> None:
    lines = shown([open_stage()])
    start = next(place for place, line in enumerate(lines) if line.lstrip().startswith("count"))
    table = lines[start + 2 : start + 13]
    assert {len(line) for line in table} == {len(lines[start])}
    assert table[0].startswith("TTFT") and table[-1].startswith("Output")  # noqa: PT018 - one table, two ends


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("stages", [[stage()], [open_stage()], [empty_stage()], [open_stage(r) for r in (1, 10, 100)]])
def test_nothing_is_wider_than_the_terminal(width: int, stages: list[StageResult]) -> None:
    assert max(len(line) for line in shown(stages, width)) <= width


@pytest.mark.parametrize(
    ("width", "heads"),
    [
        (90, ["count", "mean", "std", "min", "p50", "p90", "p95", "p99", "max"]),
        (70, ["mean", "min", "p50", "p90", "p95", "p99", "max"]),
        (60, ["mean", "p50", "p90", "p95", "p99", "max"]),
    ],
)
def test_least_important_columns_give_way_to_the_width(width: int, heads: list[str]) -> None:
    lines = shown([stage()], width)
    assert heads in [line.split() for line in lines]


def test_what_was_not_measured_is_left_out_or_a_dash_never_zero() -> None:
    lines = shown([empty_stage()])
    assert not any(line.startswith(("TTFT", "ITL", "TPOT", "E2E", "Output")) for line in lines)
    assert row(lines, "0/10 ok")[:2] == ["in", "8.00"]
    assert not any("tok/s" in line for line in lines)
    both = shown([stage(), empty_stage()], 120)
    second = [line.split() for line in both if line.startswith("concurrency=10 ")][-1]
    assert second[0:4] == ["concurrency=10", "0/10", "100.0%", "-"]
    assert set(second[3:]) == {"-"}


def test_one_value_has_no_deviation() -> None:
    cells = row(shown([stage(ttft=statistics(0.05))]), "TTFT")
    assert cells[:4] == ["ms", "1", "50.00", "-"]


def test_goodput_in_the_form_that_scripts_look_for() -> None:
    lines = shown([stage(goodput=goodput(87))])
    place = lines.index("Goodput: 87.0% (87/100)")
    assert lines[place + 1 : place + 4] == [
        "  TTFT <= 500ms: 92/100",
        "  TPOT <= 50ms: 96/100",
        "  asked for: 95.0%, good requests: 10.9/s",
    ]


def test_goodput_without_a_request_is_unknown() -> None:
    assert "Goodput: - (0/0)" in shown([stage(goodput=goodput(0, 0))])


def test_a_long_sample_leaves_the_kind_of_an_error_readable() -> None:
    found = {"protocol": ErrorCount(count=10, outcome="garbled", sample="not HTTP: " + "x" * 300)}
    text = "\n".join(shown([stage(errors=found)], width=80))
    assert re.search(r"^protocol +10 +not HTTP:", text, re.MULTILINE)
    assert text.count("x") >= 300


def test_the_line_of_sums_is_broken_between_its_parts() -> None:
    lines = shown([stage()], width=60)
    (first,) = (number for number, line in enumerate(lines) if " ok in " in line)
    assert "in flight" not in lines[first]
    assert lines[first + 1].endswith("in flight")


def test_errors_by_kind_with_a_harmless_sample() -> None:
    lines = shown([open_stage()])
    assert row(lines, "http_503") == ["throttled", "2", "2.0%", '{"error":', '"overloaded', "[try", "later]", '[31m"}']
    assert row(lines, "connect") == ["unreachable", "1", "1.0%", "-"]
    assert not any("\x1b" in line for line in lines)


def test_open_loop_shows_lag_and_corrected_latencies() -> None:
    lines = shown([open_stage()])
    assert row(lines, "Lag")[0] == "ms"
    assert row(lines, "E2E from due")[0] == "s"
    assert not any(line.startswith(("Lag", "E2E from due")) for line in shown([stage()]))


def test_answer_tokens_are_shown_apart_where_a_model_reasons() -> None:
    assert row(shown([open_stage()]), "TTFO")[0] == "ms"
    assert not any(line.startswith("TTFO") for line in shown([stage()]))


def test_percentiles_are_the_users_choice() -> None:
    ttft = msgspec.structs.replace(statistics(0.05, 0.06, 0.07), quantiles={"p75": 0.0655, "p99.5": 0.0699})
    lines = shown([stage(ttft=ttft)], percentiles=(99.9, 75, 50, 99.5))
    heads = next(line.split() for line in lines if line.lstrip().startswith("count"))
    assert heads[4:-1] == ["p50", "p75", "p99.5", "p99.9"]
    cells = row(lines, "TTFT")
    assert cells[6:8] == ["65.50", "69.90"]
    assert row(lines, "E2E")[6:8] == ["-", "-"]


def test_percentile_by_its_number() -> None:
    figures = Statistics(count=9, p50=1.0, p999=3.0, quantiles={"p75": 2.0})
    assert [figures.percentile(p) for p in (50, 50.0, 75, 99.9, 90, 42)] == [1.0, 1.0, 2.0, 3.0, None, None]
    assert Statistics(count=0).percentile(75) is None


def test_overview_compares_stages_and_targets() -> None:
    stages = [
        stage(stage=f"concurrency={users}", target=target, ttft=statistics(users / 100))
        for users in (1, 10)
        for target in ("vllm", "llamacpp")
    ]
    lines = shown(stages)
    place = next(place for place, line in enumerate(lines) if line.startswith("Overview"))
    assert lines[place + 2].split()[:2] == ["stage", "target"]
    cells = [line.split() for line in lines[place + 4 : place + 8]]
    assert [[*found[:2], found[3]] for found in cells] == [
        ["concurrency=1", "vllm", "0.0%"],
        ["concurrency=1", "llamacpp", "0.0%"],
        ["concurrency=10", "vllm", "0.0%"],
        ["concurrency=10", "llamacpp", "0.0%"],
    ]
    assert [found[6] for found in cells] == ["10.0", "10.0", "100.0", "100.0"]


def test_single_stage_needs_no_overview() -> None:
    assert not any(line.startswith("Overview") for line in shown([stage()]))


def test_stage_that_is_not_valid_says_so_before_its_figures() -> None:
    lines = shown([stage(validity=validity(valid=False, reasons=["event loop lag p99 84 ms"]))])
    assert lines[3] == "Not valid: event loop lag p99 84 ms"


def test_analysis_gives_reasons_and_a_sum() -> None:
    lines = shown([open_stage()])
    assert (
        "WARNING  Error rate  3.1% of requests (3 of 98) failed; under 1% is what retries hide, from 5% users notice"
        in (lines)
    )
    assert lines[-1] == "Verdict: FAIL (2 failed, 6 warned, 3 passed)"
    assert shown([stage()])[-1] == "Verdict: PASS (8 passed)"


def test_findings_of_many_stages_are_folded() -> None:
    stages = [stage(stage="rate=1"), open_stage(5), open_stage(10)]
    lines = shown(stages)
    place = next(place for place, line in enumerate(lines) if line.startswith("WARNING  Error rate"))
    assert [line.strip() for line in lines[place : place + 4]] == [
        "WARNING  Error rate  rate=5: 3.1% of requests (3 of 98) failed",
        "rate=10: 3.1% of requests (3 of 98) failed",
        "under 1% is what retries hide, from 5% users notice",
        "PASS     Error rate  rate=1: none of 100 requests failed",
    ]
    assert "PASS     Validity    in all 3 measurements" in lines


def test_run_that_measured_nothing_still_reports() -> None:
    lines = shown([])
    assert lines[-1] == "Verdict: FAIL (1 failed)"
