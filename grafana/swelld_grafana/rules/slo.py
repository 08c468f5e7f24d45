"""Error budgets: ratios over all windows, and alerts on the speed at which budgets burn.

Counters and objectives are series, so one rule set serves every scenario and every objective.
"""

from typing import Final

from swelld_grafana.rules.durations import duration
from swelld_grafana.rules.model import LEVELS, Alert, Group, Record
from swelld_grafana.rules.options import Burn, Options
from swelld_grafana.rules.promql import by, increased, smaller

_SLO: Final = LEVELS["slo"]
_EVENTS: Final = "slo:swelld_slo_events:increase"
_BAD: Final = "slo:swelld_slo_bad_events:increase"
_RATIO: Final = "slo:swelld_slo_bad_events:ratio_rate"
_THRESHOLD: Final = "slo:swelld_slo_bad_events:threshold_rate"
_BUDGET: Final = "slo:swelld_slo_budget:ratio"
_LEFT: Final = "slo:swelld_slo_budget:left"

WHO: Final = "scenario {{ $labels.scenario }}, target {{ $labels.target }}, model {{ $labels.model }}"
"""Names the target of an alert in its description."""


def slo_groups(options: Options) -> tuple[Group, ...]:
    """Recorded ratios, then the alerts that need them."""
    short = [window for window in options.windows if window <= options.direct]
    long = [window for window in options.windows if window > options.direct]
    return (
        Group("swelld-slo", options.interval, (*_budget(options), *_ratios(short, options))),
        Group("swelld-slo-long", options.slow_interval, (*_ratios(long, options), _left(options))),
        Group(
            "swelld-slo-alerts", options.interval, (*(_burn(burn, options) for burn in options.burns), _spent(options))
        ),
    )


def _budget(options: Options) -> list[Record]:
    """The share that may be bad, and from which share on each alert fires.

    Times a factor the share of a lax objective can exceed everything there is, and even an outage would not be told;
    so no threshold is higher than nine tenths of the way from the budget to 1.
    """
    found = [Record(_BUDGET, f"1 - max {by(_SLO)} (swelld_slo_objective_ratio)")]
    for burn in options.burns:
        wanted = f"{burn.factor(options.period):g} * {_BUDGET}"
        found.append(Record(f"{_THRESHOLD}{duration(burn.long)}", smaller(wanted, f"(0.9 + 0.1 * {_BUDGET})")))
    return found


def _ratios(windows: list[float], options: Options) -> list[Record]:
    found = []
    for window in windows:
        name = duration(window)
        for record, counter in ((_EVENTS, "swelld_slo_events_total"), (_BAD, "swelld_slo_bad_events_total")):
            found.append(Record(f"{record}{name}", _increase(record, counter, window, options)))
        found.append(Record(f"{_RATIO}{name}", f"{_BAD}{name} / ({_EVENTS}{name} > 0)"))
    return found


def _increase(record: str, counter: str, window: float, options: Options) -> str:
    if window <= options.direct:
        return increased(counter, _SLO, duration(window))
    step = options.interval / options.base  # each event is in so many of the short windows
    return f"sum_over_time({record}{duration(options.base)}[{duration(window)}]) * {step:g}"


def _left(options: Options) -> Record:
    period = duration(options.period)
    return Record(f"{_LEFT}{period}", f"1 - {_RATIO}{period} / ({_BUDGET} > 0)")


def _burn(burn: Burn, options: Options) -> Alert:
    long, short = duration(burn.long), duration(burn.short)
    return Alert(
        name="SwelldErrorBudgetBurn",
        severity=burn.severity,
        expr=f"{_RATIO}{long} > {_THRESHOLD}{long}\n"
        f"and {_RATIO}{short} > {_THRESHOLD}{long}\n"
        f"and {_EVENTS}{long} >= {options.least_events}\n"
        f"and round({_BAD}{long}) >= {options.least_bad}",
        summary="Too many requests miss the objective: its error budget burns too fast.",
        description=f"{{{{ $value | humanizePercentage }}}} of the requests in the last {long} missed objective "
        f"{{{{ $labels.slo }}}} ({WHO}), and too many still do in the last {short}.",
        dashboard="slo",
        pending=burn.pending,
        labels={"long": long, "short": short},
    )


def _spent(options: Options) -> Alert:
    period = duration(options.period)
    return Alert(
        name="SwelldErrorBudgetExhausted",
        severity="ticket",
        expr=f"{_RATIO}{period} > {_BUDGET}\nand round({_BAD}{period}) >= {options.least_bad}",
        summary="The error budget is used up.",
        description=f"{{{{ $value | humanizePercentage }}}} of the requests of the last {period} missed objective "
        f"{{{{ $labels.slo }}}} ({WHO}): more than it allows.",
        dashboard="slo",
        pending=options.slow_interval,
    )
