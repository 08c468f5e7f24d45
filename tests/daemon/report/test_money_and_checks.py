"""Checks and cost as they are printed and judged."""

from io import StringIO

import pytest
from rich.console import Console

from sample_results import result, stage
from swelld.analysis.verdict import verdict
from swelld.report.tables import ResultReport
from swelld.result import ChecksFound, Cost, StageResult


def line(found: StageResult, name: str) -> str:
    """The only line that begins so."""
    out = StringIO()
    Console(file=out, width=120).print(ResultReport(result([found])))
    (printed,) = [text.rstrip() for text in out.getvalue().splitlines() if text.startswith(name)]
    return printed


def checks(checked: int, **failures: int) -> StageResult:
    return stage(checks=ChecksFound(checked=checked, failures=failures))


@pytest.mark.parametrize(
    ("found", "printed"),
    [
        (checks(1200, json=0, regex=0), "Checks: 0 of 1,200 answers failed"),
        (checks(1200, json=1, regex=30, non_empty=0), "Checks: 31 of 1,200 answers failed: json 1, regex 30"),
        (checks(0, json=0), "Checks: 0 of 0 answers failed"),
    ],
)
def test_checks_are_printed(found: StageResult, printed: str) -> None:
    assert line(found, "Checks") == printed


@pytest.mark.parametrize(
    ("amount", "per_request", "per_output", "printed"),
    [
        (1234.5, 12.0, 3.456, "Cost: 1,234.50 EUR · 12.00 per 1,000 requests · 3.46 per 1M output tokens"),
        (0.0123456, 0.12345, None, "Cost: 0.0123 EUR · 0.123 per 1,000 requests"),
        (0.0, None, None, "Cost: 0.00 EUR"),
    ],
)
def test_the_cost_is_printed(amount: float, per_request: float | None, per_output: float | None, printed: str) -> None:
    cost = Cost(amount=amount, currency="EUR", per_1000_requests=per_request, per_million_output_tokens=per_output)
    assert line(stage(cost=cost), "Cost") == printed


@pytest.mark.parametrize(
    ("found", "level", "text"),
    [
        (checks(200, json=0), "PASS", "none of 200 answers failed a check"),
        (checks(200, json=1, regex=0), "WARNING", "0.5% of answers (1 of 200) failed a check (json: 1)"),
        (checks(200, json=4, regex=5), "WARNING", "4.5% of answers (9 of 200) failed a check (json: 4, regex: 5)"),
        (checks(200, json=10), "FAIL", "5.0% of answers (10 of 200) failed a check (json: 10)"),
    ],
)
def test_checks_are_judged(found: StageResult, level: str, text: str) -> None:
    (finding,) = [one for one in verdict([found]) if one.subject == "checks"]
    assert (finding.level, finding.text) == (level, text)
    assert (finding.reason is None) == (level == "PASS")


@pytest.mark.parametrize("found", [checks(0, json=0), stage()])
def test_where_nothing_was_looked_at_nothing_is_judged(found: StageResult) -> None:
    assert [one for one in verdict([found]) if one.subject == "checks"] == []
