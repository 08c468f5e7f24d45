"""What the dashboards compute by themselves in PromQL: it is what `swelld recommend` and `swelld compare` say."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

import sample_results
from prometheus_server import program
from swelld.analysis.compare import compare as compared
from swelld.analysis.recommendation import Wish, recommend
from swelld.analysis.thresholds import defaults
from swelld.result import Result, Saturation, SearchLevel, SearchResult, StageResult, StandardError, Why
from swelld_exporters.names import CATALOGUE
from swelld_exporters.prometheus.registry import Registry
from swelld_exporters.prometheus.runs import LatestRuns
from swelld_grafana.dashboards.capacity import capacity
from swelld_grafana.dashboards.check import filled
from swelld_grafana.dashboards.compare import compare
from swelld_grafana.dashboards.model import Dashboard, Query
from swelld_grafana.dashboards.regression import ALERTS
from swelld_grafana.rules.catalogue import all_groups
from swelld_grafana.rules.model import alerts
from swelld_grafana.rules.options import Options

LABELS: Final = {metric.name: metric.labels for metric in CATALOGUE}
WORDS: Final = {"better": -1, "same": 0, "unsure": 0, "worse": 1, "regression": 2}


def exposed(*results: Result) -> list[dict[str, str]]:
    """The gauges of some runs as series that never change."""
    registry = Registry()
    latest = LatestRuns(registry)
    for result in results:
        latest.add(result)
    found = []
    for family in registry.families():
        for labels, series in registry.gauge(family.metric).series.items() if family.metric.type == "gauge" else ():
            pairs = zip(LABELS[family.metric.name], labels, strict=True)
            text = ",".join(f'{name}="{value}"' for name, value in pairs)
            found.append({"series": f"{family.metric.name}{{{text}}}", "values": f"{series.value.value!r}x3"})
    return found


def check(folder: Path, given: list[dict[str, str]], wanted: Mapping[str, list[tuple[str, float]]]) -> None:
    """Every expression has just these series and values."""
    tests = [
        {
            "expr": expr,
            "eval_time": "1m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in samples],
        }
        for expr, samples in wanted.items()
    ]
    case: dict[str, Any] = {"interval": "1m", "input_series": given, "promql_expr_test": tests}
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}, width=10_000))
    command = [program("promtool"), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def queries(board: Dashboard, title: str, variables: Mapping[str, str]) -> list[str]:
    (panel,) = [panel for panel in board.panels() if panel.title == title]
    return [filled(query.expr, variables) for query in panel.queries if isinstance(query, Query)]


def level(users: float, accepted: bool) -> SearchLevel:
    return SearchLevel(
        level=users, stage=f"concurrency={users:g}", accepted=accepted, sure=True, good=490 if accepted else 100,
        total=500, low=0.9, high=0.99, seconds=9.0, cut_short=False, reason="98 % were good",
    )  # fmt: skip


def searched(carried: float | None, sure: float | None, missed: float | None, ended: Why = "precise") -> Result:
    levels = [level(users, True) for users in {sure, carried} if users is not None]
    found = SearchResult(
        kind="concurrency", share=0.95, confidence=0.95, precision=0.05, capacity=carried, low=sure, high=missed,
        request_rate=None, limit=None, ended=ended, lines=[],
        levels=[*levels, *([level(missed, False)] if missed else [])],
        saturation=Saturation(bend=None, best=None, best_rate=None, errors_begin=None),
    )  # fmt: skip
    return msgspec.structs.replace(sample_results.result(), search=found)


@pytest.mark.parametrize(
    ("result", "peak", "headroom"),
    [
        pytest.param(searched(80, 80, 84), 500, 20, id="by hand"),
        pytest.param(searched(55, 50, 60), 500, 10, id="just ten of 55"),
        pytest.param(searched(80, 40, 160), 500, 20, id="not certain"),
        pytest.param(searched(600, 600, None, "max"), 500, 20, id="one is enough"),
        pytest.param(searched(599, 599, None, "max"), 500, 20, id="not known"),
        pytest.param(searched(600, 600, 900, "time"), 500, 20, id="out of time"),
        pytest.param(searched(80, None, 84), 500, 20, id="too few requests"),
        pytest.param(searched(1, 1, 2), 7, 0, id="one user each"),
    ],
)
def test_replicas_are_those_of_the_command(result: Result, peak: int, headroom: int, tmp_path: Path) -> None:
    told = recommend(result, Wish(peak=peak, headroom=headroom / 100))
    values = {"peak": str(peak), "headroom": str(headroom)}
    labels = f'{{scenario="{result.run.scenario}",run_id="{result.run.id}",kind="concurrency"}}'
    wanted: dict[str, list[tuple[str, float]]] = {}
    (replicas,) = queries(capacity(), "Replicas for the peak", values)
    (least,) = queries(capacity(), "At least", values)
    (most,) = queries(capacity(), "At most", values)
    (use,) = queries(capacity(), "Use of each at the peak", values)
    wanted[f"sum by (scenario, run_id, kind) ({replicas})"] = []
    wanted[f"sum by (scenario, run_id, kind) ({use})"] = []
    if told.replicas is not None and told.capacity is not None:
        wanted[f"sum by (scenario, run_id, kind) ({replicas})"] = [(labels, told.replicas.value)]
        share = peak / (told.replicas.value * told.capacity.value)
        wanted[f"sum by (scenario, run_id, kind) ({use})"] = [(labels, share)]
        for expr, value in ((least, told.replicas.low), (most, told.replicas.high)):
            wanted[f"sum by (scenario, run_id, kind) ({expr})"] = [] if value is None else [(labels, value)]
    check(tmp_path, exposed(result), wanted)


def stage(factor: float, error: float, **changes: Any) -> StageResult:
    """One whose times are `factor` times as long, all of them as precise as each other."""
    made = sample_results.open_stage(
        ttft=sample_results.spread(0.4 * factor, 95), e2e=sample_results.spread(14.2 * factor, 95), **changes
    )
    times = {name: getattr(made, name.split(".")[0]).p95 for name in ("ttft.p95", "itl.p95", "e2e.p95")}
    rates = {"request_rate": made.request_rate, "output_token_rate": made.output_token_rate}
    precision = {name: StandardError(error * value, 11) for name, value in (times | rates).items() if value}
    shares = {"goodput": StandardError(error, 11), "error_rate": StandardError(error, 11)}
    return msgspec.structs.replace(made, precision=precision | shares)


FIGURES: Final = ("ttft.p95", "itl.p95", "e2e.p95", "request_rate", "output_token_rate", "goodput", "error_rate")
"""Those of the table's columns."""


def words_of_the_command(base: Result, new: Result) -> list[str]:
    (row,) = compared([base, new]).rows
    changes = {change.figure: change for change in row.changes}
    found: list[str] = []
    for name in FIGURES:
        change = changes[name]
        assert change.direction
        limits = [one for one in defaults() if one.measure.name == name]
        checks = compared([base, new], limits).checks if limits else []
        found.append("regression" if checks and checks[0].outcome == "FAIL" else change.direction)
    return found


@pytest.mark.parametrize(
    ("new", "first"),
    [
        pytest.param(stage(1.0, 0.01), "same", id="same"),
        pytest.param(stage(1.2, 0.01), "regression", id="slower"),
        pytest.param(stage(1.2, 0.2), "unsure", id="slower by chance"),
        pytest.param(stage(1.06, 0.01), "worse", id="a little slower"),
        pytest.param(stage(0.8, 0.01), "better", id="faster"),
        pytest.param(
            stage(1.0, 0.005, goodput=sample_results.goodput(75), output_token_rate=1400.0, request_rate=13.5),
            "same",
            id="less",
        ),
    ],
)
def test_verdicts_are_those_of_the_command(new: StageResult, first: str, tmp_path: Path) -> None:
    base = sample_results.result([stage(1.0, 0.01)])
    other = sample_results.result([new])
    other = msgspec.structs.replace(other, run=msgspec.structs.replace(other.run, id="new"))
    told = words_of_the_command(base, other)
    assert told[0] == first
    exprs = queries(compare(), "Regression against the baseline run", {"baseline_run": base.run.id})
    labels = f'{{run_id="new",stage="{new.stage}",target="{new.target}",model="{new.model}"}}'
    check(
        tmp_path,
        exposed(base, other),
        {expr: [(labels, float(WORDS[word]))] for expr, word in zip(exprs, told, strict=True)},
    )


def test_regression_alerts_are_those_of_the_rules() -> None:
    ours = {alert.name for alert in alerts(all_groups(Options())) if alert.name.endswith("Regression")}
    assert set(ALERTS) == ours
