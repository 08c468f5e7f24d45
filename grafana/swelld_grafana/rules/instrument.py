"""Can the figures be trusted? The limits are those of a valid stage, see docs/definitions.md."""

from typing import Final

from swelld_grafana.rules.model import Alert, Group
from swelld_grafana.rules.options import MINUTE, Options
from swelld_grafana.rules.promql import WITHOUT_WARMUP, by, on, quantile

_SCENARIO: Final = ("job", "instance", "scenario")
_TARGET: Final = (*_SCENARIO, "target")
_LAG: Final = 0.01
_LEAST_RATE: Final = 2  # per second; a slower Poisson process strays from its rate by itself
_ON: Final = "scenario {{ $labels.scenario }} on {{ $labels.instance }}"


def instrument_groups(options: Options) -> tuple[Group, ...]:
    """All of them tickets: an invalid instrument is no outage, but hides one."""
    return (Group("swelld-instrument", options.interval, (_saturated(), _late(), _dropped(), _missed(), _error())),)


def _saturated() -> Alert:
    return Alert(
        name="SwelldInstrumentInvalid",
        severity="ticket",
        expr="avg_over_time(swelld_client_saturated[5m]) > 0.05",
        summary="swelld itself is the bottleneck: its figures do not show the server.",
        description="swelld was the bottleneck of {{ $labels.scenario }} on {{ $labels.instance }} for "
        "{{ $value | humanizePercentage }} of the last 5 minutes. What it measured then is kept out of the objectives.",
        dashboard="instrument",
        pending=10 * MINUTE,
    )


def _late() -> Alert:
    lag = quantile(0.99, "swelld_schedule_lag_seconds", _SCENARIO, "10m", WITHOUT_WARMUP)
    connect = quantile(0.99, "swelld_connect_duration_seconds", _SCENARIO, "10m", WITHOUT_WARMUP)
    return Alert(
        name="SwelldRequestsLate",
        severity="ticket",
        expr=f"(\n{lag}\n) > {_LAG}\nunless\n(\n{lag}\n) <= {_LAG} + (\n{connect}\n)",
        summary="Requests leave later than they are due.",
        description="The 99th percentile of the schedule lag of " + _ON + " was {{ $value | humanizeDuration }} in the "
        "last 10 minutes, more than connecting explains.",
        dashboard="instrument",
        pending=10 * MINUTE,
    )


def _dropped() -> Alert:
    dropped = f"sum {by(_TARGET)} (rate(swelld_arrivals_dropped_total[10m]))"
    started = f"sum {by(_TARGET)} (rate(swelld_requests_started_total[10m]))"
    return Alert(
        name="SwelldArrivalsDropped",
        severity="ticket",
        expr=f"{dropped}\n/ ({started} + {dropped} > 0) > 0.01",
        summary="Requests that were due are not sent: too many are open.",
        description="{{ $value | humanizePercentage }} of the arrivals of " + _ON + " for target {{ $labels.target }} "
        "were dropped in the last 10 minutes.",
        dashboard="instrument",
        pending=10 * MINUTE,
    )


def _missed() -> Alert:
    offered = f"sum {by(_SCENARIO)} (avg_over_time(swelld_offered_requests_per_second[10m]))"
    rates = [
        f"sum {by(_SCENARIO)} (rate({counter}{{{WITHOUT_WARMUP}}}[10m]))"
        for counter in ("swelld_requests_started_total", "swelld_arrivals_dropped_total")
    ]
    rates.append(f"sum {by(_SCENARIO)} (rate(swelld_requests_withheld_total[10m]))")
    return Alert(
        name="SwelldRateMissed",
        severity="ticket",
        expr=f"(\n{' + '.join(rates)}\n)\n/ ({offered} > {_LEAST_RATE}) < 0.9\n"
        f'and {on(*_SCENARIO)} min_over_time(swelld_run_state{{state="running"}}[10m]) == 1\n'
        f'and {on(*_SCENARIO)} swelld_run_state{{state="running"}} offset 10m == 1\n'  # a rate of less sees less
        f"unless {on(*_SCENARIO)} min_over_time(swelld_yield_factor[10m]) < 1",
        summary="Fewer requests are sent than the schedule asks for.",
        description="{{ $value | humanizePercentage }} of the requests that " + _ON + " had to make due in the last 10 "
        "minutes were begun, dropped or withheld; the others are missing.",
        dashboard="instrument",
        pending=5 * MINUTE,
    )


def _error() -> Alert:
    error = quantile(0.5, "swelld_measurement_error_seconds", _SCENARIO, "10m")
    return Alert(
        name="SwelldMeasurementErrorHigh",
        severity="ticket",
        expr=f"(\n{error}\n) > 0.001",
        summary="swelld adds more than a millisecond to what it measures.",
        description="The median of what swelld and the calibration's simulator add to a time to first token was "
        "{{ $value | humanizeDuration }} in the last 10 minutes for " + _ON + ".",
        dashboard="instrument",
        pending=10 * MINUTE,
    )
