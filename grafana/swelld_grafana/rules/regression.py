"""Slower or less than in the same hour yesterday and a week ago.

Stages are compared with themselves, so the load is the same. A baseline is the worse of the two days, or the only one
there is; without either, or with too few answers, nothing is compared.
"""

from collections.abc import Callable
from typing import Final

from swelld_grafana.rules.model import LEVELS, Alert, Group, Record
from swelld_grafana.rules.options import MINUTE, Options
from swelld_grafana.rules.promql import WITHOUT_WARMUP, increased, larger, on, quantile, smaller
from swelld_grafana.rules.slo import WHO
from swelld_grafana.rules.traffic import TIMES

_STAGE: Final = LEVELS["stage"]
_LEAST_ANSWERS: Final = 100  # a p95 of fewer is decided by five of them
SLOWER: Final = 1.25
"""Times as long as the baseline that somebody is told of."""
_LEAST_SECONDS: Final = 0.02  # more than the bounds of a bucket can feign where times are short
LESS: Final = 0.8
"""Of the tokens of the baseline, below which somebody is told."""
_LEAST_MINUTES: Final = 10
RECORDED: Final = {
    "ttft": f"stage:{TIMES['ttft']}:p95_rate1h",
    "e2e": f"stage:{TIMES['e2e']}:p95_rate1h",
    "tokens": "stage:swelld_output_tokens:median1h",
}
"""What is recorded of an hour; with `_baseline` behind it, the same of yesterday or last week."""
_WHERE: Final = f"stage {{{{ $labels.stage }}}} ({WHO})"
_SATURATED: Final = (
    f"unless {on('job', 'scenario')}\n"
    "max by (job, scenario) (avg_over_time(swelld_client_saturated[1h])) > 0.05"  # as validity has it
)


def regression_groups(options: Options) -> tuple[Group, ...]:
    """Recorded hours and their baselines, then the alerts."""
    ttft, e2e, tokens = RECORDED["ttft"], RECORDED["e2e"], RECORDED["tokens"]
    recorded = (
        *(Record(name, _p95(name.split(":")[1])) for name in (ttft, e2e)),
        Record(tokens, _median("stage:swelld_output_tokens:rate5m", options.interval)),
        _baseline(ttft, larger),
        _baseline(e2e, larger),
        _baseline(tokens, smaller),
    )
    found = (
        _slower("SwelldTtftRegression", ttft, "time to the first token"),
        _slower("SwelldE2eRegression", e2e, "duration of an answer"),
        _fewer(tokens),
    )
    return (Group("swelld-regression", max(options.slow_interval, 2 * options.interval), (*recorded, *found)),)


def _p95(metric: str) -> str:
    answers = increased("swelld_requests_total", _STAGE, "1h", f'{WITHOUT_WARMUP},outcome="ok"')
    return f"(\n{quantile(0.95, metric, _STAGE, '1h', WITHOUT_WARMUP)}\n)\nand {answers} >= {_LEAST_ANSWERS}"


def _median(rate: str, interval: float) -> str:
    """Of the minutes in which the stage was under way, so that it does not matter for how much of the hour it was."""
    at_work = f"({rate} > 0)[1h:1m]"
    return f"quantile_over_time(0.5, {at_work})\nand count_over_time({at_work}) >= {_LEAST_MINUTES}"


def _baseline(name: str, worse: Callable[[str, str], str]) -> Record:
    return Record(f"{name}_baseline", worse(f"{name} offset 1d", f"{name} offset 7d"))


def _slower(alert: str, name: str, what: str) -> Alert:
    baseline = f"{name}_baseline"
    return Alert(
        name=alert,
        severity="ticket",
        expr=f"{name} > {SLOWER} * {baseline}\nand {name} - {baseline} > {_LEAST_SECONDS}\n{_SATURATED}",
        summary=f"The {what} is longer than at this time yesterday and a week ago.",
        description=f"The 95th percentile of the {what} was {{{{ $value | humanizeDuration }}}} in the last hour in "
        f"{_WHERE}: more than {100 * SLOWER - 100:.0f} % above the same hour yesterday and a week ago.",
        dashboard="capacity",
        pending=15 * MINUTE,
    )


def _fewer(name: str) -> Alert:
    return Alert(
        name="SwelldThroughputRegression",
        severity="ticket",
        expr=f"{name} < {LESS} * {name}_baseline\n{_SATURATED}",
        summary="There are fewer output tokens per second than at this time yesterday and a week ago.",
        description=f"{{{{ $value | humanize }}}} output tokens/s (median of the last hour) in {_WHERE}: more than "
        f"{100 - 100 * LESS:.0f} % below the same hour yesterday and a week ago.",
        dashboard="capacity",
        pending=15 * MINUTE,
    )
