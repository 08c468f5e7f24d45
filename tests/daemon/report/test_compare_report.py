"""Runs side by side as people and programs see them."""

import csv
import io

import msgspec
from rich.console import Console

from sample_results import goodput, result, spread, stage
from swelld.analysis.compare import Comparison, compare
from swelld.analysis.contention import contended
from swelld.report.compare import ComparisonReport
from swelld.report.compared import as_csv, as_markdown
from swelld.report.tables import ResultReport
from swelld.result import Result, StageResult, StandardError


def precise(ttft: float, good: int = 99, **changes: object) -> StageResult:
    made = stage(ttft=spread(ttft), goodput=goodput(good), **changes)
    assert made.ttft.p50 is not None
    known = {"ttft.p50": StandardError(0.01 * made.ttft.p50, 11), "goodput": StandardError(0.01, 11)}
    return msgspec.structs.replace(made, precision=known)


def two(name: str = "new | *bold*") -> Comparison:
    base, new = result([precise(0.1)]), result([precise(0.15, good=98)])
    return compare([base, new], names=["old", name])


def shown(what: object, width: int = 120) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_figure_change_and_interval() -> None:
    lines = shown(ComparisonReport(two("new"))).splitlines()
    assert lines[0].startswith("base   old   chat, 2026-11-14T10:20:30+00:00, run 01jd3k8r")
    row = next(line for line in lines if line.startswith("TTFT p50"))
    assert row.split() == ["TTFT", "p50", "99.7", "ms", "149", "ms", "+49.7%", "+45.3%", "..", "+54.2%", "worse"]
    assert next(line for line in lines if line.startswith("goodput")).split()[1:4] == ["99.0%", "98.0%", "-1.0"]
    assert next(line for line in lines if line.startswith("FAIL")).split()[1:6] == [
        "ttft.p50",
        "99.7",
        "ms",
        "->",
        "149",
    ]
    assert lines[-1] == "Verdict: regression (1 of 9 thresholds exceeded, 2 unclear)"


def test_a_narrow_terminal_drops_intervals_not_changes() -> None:
    text = shown(ComparisonReport(two("new")), width=50)
    assert "+49.7%" in text
    assert "+45.3%" not in text


def test_markdown_is_a_table_that_names_cannot_break() -> None:
    lines = as_markdown(two()).splitlines()
    assert lines[0] == "### Regression: new &#124; &#42;bold&#42; beside old"
    head = next(n for n, line in enumerate(lines) if line.startswith("|  | old |"))
    assert {line.count("|") for line in lines[head:]} == {7}
    assert "| TTFT p50 | 99.7 ms | 149 ms | **+49.7%** | +45.3% .. +54.2% | worse |" in lines
    assert "| goodput | 99.0% | 98.0% | -1.0 pp | -3.9 pp .. +1.9 pp | unsure |" in lines


def test_csv_has_a_row_for_each_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(two("=1+1")))))
    found = {row["figure"]: row for row in rows}
    assert len(rows) == len(found) == 24
    assert found["ttft.p50"]["series"] == "'=1+1"
    assert float(found["goodput"]["change"]) == -0.010000000000000009
    assert (found["ttft.p50"]["direction"], found["ttft.p99"]["low"]) == ("worse", "")


def test_three_runs_stand_side_by_side() -> None:
    runs: list[Result] = [result([precise(t)]) for t in (0.1, 0.15, 0.08)]
    lines = shown(ComparisonReport(compare(runs, names=["a", "b", "c"])), width=160).splitlines()
    row = next(line for line in lines if line.startswith("TTFT p50")).split()
    assert (row[6], row[14]) == ("+49.7%", "-22.4%")
    assert next(line for line in lines if line.startswith("FAIL")).split()[1] == "b:"


def test_contention_stands_in_the_report_of_a_run() -> None:
    alone, together = precise(0.1, stage="rate=5 solo=local", solo_of="rate=5"), precise(0.15, stage="rate=5")
    lines = shown(ResultReport(contended(result([alone, together])))).splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("Contention ──"))
    assert lines[place + 1].split() == ["target", "alone", "together", "loss", "95%", "interval"]
    assert lines[place + 3].split() == [
        "local",
        "TTFT",
        "p50",
        "99.7",
        "ms",
        "149",
        "ms",
        "+49.7%",
        "+45.3%",
        "..",
        "+54.2%",
    ]
    assert any(line.split()[:3] == ["WARNING", "Contention", "loss"] for line in lines)
