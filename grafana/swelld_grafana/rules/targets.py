"""What happens at the servers: gone, slow, failing, queueing, out of memory."""

from typing import Final

from swelld_grafana.rules.model import LEVELS, Alert, Group
from swelld_grafana.rules.options import MINUTE, Options
from swelld_grafana.rules.promql import WITHOUT_WARMUP, by, increased, on
from swelld_grafana.rules.slo import WHO
from swelld_grafana.rules.traffic import ASKED, TIMES

_TARGET: Final = LEVELS["target"]
_SEEN: Final = ("job", "instance", "target")
_AT: Final = "target {{ $labels.target }} (scenario {{ $labels.scenario }})"
_WAITING: Final = "swelld_server_requests_waiting"


def target_groups(options: Options) -> tuple[Group, ...]:
    """As the client feels it, then as the server's own metrics have it."""
    return (Group("swelld-targets", options.interval, _FELT), Group("swelld-servers", options.interval, _SERVERS))


def _down() -> str:
    asked = f'sum {by(_SEEN)} (rate(swelld_requests_total{{outcome!~"cancelled|dropped"}}[15m])) > 0'
    return f"swelld_target_up == 0\nand {on(*_SEEN)} {asked}"


def _slow() -> str:
    """`itl` is not among them: its threshold is for the longest gap of an answer, not for the median one."""
    medians = "\nor\n".join(
        f'label_replace(target:{TIMES[metric]}:p50_rate5m, "metric", "{metric}", "", "")'
        for metric in ("ttft", "tpot", "e2e")
    )
    same = (*_TARGET, "metric")
    return f"(\n{medians}\n)\n> {on(*same)} max {by(same)} (swelld_slo_threshold_seconds)"


def _errors() -> str:
    ended = increased("swelld_requests_total", _TARGET, "10m", ASKED)
    return f"target:swelld_requests:error_ratio_rate5m > 0.05\nand {ended} >= 10"


def _stalls() -> str:
    answers = increased("swelld_requests_total", _TARGET, "30m", f'{WITHOUT_WARMUP},outcome="ok"')
    stalls = increased("swelld_stream_stalls_total", _TARGET, "30m", WITHOUT_WARMUP)
    return f"{stalls}\n/ ({answers} >= 100) > 0.01"


def _unfit() -> str:
    failed = increased("swelld_response_check_failures_total", (*_TARGET, "check"), "30m", WITHOUT_WARMUP)
    looked = increased("swelld_response_checks_total", _TARGET, "30m", WITHOUT_WARMUP)
    return f"{failed}\n/ {on(*_TARGET)} group_left () ({looked} >= 20) > 0.05"


_FELT: Final = (
    Alert(
        name="SwelldTargetDown",
        severity="page",
        expr=_down(),
        summary="A target does not answer.",
        description="Target {{ $labels.target }} has answered no request of {{ $labels.instance }} for 3 minutes.",
        dashboard="overview",
        pending=3 * MINUTE,
    ),
    Alert(
        name="SwelldTargetSlow",
        severity="ticket",
        expr=_slow(),
        summary="Most answers of a target are slower than its objective allows.",
        description="The median {{ $labels.metric }} was {{ $value | humanizeDuration }} in the last 5 minutes, more "
        f"than the objective's threshold ({WHO}).",
        dashboard="server",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldTargetErrors",
        severity="ticket",
        expr=_errors(),
        summary="Many requests to a target fail.",
        description=f"{{{{ $value | humanizePercentage }}}} of the requests of the last 5 minutes failed ({WHO}).",
        dashboard="overview",
        pending=5 * MINUTE,
    ),
    Alert(
        name="SwelldStreamsStalling",
        severity="ticket",
        expr=_stalls(),
        summary="Answers stop in the middle and go on later.",
        description='There were {{ $value | printf "%.2f" }} stalls per answer in the last 30 minutes '
        f"({WHO}); a stall is a gap far above the answer's own pace.",
        dashboard="server",
        pending=5 * MINUTE,
    ),
    Alert(
        name="SwelldAnswersFailChecks",
        severity="ticket",
        expr=_unfit(),
        summary="Answers are not what they should be.",
        description="{{ $value | humanizePercentage }} of the answers that were looked at in the last 30 minutes "
        f"failed check {{{{ $labels.check }}}} ({WHO}).",
        dashboard="run",
        pending=5 * MINUTE,
    ),
)

_SERVERS: Final = (
    Alert(
        name="SwelldServerMetricsUnreadable",
        severity="ticket",
        expr="swelld_server_scrape_up == 0",
        summary="A server's own metrics cannot be read.",
        description="{{ $labels.instance }} has not been able to read the {{ $labels.engine }} metrics of "
        + _AT
        + " for 10 minutes.",
        dashboard="server",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldServerQueueGrowing",
        severity="ticket",
        expr=f"{_WAITING} > 5\nand min_over_time({_WAITING}[5m]) > 5\nand deriv({_WAITING}[15m]) > 0.02",
        summary="A server's queue grows: it gets more requests than it can answer.",
        description="{{ $value }} requests wait in the server of " + _AT + ", and more from minute to minute.",
        dashboard="server",
        pending=5 * MINUTE,
    ),
    Alert(
        name="SwelldServerKvCacheFull",
        severity="ticket",
        expr="avg_over_time(swelld_server_kv_cache_usage_ratio[5m]) > 0.95",
        summary="A server's KV cache is full.",
        description="The KV cache of the server of "
        + _AT
        + " was {{ $value | humanizePercentage }} full in the last 5 minutes.",
        dashboard="server",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldServerPreempting",
        severity="ticket",
        expr="increase(swelld_server_preemptions_total[15m]) > 15",
        summary="A server takes requests out of its batch to make room for others.",
        description="About {{ $value | humanize }} requests of the server of " + _AT + " lost their place in 15 "
        "minutes and have to be computed again.",
        dashboard="server",
        pending=5 * MINUTE,
    ),
)
