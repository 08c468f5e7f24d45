"""What the rules are made of: factors from data, names, and a checker that finds what is wrong."""

import json
import re
from pathlib import Path

import pytest

from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.check import problems
from swelld_grafana.rules.durations import duration
from swelld_grafana.rules.model import LEVELS, Alert, Group, Record, alerts, records
from swelld_grafana.rules.options import Burn, Options

GROUPS = all_groups(Options())
BOARDS = Path(__file__).parents[3] / "grafana/out/dashboards"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")


def rule(expr: str, name: str = "slo:a:b") -> tuple[Group, ...]:
    return (Group("g", 60.0, (Record(name, expr),)),)


def test_the_factors_are_those_of_the_workbook() -> None:
    options = Options()
    assert [burn.factor(options.period) for burn in options.burns] == pytest.approx([14.4, 6.0, 3.0, 1.0])


def test_another_period_has_other_factors() -> None:
    assert Burn("page", 0.02, 3600.0, 300.0, 0.0).factor(7 * 86400.0) == pytest.approx(3.36)


@pytest.mark.parametrize(
    ("seconds", "text"), [(300, "5m"), (5400, "90m"), (7200, "2h"), (2592000, "30d"), (15, "15s"), (0.25, "250ms")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_ratios_are_recorded_over_every_window() -> None:
    names = {record.name for record in records(GROUPS)}
    assert {f"slo:swelld_slo_bad_events:ratio_rate{window}" for window in WINDOWS} <= names


def test_long_windows_are_added_up_from_short_ones() -> None:
    by_name = {record.name: record.expr for record in records(GROUPS)}
    assert by_name["slo:swelld_slo_events:increase6h"].endswith("(increase(swelld_slo_events_total[6h]))")
    assert by_name["slo:swelld_slo_events:increase30d"] == "sum_over_time(slo:swelld_slo_events:increase5m[30d]) * 0.2"


def test_names_say_level_metric_and_operation() -> None:
    for record in records(GROUPS):
        level, metric, operation = record.name.split(":")
        assert level in LEVELS
        assert metric.startswith("swelld_")
        assert operation
        assert f"by ({', '.join(LEVELS[level])})" in record.expr or ":" in record.expr


def test_no_rule_is_there_twice() -> None:
    recorded = [record.name for record in records(GROUPS)]
    named = [(alert.name, *alert.labels.values()) for alert in alerts(GROUPS)]
    assert len(set(recorded)) == len(recorded)
    assert len(set(named)) == len(named)
    assert len({group.name for group in GROUPS}) == len(GROUPS)


def test_alerts_are_told_in_words() -> None:
    for alert in alerts(GROUPS):
        assert re.fullmatch(r"Swelld[A-Z]\w+", alert.name)
        assert "{{" not in alert.summary
        assert alert.summary.endswith((".", "?"))
        assert alert.description.endswith(".")


def test_labels_in_descriptions_are_those_of_the_alert() -> None:
    """Where the expression groups, what is not grouped by is gone."""
    for alert in alerts(GROUPS):
        used = set(re.findall(r"\$labels\.(\w+)", alert.description))
        grouped = re.match(r"\(?\s*(?:histogram_quantile\([\d.]+, )?sum by \(([^)]*)\)", alert.expr)
        if grouped:
            assert used <= set(grouped[1].split(", ")), alert.name


def test_every_alert_leads_to_a_dashboard_with_the_variables_that_it_sets() -> None:
    for alert in alerts(GROUPS):
        board = json.loads((BOARDS / f"swelld-{alert.dashboard}.json").read_text())
        assert board["uid"] == f"swelld-{alert.dashboard}"
        named = {variable["name"] for variable in board["templating"]["list"]}
        assert {"scenario", "target", "model", "stage"} <= named


def test_everything_that_is_shipped_is_sound() -> None:
    assert problems(GROUPS) == []


@pytest.mark.parametrize(
    ("expr", "problem"),
    [
        ("sum by (slo) (", "does not parse"),
        ("swelld_requests_totl", "swelld_requests_totl is neither in the catalogue nor recorded"),
        ('rate(swelld_requests_total{outcom="ok"}[5m])', "swelld_requests_total has no label outcom"),
        ("sum by (gpu) (swelld_target_up)", "groups by gpu, which"),
        ("swelld_target_up and on (gpu) swelld_target_up", "groups by gpu, which"),
        ("rate(swelld_time_to_first_token_seconds_buckets[5m])", "is neither in the catalogue nor recorded"),
        ('swelld_time_to_first_token_seconds_sum{le="1"}', "swelld_time_to_first_token_seconds_sum has no label le"),
        ('{job="x"}', "a selector without a name is neither"),
        ("max by (scenario, target, model) (swelld_slo_objective_ratio)", None),
        ("up", "its level promises labels that it cannot have: ['model', 'scenario', 'slo', 'target']"),
    ],
)
def test_the_checker_finds_it(expr: str, problem: str | None) -> None:
    found = problems(rule(expr))
    assert [p for p in found if problem and problem in p] or (problem is None and found == [])
    assert all(p.startswith("g: slo:a:b: ") for p in found)


def test_a_recorded_series_may_be_used() -> None:
    record = Record("target:swelld_x:y", "sum by (job, scenario, target, model) (swelld_requests_in_flight)")
    alert = Alert("A", "page", 'target:swelld_x:y{target="a",stage="b"} > 1', "s", "d", "slo")
    assert problems((Group("g", 60.0, (record, alert)),)) == ["g: A: target:swelld_x:y has no label stage"]
