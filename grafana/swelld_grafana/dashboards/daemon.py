"""What the daemon itself costs and how it is configured: panels of the Instrument dashboard."""

from typing import Final

from swelld_exporters.names import (
    BUILD_INFO,
    CONFIG_RELOAD_OK,
    EXPOSITION_DURATION,
    NVML_ERRORS,
)
from swelld_grafana.dashboards.model import Panel, Query
from swelld_grafana.dashboards.panels import RATIO, SECONDS, columns, lines, states, table, words
from swelld_grafana.dashboards.promql import RATE, quantile, series, total
from swelld_grafana.dashboards.style import BAD, GOOD, limit, rising


def exposition() -> Panel:
    return lines(
        "Time to render /metrics, p99",
        EXPOSITION_DURATION.help,
        Query(expr=quantile(0.99, EXPOSITION_DURATION, by=("format",)), legend="{{format}}"),
        unit=SECONDS,
        thresholds=rising(0.1, 0.5),
        width=8,
    )


_OURS: Final = f"* on (job, instance) group_left max by (job, instance) ({series(BUILD_INFO)})"
"""Metrics that every Prometheus client has, of our own processes only."""


def memory() -> Panel:
    return lines(
        "Memory of the daemon",
        "Resident memory of the main process. It does not grow with the number of requests.",
        Query(expr=f"process_resident_memory_bytes {_OURS}", legend="{{instance}}"),
        unit="bytes",
        width=8,
    )


def process() -> Panel:
    return lines(
        "CPU and open files of the daemon",
        "CPU of the main process as a share of one core, and open file descriptors as a share of those allowed.",
        Query(expr=f"rate(process_cpu_seconds_total[{RATE}]) {_OURS}", legend="CPU {{instance}}"),
        Query(expr=f"process_open_fds / process_max_fds {_OURS}", legend="files {{instance}}"),
        unit=RATIO,
        thresholds=rising(0.8, 0.95),
        width=8,
    )


def configuration() -> Panel:
    return states(
        "Configuration",
        "Whether the file was taken over when it was last read. If not, the one before it stays in force.",
        Query(expr=total(series(CONFIG_RELOAD_OK), ("instance",), "min"), legend="{{instance}}"),
        mappings=words({1: ("taken over", GOOD), 0: ("refused", BAD)}),
        thresholds=limit(1),
        height=5,
    )


def builds() -> Panel:
    names = {"instance": "Instance", "version": "Version", "python": "Python", "Value #B": "NVML errors"}
    return table(
        "Versions",
        "Of every daemon, with the calls to NVIDIA's driver that failed.",
        Query(expr=total(series(BUILD_INFO), ("instance", "version", "python"), "max"), format="table", instant=True),
        Query(expr=total(series(NVML_ERRORS), ("instance",)), format="table", instant=True),
        transformations=columns(names, hidden=("Time", "Value #A")),
        width=12,
        height=5,
        empty="in the column of NVML errors without GPUs",
    )
