"""The check of the dashboards' queries: what it lets through, and what it finds."""

from dataclasses import replace

import pytest

from swelld_exporters.names import REQUESTS, TTFT
from swelld_grafana.dashboards import promql
from swelld_grafana.dashboards.catalogue import all_dashboards
from swelld_grafana.dashboards.check import expression_problems, filled, problems, variables_in
from swelld_grafana.dashboards.model import Dashboard, Panel, Query, Row, Sql

CHOSEN = 'scenario=~"$scenario",target=~"$target",model=~"$model",stage=~"$stage",stage!="warmup"'


def board(panel: Panel) -> Dashboard:
    return replace(all_dashboards()[0], rows=(Row("one", (panel,)),), annotations=())


def test_the_dashboards_are_sound() -> None:
    assert problems(all_dashboards()) == []


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ("sum (swelld_request_total)", "swelld_request_total is not in the catalogue"),
        ("swelld_requests_total_bucket", "swelld_requests_total_bucket is not in the catalogue"),
        ('swelld_target_up{scenario="a"}', "swelld_target_up has no label scenario"),
        ('swelld_time_to_first_token_seconds_sum{le="1"}', "swelld_time_to_first_token_seconds_sum has no label le"),
        ("sum by (outcomes) (swelld_requests_total)", "outcomes is a label of no metric in"),
        ("stage:swelld_output_tokens:median2h", "stage:swelld_output_tokens:median2h is not in the catalogue"),
        ('ALERTS{alertname="a",run_id="b"}', "ALERTS has no label run_id"),
        ("swelld_target_up * on (uuid) swelld_target_up", "uuid is a label of no metric in"),
        ("swelld_target_up * on (target) group_left (gpu) swelld_target_up", "gpu is a label of no metric in"),
        ("sum (swelld_target_up", "does not parse"),
        ("rate(swelld_requests_total[5m])", "has a rate over a fixed time; use $__rate_interval"),
    ],
)
def test_what_is_wrong_is_found(expr: str, said: str) -> None:
    (problem,) = expression_problems(expr)
    assert said in problem


@pytest.mark.parametrize(
    "expr",
    [
        "sum by (target, instance) (rate(swelld_requests_total[$__rate_interval]))",
        'sum by (le) (rate(swelld_time_to_first_token_seconds_bucket{job="a"}[$__rate_interval]))',
        "sum by ($by) (swelld_requests_in_flight)",
        "increase(swelld_slo_events_total[3d])",
        "process_open_fds",
        'stage:swelld_output_tokens:median1h{stage=~"$stage"} / stage:swelld_output_tokens:median1h_baseline',
        'max by (alertname, stage) (ALERTS{alertstate="firing"})',
        "ceil ($peak * (100 + $headroom) / 100 / swelld_last_run_capacity)",
    ],
)
def test_what_is_right_is_let_through(expr: str) -> None:
    assert expression_problems(expr) == []


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        (Panel(kind="stat", title="one", about=" "), "swelld-overview: one: it has no description"),
        (
            Panel(kind="stat", title="one", about="x", unit="", queries=(Query(expr="process_open_fds"),)),
            "swelld-overview: one: it has no unit",
        ),
        (
            Panel(kind="stat", title="one", about="x", queries=(Query(expr='swelld_target_up{target="$where"}'),)),
            "swelld-overview: one: there is no variable where",
        ),
        (
            Panel(kind="stat", title="one", about="x", queries=(Sql(sql="SELECT 1"),)),
            "swelld-overview: one: SELECT 1 reads none of the views run_history, run_figures",
        ),
    ],
)
def test_panels_are_checked(panel: Panel, said: str) -> None:
    assert problems((board(panel),))[0] == said


def test_variables_of_a_dashboard_are_checked() -> None:
    sound = all_dashboards()[0]
    wrong = sound.variables[1] | {"definition": 'label_values(swelld_target_up{target="$nowhere"}, gpu)'}
    said = problems((replace(sound, variables=(*sound.variables, wrong | {"name": "new"})),))
    assert said[0] == "swelld-overview: variable new: there is no variable nowhere"
    assert said[1].startswith("swelld-overview: variable new: gpu is a label of no metric")


def test_variables_are_filled_in_as_grafana_does() -> None:
    text = 'a{b=~"$scenario",c="${target:queryparam}"}[$__range] ${__data.fields.Run}'
    assert filled(text, {"__range": "1h", "target": "here"}).startswith('a{b=~".*",c="here"}[1h]')
    assert variables_in(text) == {"scenario", "target"}


def test_expressions_made_from_the_catalogue() -> None:
    assert promql.series(REQUESTS, 'outcome="ok"') == f'swelld_requests_total{{{CHOSEN},outcome="ok"}}'
    assert (
        promql.rate(REQUESTS, by=("outcome",))
        == f"sum by (outcome) (rate(swelld_requests_total{{{CHOSEN}}}[$__rate_interval]))"
    )
    assert promql.quantile(0.9, TTFT, over="$__range") == (
        f"histogram_quantile(0.9, sum (rate(swelld_time_to_first_token_seconds{{{CHOSEN}}}[$__range]))) or "
        f"histogram_quantile(0.9, sum by (le) (rate(swelld_time_to_first_token_seconds_bucket{{{CHOSEN}}}[$__range])))"
    )
    assert promql.ratio("a", "b") == "(a) / ((b) > 0)"
