"""Is swelld there, and do its figures get out?"""

from typing import Final

from swelld_grafana.rules.model import Alert, Group
from swelld_grafana.rules.options import MINUTE, Options
from swelld_grafana.rules.promql import by, failed_share, risen

_RENDERING: Final = "rate(swelld_exposition_duration_seconds_bucket[10m])"


def daemon_groups(options: Options) -> tuple[Group, ...]:
    """The daemon itself, and everything that carries figures away."""
    return (
        Group("swelld-daemon", options.interval, (*_presence(options.job), *_STATE)),
        Group("swelld-exporters", options.interval, (*_EXPORTERS, *_STORE)),
    )


def _presence(job: str) -> tuple[Alert, ...]:
    """What only Prometheus can tell, of the daemons' scrape job."""
    return (
        Alert(
            name="SwelldDown",
            severity="page",
            expr=f'up{{job=~"{job}"}} == 0',
            summary="Prometheus cannot scrape swelld.",
            description="{{ $labels.instance }} of {{ $labels.job }} has not answered a scrape for 5 minutes: nothing "
            "is known of its targets.",
            dashboard="overview",
            pending=5 * MINUTE,
        ),
        Alert(
            name="SwelldAbsent",
            severity="page",
            expr=f'absent(up{{job=~"{job}"}})',
            summary="Prometheus knows of no swelld to scrape.",
            description=f"No scrape job that matches {job} has had a target for 15 minutes.",
            dashboard="overview",
            pending=15 * MINUTE,
        ),
        Alert(
            name="SwelldRestarting",
            severity="ticket",
            expr=f'changes(process_start_time_seconds{{job=~"{job}"}}[1h]) > 3',
            summary="swelld starts again and again.",
            description="{{ $labels.instance }} has started {{ $value }} times in the last hour.",
            dashboard="instrument",
        ),
    )


_STATE: Final = (
    Alert(
        name="SwelldNotReady",
        severity="ticket",
        expr="swelld_ready == 0",
        summary="swelld is being stopped and does not come to an end.",
        description="{{ $labels.instance }} has begun nothing for 5 minutes: it waits for the runs that are under way.",
        dashboard="overview",
        pending=5 * MINUTE,
    ),
    Alert(
        name="SwelldUnhealthy",
        severity="page",
        expr="swelld_complaints > 0",
        summary="swelld finds something wrong with itself.",
        description="{{ $labels.instance }} has had {{ $value }} complaints for 2 minutes: a load process hangs, "
        "or a schedule has stalled.",
        dashboard="instrument",
        pending=2 * MINUTE,
    ),
    Alert(
        name="SwelldConfigReloadFailed",
        severity="ticket",
        expr="swelld_config_last_reload_successful == 0",
        summary="A new configuration was refused.",
        description="{{ $labels.instance }} refused the configuration that it last read and goes on with the one "
        "before it.",
        dashboard="instrument",
        pending=5 * MINUTE,
    ),
)

_EXPORTERS: Final = (
    Alert(
        name="SwelldOutletDropping",
        severity="ticket",
        expr=risen("swelld_outlet_dropped_total", "15m"),
        summary="An exporter loses exchanges.",
        description="{{ $labels.instance }} lost about {{ $value | humanize }} exchanges on the way to exporter "
        "{{ $labels.exporter }} in 15 minutes.",
        dashboard="instrument",
    ),
    Alert(
        name="SwelldOutletFailing",
        severity="ticket",
        expr="increase(swelld_outlet_failures_total[15m]) > 0\nunless increase(swelld_outlet_exported_total[15m]) > 0",
        summary="Nothing gets through to an exporter's receiver.",
        description="Exporter {{ $labels.exporter }} on {{ $labels.instance }} has failed about "
        "{{ $value | humanize }} times in 15 minutes and delivered nothing.",
        dashboard="instrument",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldOtlpMetricsFailing",
        severity="ticket",
        expr=failed_share("swelld_otlp_metrics_export_failures_total", "swelld_otlp_metrics_exports_total", "15m")
        + " > 0.5",
        summary="Metrics do not get through to the OTLP receiver.",
        description="{{ $value | humanizePercentage }} of the OTLP metrics exports of {{ $labels.instance }} "
        "failed in 15 minutes.",
        dashboard="instrument",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldPushFailing",
        severity="ticket",
        expr=failed_share("swelld_push_failures_total", "swelld_pushes_total", "30m") + " > 0.5",
        summary="Pushes do not get through to the Pushgateway.",
        description="{{ $value | humanizePercentage }} of the pushes of {{ $labels.instance }} failed in 30 minutes.",
        dashboard="instrument",
    ),
    Alert(
        name="SwelldExpositionSlow",
        severity="ticket",
        expr=f"histogram_quantile(0.99, sum {by(('job', 'instance', 'le'))} ({_RENDERING})) > 0.25",
        summary="Rendering the metrics page takes long.",
        description="The 99th percentile of the time that {{ $labels.instance }} took to render /metrics was "
        "{{ $value | humanizeDuration }} in the last 10 minutes: a scrape may time out.",
        dashboard="instrument",
        pending=10 * MINUTE,
    ),
    Alert(
        name="SwelldLabelOverflow",
        severity="ticket",
        expr=risen("swelld_label_overflow_total", "1h"),
        summary="A metric has too many series, and new ones are refused.",
        description="{{ $labels.instance }} refused about {{ $value | humanize }} values of {{ $labels.metric }} in "
        "the last hour.",
        dashboard="instrument",
    ),
)

_STORE: Final = (
    Alert(
        name="SwelldRunStoreDown",
        severity="ticket",
        expr="swelld_store_up == 0",
        summary="The store of runs does not work.",
        description="{{ $labels.instance }} has not been able to use its store of runs for 5 minutes. Runs go on "
        "and are kept in memory and in files meanwhile.",
        dashboard="instrument",
        pending=5 * MINUTE,
    ),
    Alert(
        name="SwelldRunsLost",
        severity="ticket",
        expr="increase(swelld_store_lost_total[1h]) > 0",
        summary="Results of runs could not be kept.",
        description="{{ $labels.instance }} gave up the newest state of about {{ $value | humanize }} runs in the "
        "last hour.",
        dashboard="instrument",
    ),
)
