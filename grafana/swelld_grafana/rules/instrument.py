"""Can the figures be trusted? The limits are those of a valid stage, see docs/definitions.md."""

from typing import Final

from swelld_grafana.rules.model import Alert, Group
from swelld_grafana.rules.options import MINUTE, Options
from swelld_grafana.rules.promql import WITHOUT_WARMUP, by, on, quantile, rate
from swelld_grafana.rules.scenarios import ON, SCENARIO

_TARGET: Final = (*SCENARIO, "target")
_LAG: Final = 0.01
_LEAST_RATE: Final = 2  # per second; a slower Poisson process strays from its rate by itself


def instrument_groups(options: Options) -> tuple[Group, ...]:
    """All of them tickets: an invalid instrument is no outage, but hides one."""
    return (Group("swelld-instrument", options.interval, _INSTRUMENT),)


def _late() -> str:
    lag = quantile(0.99, "swelld_schedule_lag_seconds", SCENARIO, "10m", WITHOUT_WARMUP)
    connect = quantile(0.99, "swelld_connect_duration_seconds", SCENARIO, "10m", WITHOUT_WARMUP)
    return f"(\n{lag}\n) > {_LAG}\nunless\n(\n{lag}\n) <= {_LAG} + (\n{connect}\n)"


def _dropped() -> str:
    dropped = rate("swelld_arrivals_dropped_total", _TARGET, "10m")
    started = rate("swelld_requests_started_total", _TARGET, "10m")
    return f"{dropped}\n/ ({started} + {dropped} > 0) > 0.01"


def _missed() -> str:
    offered = f"sum {by(SCENARIO)} (avg_over_time(swelld_offered_requests_per_second[10m]))"
    accounted = (
        rate("swelld_requests_started_total", SCENARIO, "10m", WITHOUT_WARMUP),
        rate("swelld_arrivals_dropped_total", SCENARIO, "10m", WITHOUT_WARMUP),
        rate("swelld_requests_withheld_total", SCENARIO, "10m"),
    )
    return (
        f"(\n{' + '.join(accounted)}\n)\n/ ({offered} > {_LEAST_RATE}) < 0.9\n"
        f'and {on(*SCENARIO)} min_over_time(swelld_run_state{{state="running"}}[10m]) == 1\n'
        f'and {on(*SCENARIO)} swelld_run_state{{state="running"}} offset 10m == 1\n'  # a rate of less sees less
        f"unless {on(*SCENARIO)} min_over_time(swelld_yield_factor[10m]) < 1"
    )


_INSTRUMENT: Final = (
    Alert(
        name="SwelldInstrumentInvalid",
        severity="ticket",
        expr="avg_over_time(swelld_client_saturated[5m]) > 0.05",
        summary="swelld itself is the bottleneck: its figures do not show the server.",
        description="swelld was the bottleneck of {{ $labels.scenario }} on {{ $labels.instance }} for "
        "{{ $value | humanizePercentage }} of the last 5 minutes. What it measured then is kept out of the objectives.",
        dashboard="instrument",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldRequestsLate",
        severity="ticket",
        expr=_late(),
        summary="Requests leave later than they are due.",
        description="The 99th percentile of the schedule lag of " + ON + " was {{ $value | humanizeDuration }} in the "
        "last 10 minutes, more than connecting explains.",
        dashboard="instrument",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldArrivalsDropped",
        severity="ticket",
        expr=_dropped(),
        summary="Requests that were due are not sent: too many are open.",
        description="{{ $value | humanizePercentage }} of the arrivals of " + ON + " for target {{ $labels.target }} "
        "were dropped in the last 10 minutes.",
        dashboard="instrument",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldRateMissed",
        severity="ticket",
        expr=_missed(),
        summary="Fewer requests are sent than the schedule asks for.",
        description="{{ $value | humanizePercentage }} of the requests that " + ON + " had to make due in the last 10 "
        "minutes were begun, dropped or withheld; the others are missing.",
        dashboard="instrument",
        pending=5 * MINUTE,
    ),
    Alert(
        name="SwelldMeasurementErrorHigh",
        severity="ticket",
        expr=f"(\n{quantile(0.5, 'swelld_measurement_error_seconds', SCENARIO, '10m')}\n) > 0.001",
        summary="swelld adds more than a millisecond to what it measures.",
        description="The median of what swelld and the calibration's simulator add to a time to first token was "
        "{{ $value | humanizeDuration }} in the last 10 minutes for " + ON + ".",
        dashboard="instrument",
        pending=10 * MINUTE,
    ),
)
