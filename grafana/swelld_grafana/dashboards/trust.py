"""Whether swelld itself keeps up: the figures that stand first wherever there are latencies."""

from swelld_exporters.names import CLIENT_SATURATED
from swelld_grafana.dashboards.model import Panel
from swelld_grafana.dashboards.page import to_page
from swelld_grafana.dashboards.panels import RATIO, over_range, words
from swelld_grafana.dashboards.promql import series, total
from swelld_grafana.dashboards.style import BAD, GOOD, limit, rising


def trust() -> tuple[Panel, ...]:
    """Shown first on every dashboard that shows latencies."""
    valid = {0: ("valid", GOOD), 1: ("client too slow", BAD)}
    return (
        over_range(
            "Instrument",
            "Whether swelld itself keeps up (swelld_client_saturated). If not, the latencies below are partly its own.",
            total(series(CLIENT_SATURATED), how="max"),
            thresholds=limit(1),
            mappings=words(valid),
            links=(to_page("swelld-instrument", "Instrument", "${datasource:queryparam}&${__url_time_range}"),),
        ),
        over_range(
            "Client bottleneck",
            "Share of the time shown in which swelld itself was the bottleneck of a scenario.",
            f"max (avg_over_time({series(CLIENT_SATURATED)}[$__range]))",
            unit=RATIO,
            thresholds=rising(0.01, 0.05),
        ),
    )
