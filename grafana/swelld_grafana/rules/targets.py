"""What happens at the servers: gone, slow, failing, queueing, out of memory."""

from typing import Final

from swelld_grafana.rules.model import LEVELS, Alert, Group
from swelld_grafana.rules.options import MINUTE, Options
from swelld_grafana.rules.promql import WITHOUT_WARMUP, by, on
from swelld_grafana.rules.slo import WHO
from swelld_grafana.rules.traffic import TIMES

_TARGET: Final = LEVELS["target"]
_SEEN: Final = ("job", "instance", "target")
_SERVER: Final = "the server of target {{ $labels.target }} (scenario {{ $labels.scenario }})"


def target_groups(options: Options) -> tuple[Group, ...]:
    """As the client feels it, then as the server's own metrics have it."""
    return (
        Group("swelld-targets", options.interval, (_down(), _slow(), _errors(), _stalls(), _checks())),
        Group("swelld-servers", options.interval, (_unreadable(), _queue(), _cache(), _preemptions())),
    )


def _down() -> Alert:
    asked = f'sum {by(_SEEN)} (rate(swelld_requests_total{{outcome!~"cancelled|dropped"}}[15m])) > 0'
    return Alert(
        name="SwelldTargetDown",
        severity="page",
        expr=f"swelld_target_up == 0\nand {on(*_SEEN)} {asked}",
        summary="A target does not answer.",
        description="Target {{ $labels.target }} has answered no request of {{ $labels.instance }} for 3 minutes.",
        dashboard="overview",
        pending=3 * MINUTE,
    )


def _slow() -> Alert:
    """`itl` is not among them: its threshold is for the longest gap of an answer, not for the median one."""
    medians = "\nor\n".join(
        f'label_replace(target:{TIMES[metric]}:p50_rate5m, "metric", "{metric}", "", "")'
        for metric in ("ttft", "tpot", "e2e")
    )
    same = (*_TARGET, "metric")
    return Alert(
        name="SwelldTargetSlow",
        severity="ticket",
        expr=f"(\n{medians}\n)\n> {on(*same)} max {by(same)} (swelld_slo_threshold_seconds)",
        summary="Most answers of a target are slower than its objective allows.",
        description="The median {{ $labels.metric }} was {{ $value | humanizeDuration }} in the last 5 minutes, more "
        f"than the objective's threshold ({WHO}).",
        dashboard="server",
        pending=10 * MINUTE,
    )


def _errors() -> Alert:
    ended = f'sum {by(_TARGET)} (increase(swelld_requests_total{{{WITHOUT_WARMUP},outcome!~"cancelled|dropped"}}[10m]))'
    return Alert(
        name="SwelldTargetErrors",
        severity="ticket",
        expr=f"target:swelld_requests:error_ratio_rate5m > 0.05\nand {ended} >= 10",
        summary="Many requests to a target fail.",
        description=f"{{{{ $value | humanizePercentage }}}} of the requests of the last 5 minutes failed ({WHO}).",
        dashboard="overview",
        pending=5 * MINUTE,
    )


def _stalls() -> Alert:
    answers = f'sum {by(_TARGET)} (increase(swelld_requests_total{{{WITHOUT_WARMUP},outcome="ok"}}[30m]))'
    stalls = f"sum {by(_TARGET)} (increase(swelld_stream_stalls_total{{{WITHOUT_WARMUP}}}[30m]))"
    return Alert(
        name="SwelldStreamsStalling",
        severity="ticket",
        expr=f"{stalls}\n/ ({answers} >= 100) > 0.01",
        summary="Answers stop in the middle and go on later.",
        description='There were {{ $value | printf "%.2f" }} stalls per answer in the last 30 minutes '
        f"({WHO}); a stall is a gap far above the answer's own pace.",
        dashboard="server",
        pending=5 * MINUTE,
    )


def _checks() -> Alert:
    labels = (*_TARGET, "check")
    failed = f"sum {by(labels)} (increase(swelld_response_check_failures_total{{{WITHOUT_WARMUP}}}[30m]))"
    looked = f"sum {by(_TARGET)} (increase(swelld_response_checks_total{{{WITHOUT_WARMUP}}}[30m]))"
    return Alert(
        name="SwelldAnswersFailChecks",
        severity="ticket",
        expr=f"{failed}\n/ {on(*_TARGET)} group_left () ({looked} >= 20) > 0.05",
        summary="Answers are not what they should be.",
        description="{{ $value | humanizePercentage }} of the answers that were looked at in the last 30 minutes "
        f"failed check {{{{ $labels.check }}}} ({WHO}).",
        dashboard="run",
        pending=5 * MINUTE,
    )


def _unreadable() -> Alert:
    return Alert(
        name="SwelldServerMetricsUnreadable",
        severity="ticket",
        expr="swelld_server_scrape_up == 0",
        summary="A server's own metrics cannot be read.",
        description="{{ $labels.instance }} has not been able to read the {{ $labels.engine }} metrics of "
        + _SERVER.removeprefix("the server of ")
        + " for 10 minutes.",
        dashboard="server",
        pending=10 * MINUTE,
    )


def _queue() -> Alert:
    waiting = "swelld_server_requests_waiting"
    return Alert(
        name="SwelldServerQueueGrowing",
        severity="ticket",
        expr=f"{waiting} > 5\nand min_over_time({waiting}[5m]) > 5\nand deriv({waiting}[15m]) > 0.02",
        summary="A server's queue grows: it gets more requests than it can answer.",
        description="{{ $value }} requests wait in " + _SERVER + ", and more from minute to minute.",
        dashboard="server",
        pending=5 * MINUTE,
    )


def _cache() -> Alert:
    return Alert(
        name="SwelldServerKvCacheFull",
        severity="ticket",
        expr="avg_over_time(swelld_server_kv_cache_usage_ratio[5m]) > 0.95",
        summary="A server's KV cache is full.",
        description="The KV cache of " + _SERVER + " was {{ $value | humanizePercentage }} full in the last 5 minutes.",
        dashboard="server",
        pending=10 * MINUTE,
    )


def _preemptions() -> Alert:
    return Alert(
        name="SwelldServerPreempting",
        severity="ticket",
        expr="increase(swelld_server_preemptions_total[15m]) > 15",
        summary="A server takes requests out of its batch to make room for others.",
        description="About {{ $value | humanize }} requests of " + _SERVER + " lost their place in 15 minutes and have "
        "to be computed again.",
        dashboard="server",
        pending=5 * MINUTE,
    )
