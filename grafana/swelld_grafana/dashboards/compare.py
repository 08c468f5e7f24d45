"""Compare: runs, targets, models or stages side by side, and how far each is from a baseline."""

from typing import Final

from swelld_exporters.names import (
    E2E,
    ITL,
    LAST_RUN_REQUEST_RATE,
    OUTPUT_TOKENS,
    REQUESTS,
    REQUESTS_STARTED,
    TTFT,
    Metric,
)
from swelld_grafana.dashboards.model import Dashboard, Panel, Query
from swelld_grafana.dashboards.page import (
    DATASOURCE,
    MODEL,
    RUN,
    SCENARIO,
    STAGE,
    TARGET,
    choice,
    fixed,
    page,
    row,
)
from swelld_grafana.dashboards.panels import RATIO, SECONDS, TOKENS_PER_SECOND, lines, over_range
from swelld_grafana.dashboards.promql import RATE, quantile, rate, ratio, series
from swelld_grafana.dashboards.regression import MORE_IS_WORSE, since_baseline, since_yesterday
from swelld_grafana.dashboards.runs import stages_of_runs
from swelld_grafana.dashboards.trust import trust

BY: Final = fixed("by", "Compare by", ("target", "model", "scenario", "stage"))
BASELINE: Final = choice(
    "baseline", "Baseline", f'label_values({REQUESTS_STARTED.name}{{scenario=~"$scenario"}}, $by)', several=False
)
BASELINE_RUN: Final = choice(
    "baseline_run",
    "Baseline run",
    f'label_values({LAST_RUN_REQUEST_RATE.name}{{scenario=~"$scenario"}}, run_id)',
    several=False,
    newest_first=True,
)
_LATENCIES: Final = (("Time to first token", TTFT), ("Gap between tokens", ITL), ("Whole answer", E2E))


def compare() -> Dashboard:
    """The page before a release."""
    return page(
        "swelld-compare",
        "Choose by which label to compare and which of its values is the baseline; for runs, a baseline run. "
        "Differences are relative: 10 % is a tenth more than the baseline.",
        row("Side by side, over time", *trust(), *_median(), *_by_label(), *_against_baseline(), _output()),
        row("Now, yesterday, last week", *_ago(), *since_yesterday()),
        row("Runs", *since_baseline(), stages_of_runs("Runs in figures", "Every stage and target of the chosen runs.")),
        variables=(DATASOURCE, SCENARIO, TARGET, MODEL, STAGE, RUN, BY, BASELINE, BASELINE_RUN),
        since="now-3h",
    )


def _median() -> tuple[Panel, ...]:
    best = f"min ({quantile(0.95, TTFT, by=('$by',), over='$__range')})"
    worst = f"max ({quantile(0.95, TTFT, by=('$by',), over='$__range')})"
    return (
        over_range("Best TTFT p95", "The lowest of those compared, in the time shown.", best, unit=SECONDS, width=8),
        over_range("Worst TTFT p95", "The highest of those compared, in the time shown.", worst, unit=SECONDS, width=8),
    )


def _by_label() -> tuple[Panel, ...]:
    return tuple(
        lines(
            f"{title}, p95",
            metric.help,
            Query(expr=quantile(0.95, metric, by=("$by",)), legend="{{$by}}", exemplars=True),
            unit=SECONDS,
            width=8,
        )
        for title, metric in _LATENCIES
    )


def _relative(title: str, metric: Metric) -> Panel:
    value = quantile(0.95, metric, by=("$by",))
    baseline = quantile(0.95, metric, '$by="$baseline"')
    return lines(
        f"{title}, p95 against the baseline",
        "Relative difference to the value that is chosen as baseline.",
        Query(expr=f"({value}) / on () group_left () ({baseline}) - 1", legend="{{$by}}"),
        unit=RATIO,
        minimum=None,
        thresholds=MORE_IS_WORSE,
        width=8,
        empty="where the baseline has no data",
    )


def _against_baseline() -> tuple[Panel, ...]:
    return tuple(_relative(title, metric) for title, metric in _LATENCIES)


def _output() -> Panel:
    return lines(
        "Output tokens",
        "Output tokens of good answers per second.",
        Query(expr=rate(OUTPUT_TOKENS, by=("$by",)), legend="{{$by}}"),
        unit=TOKENS_PER_SECOND,
        width=24,
        height=7,
    )


def _ago() -> tuple[Panel, ...]:
    return (
        lines(
            "Time to first token, p95, now and before",
            "The same time of day a day and a week ago.",
            Query(expr=quantile(0.95, TTFT), legend="now"),
            Query(expr=quantile(0.95, TTFT, ago="1d"), legend="yesterday"),
            Query(expr=quantile(0.95, TTFT, ago="1w"), legend="last week"),
            unit=SECONDS,
            empty="for days that Prometheus does not have",
        ),
        lines(
            "Answered well, now and before",
            "Good answers as a share of all that ended.",
            Query(expr=_good(), legend="now"),
            Query(expr=_good(" offset 1d"), legend="yesterday"),
            Query(expr=_good(" offset 1w"), legend="last week"),
            unit=RATIO,
            maximum=1,
            empty="for days that Prometheus does not have",
        ),
    )


def _good(offset: str = "") -> str:
    ok, every = series(REQUESTS, 'outcome="ok"'), series(REQUESTS)
    return ratio(f"sum (rate({ok}[{RATE}]{offset}))", f"sum (rate({every}[{RATE}]{offset}))")
