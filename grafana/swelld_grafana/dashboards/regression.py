"""What became worse: against yesterday and last week, and from run to run. Panels of the Compare dashboard."""

import math
from typing import Final

from swelld.analysis.thresholds import defaults
from swelld_exporters.names import (
    LAST_RUN_E2E,
    LAST_RUN_ERROR_RATIO,
    LAST_RUN_GOODPUT_RATIO,
    LAST_RUN_ITL,
    LAST_RUN_MARGIN,
    LAST_RUN_REQUEST_RATE,
    LAST_RUN_TOKEN_RATE,
    LAST_RUN_TTFT,
    Metric,
)
from swelld_grafana.dashboards.model import Override, Panel, Query
from swelld_grafana.dashboards.panels import RATIO, columns, lines, over_range, states, table, values, words
from swelld_grafana.dashboards.promql import VARIABLES, series, total
from swelld_grafana.dashboards.runs import NOT_YET, P95, cell
from swelld_grafana.dashboards.style import BAD, GOOD, GREY, WARNING, Step, limit
from swelld_grafana.rules.model import LEVELS
from swelld_grafana.rules.regression import LESS, RECORDED, SLOWER

ALERTS: Final = ("SwelldTtftRegression", "SwelldE2eRegression", "SwelldThroughputRegression")
NO_RULES: Final = "without swelld's rules in Prometheus, and on the first day"
MORE_IS_WORSE: Final = (Step(GOOD), Step(GREY, -0.05), Step(WARNING, 0.05), Step(BAD, 0.15))
MORE_IS_BETTER: Final = (Step(BAD), Step(WARNING, -0.15), Step(GREY, -0.05), Step(GOOD, 0.05))
_SAME: Final = ("target", "model", "stage")
"""What a stage of a run and a stage of the baseline must have in common."""
_ON: Final = f"on ({', '.join(_SAME)}) group_left ()"
_NAME: Final = "{{scenario}} {{target}} {{stage}}"
_FIGURES: Final[dict[str, tuple[str, Metric, str, bool]]] = {
    "TTFT p95": ("ttft.p95", LAST_RUN_TTFT, P95, True),
    "Gap p95": ("itl.p95", LAST_RUN_ITL, P95, True),
    "E2E p95": ("e2e.p95", LAST_RUN_E2E, P95, True),
    "Rate": ("request_rate", LAST_RUN_REQUEST_RATE, "", False),
    "Output": ("output_token_rate", LAST_RUN_TOKEN_RATE, "", False),
    "Goodput": ("goodput", LAST_RUN_GOODPUT_RATIO, "", False),
    "Errors": ("error_rate", LAST_RUN_ERROR_RATIO, "", True),
}
"""Column -> the figure's name, its metric and matcher, and whether more of it is worse."""
_SHARES: Final = ("goodput", "error_rate")
"""Compared by their difference, all others by their ratio."""
_VERDICTS: Final = {
    -1: ("better", GOOD),
    0: ("same", GREY),
    1: ("worse", WARNING),
    2: ("regression", BAD),
}


def since_yesterday() -> tuple[Panel, ...]:
    """What the recording rules and alerts say of the last hour against the same hour before."""
    return (
        over_range(
            "Regressions now",
            "Alerts that fire because the last hour was worse than the same hour yesterday and a week ago.",
            f"sum ({_alerts('firing')}) or 0 * count ({_recorded('ttft')})",
            thresholds=limit(1),
            decimals=0,
            height=6,
            empty=NO_RULES,
        ),
        states(
            "Regression alerts",
            "By stage: pending while it may still be a moment's trouble, firing once it has lasted.",
            Query(
                expr=f"2 * {_by_alert('firing')} or {_by_alert('pending')}",
                legend="{{alertname}} {{scenario}} {{target}} {{stage}}",
            ),
            mappings=words({1: ("pending", WARNING), 2: ("firing", BAD)}),
            thresholds=(Step(WARNING), Step(BAD, 2)),
            width=20,
            height=6,
            empty=f"while nothing is worse, and {NO_RULES}",
        ),
        _against("Time to first token, p95", "ttft", (Step(GOOD), Step(BAD, SLOWER - 1))),
        _against("Whole answer, p95", "e2e", (Step(GOOD), Step(BAD, SLOWER - 1))),
        _against("Output tokens", "tokens", (Step(BAD), Step(GOOD, LESS - 1))),
    )


def since_baseline() -> tuple[Panel, ...]:
    """Every stage of the chosen runs beside the same of the baseline run: by how much, and whether that is chance."""
    return (
        _by_figure(
            "Difference to the baseline run",
            "Relative difference of each stage to the same stage, target and model of the baseline run.",
            {title: f"{_pair(title, ' / ')} - 1" for title in _FIGURES},
            tuple(
                cell(title, RATIO, MORE_IS_WORSE if more_is_worse else MORE_IS_BETTER)
                for title, (*_, more_is_worse) in _FIGURES.items()
            ),
            f"{NOT_YET}; single columns where the baseline has no such figure or it is 0",
        ),
        _by_figure(
            "Regression against the baseline run",
            "Whether chance explains the differences: same where the 95 % interval of the difference holds zero "
            "(`swelld compare` says unsure where that interval could hide a change that matters); "
            "regression where it does not and the difference is larger than the usual threshold of `swelld compare`, "
            "which asks for more confidence the more it judges at once.",
            {title: _verdict(title) for title in _FIGURES},
            tuple(Override(name=title, properties=_WORDED) for title in _FIGURES),
            f"{NOT_YET}; single columns where too few requests tell",
        ),
    )


_WORDED: Final = {"mappings": list(words(_VERDICTS)), "custom.cellOptions": {"type": "color-text"}}


def _chosen() -> str:
    return ",".join(f'{label}=~"${VARIABLES[label]}"' for label in LEVELS["stage"] if label in VARIABLES)


def _alerts(state: str) -> str:
    return f'ALERTS{{alertname=~"{"|".join(ALERTS)}",alertstate="{state}",{_chosen()}}}'


def _by_alert(state: str) -> str:
    return f"max by (alertname, scenario, target, stage) ({_alerts(state)})"


def _recorded(figure: str, part: str = "") -> str:
    return f"{RECORDED[figure]}{part}{{{_chosen()}}}"


def _against(title: str, figure: str, thresholds: tuple[Step, ...]) -> Panel:
    return lines(
        f"{title}, against yesterday and last week",
        "The last hour by the same hour before, whichever of the two days was worse. The dashed line is the alert's.",
        Query(expr=f"{_recorded(figure)} / ({_recorded(figure, '_baseline')} > 0) - 1", legend=_NAME),
        unit=RATIO,
        minimum=None,
        thresholds=thresholds,
        width=8,
        empty=NO_RULES,
    )


def _both(metric: Metric, matcher: str) -> tuple[str, str]:
    """The figure of the other runs, and that of the baseline run."""
    matchers = (matcher,) if matcher else ()
    others = total(series(metric, *matchers, 'run_id!="$baseline_run"'), (*_SAME, "run_id"), "max")
    baseline = total(series(metric, *matchers, 'run_id="$baseline_run"', free=("run_id",)), _SAME, "max")
    return others, baseline


def _pair(title: str, operator: str) -> str:
    _, metric, matcher, _ = _FIGURES[title]
    others, baseline = _both(metric, matcher)
    return f"{others}{operator}{_ON} ({baseline} > 0)" if operator == " / " else f"{others}{operator}{_ON} {baseline}"


def _verdict(title: str) -> str:
    """-1 better, 0 chance may explain it, 1 worse, 2 worse by more than is usually let pass."""
    name, _, _, more_is_worse = _FIGURES[title]
    share = name in _SHARES
    moved = _pair(title, " - ") if share else f"ln ({_pair(title, ' / ')})"
    worse = moved if more_is_worse else f"-1 * ({moved})"
    margin, of_baseline = _both(LAST_RUN_MARGIN, f'figure="{name.replace(".", "_")}"')
    sure = f"(abs ({moved}) > bool ({margin} ^ 2 + {_ON} {of_baseline} ^ 2) ^ 0.5)"
    least = _least(name, share=share, more_is_worse=more_is_worse)
    return f"{sure} * sgn ({worse})" if least is None else f"{sure} * (sgn ({worse}) + (({worse}) > bool {least:.6g}))"


def _least(name: str, *, share: bool, more_is_worse: bool) -> float | None:
    """From where on a change for the worse is a regression, in points or as a logarithm."""
    size = next((one.size for one in defaults() if one.measure.name == name), None)
    if size is None or share:
        return size
    return math.log1p(size) if more_is_worse else -math.log1p(-size)


def _by_figure(title: str, about: str, exprs: dict[str, str], overrides: tuple[Override, ...], empty: str) -> Panel:
    names = {"run_id": "Run", "stage": "Stage", "target": "Target", "model": "Model"}
    names |= values(*exprs)
    return table(
        title,
        about,
        *(Query(expr=expr, format="table", instant=True) for expr in exprs.values()),
        transformations=columns(names),
        overrides=(Override(name="Run", properties={"custom.width": 190}), *overrides),
        decimals=1,
        height=7,
        empty=empty,
    )
