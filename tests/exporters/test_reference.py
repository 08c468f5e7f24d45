"""docs/metrics.md is what the catalogue says."""

from pathlib import Path

from swelld_exporters.names import CATALOGUE
from swelld_exporters.reference import metrics_reference

PAGE = Path(__file__).parents[2] / "docs/metrics.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == metrics_reference(), "docs/metrics.md is stale: run `make gen`"


def test_every_metric_has_its_row() -> None:
    rows = [line.split(" | ") for line in metrics_reference().splitlines() if line.startswith("| `swelld_")]
    assert [row[0].strip("| `") for row in rows] == [metric.name for metric in CATALOGUE]
    ttft = next(row for row in rows if row[0] == "| `swelld_time_to_first_token_seconds`")
    assert ttft[1:4] == ["histogram", "seconds", "`scenario` `target` `model` `stage`"]
    assert ttft[-1] == "A |"
    assert {len(row) for row in rows} == {6}, "a bar in a text would break the table"


def test_bounds_are_written_in_full() -> None:
    table = metrics_reference().splitlines()
    assert "| L | 0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 |" in table
    assert "| K | 1 2 5 10 20 50 100 200 500 1000 2000 5000 10000 20000 50000 100000 200000 |" in table
