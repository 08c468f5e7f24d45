"""Pictures over load show levels, and nothing else that a run has measured."""

from sample_results import result, stage
from swelld.plots.answers import answers
from swelld.plots.comparison import Source, comparison_sheets
from swelld.plots.saturation import saturation_sheets
from swept import row

LABELS = ("concurrency=1", "concurrency=64", "rate=5", "rate=10")


def test_the_probes_of_a_sweep_of_rates_are_no_points() -> None:
    (sheet,) = saturation_sheets(result([stage(stage=label) for label in LABELS]), "run")
    assert [line[0] for line in sheet.table[1:]] == ["rate=5", "rate=10"]
    for chart in sheet.charts:
        assert all(len(series.x) == 2 for series in chart.series)
    assert "offered load (requests/s)" in sheet.charts[0].x.title


def test_answers_to_probes_are_not_compared() -> None:
    made = result([stage(stage=label) for label in LABELS])
    rows = [row(number, stage=label) for number, label in enumerate(LABELS * 5)]
    sheets = {sheet.name: sheet for sheet in comparison_sheets([Source("one", made, answers(rows))])}
    assert sheets["category"].charts[0].samples == "n = 10 requests"  # of 20, half were of the probes
