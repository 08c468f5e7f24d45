"""GPU and contention: what the GPUs do while requests become slow."""

from typing import Final

from swelld_exporters.names import (
    CONTENTION_ERRORS,
    GPU_CLOCK,
    GPU_CLOCKS_THROTTLED,
    GPU_ECC_ERRORS,
    GPU_ENERGY,
    GPU_INFO,
    GPU_MEMORY_TOTAL,
    GPU_MEMORY_USED,
    GPU_MEMORY_UTILIZATION,
    GPU_PCIE_THROUGHPUT,
    GPU_POWER,
    GPU_POWER_LIMIT,
    GPU_TEMPERATURE,
    GPU_UTILIZATION,
    GPU_XID_ERRORS,
    OUTPUT_TOKENS,
    TTFT,
)
from swelld_grafana.dashboards.contention import losses, worst_losses
from swelld_grafana.dashboards.model import Dashboard, Panel, Query
from swelld_grafana.dashboards.page import DATASOURCE, GPU, MODEL, RUN, SCENARIO, STAGE, TARGET, page, row
from swelld_grafana.dashboards.panels import (
    RATIO,
    REQUESTS_PER_SECOND,
    SECONDS,
    columns,
    dashed,
    lines,
    over_range,
    states,
    table,
    words,
)
from swelld_grafana.dashboards.promql import RANGE, RATE, increase, quantile, rate, series, total
from swelld_grafana.dashboards.style import BAD, GOOD, GREY, limit, rising
from swelld_grafana.dashboards.traffic import offered_and_achieved
from swelld_grafana.dashboards.trust import trust

NO_GPU: Final = "where swelld sees no NVIDIA GPU"
_GPU: Final = ("gpu",)
_NAME: Final = "GPU {{gpu}}"


def gpu() -> Dashboard:
    """The page for the machine that swelld shares with the server."""
    return page(
        "swelld-gpu",
        "The GPUs of the machine that swelld runs on, beside what users feel. NVML is read once a second at most: "
        "short peaks are not seen.",
        row("Now", *trust(), *_figures(), _list()),
        row("What users feel", _latency(), offered_and_achieved(width=8), _contention()),
        row("What targets lose to each other", worst_losses(), losses()),
        row("Work", _utilization(), _memory(), _pcie()),
        row("Power and heat", _power(), _temperature(), _clocks(), _throttled()),
        row("Energy and errors", _joules(), _errors()),
        variables=(DATASOURCE, SCENARIO, TARGET, MODEL, STAGE, RUN, GPU),
    )


def _figures() -> tuple[Panel, ...]:
    joules = f"{increase(GPU_ENERGY)} / ({increase(OUTPUT_TOKENS)} > 0)"
    full = f"max ({series(GPU_MEMORY_USED)} / {series(GPU_MEMORY_TOTAL)})"
    return (
        over_range(
            "Energy per output token",
            "Energy that the GPUs used in the time shown, idling included, by the output tokens of good answers.",
            joules,
            unit="joule",
            decimals=2,
            empty=NO_GPU,
        ),
        over_range(
            "Busiest GPU",
            "Share of the time in which any kernel ran.",
            f"max ({series(GPU_UTILIZATION)})",
            unit=RATIO,
            empty=NO_GPU,
        ),
        over_range(
            "Fullest memory",
            "Memory in use as a share of all.",
            full,
            unit=RATIO,
            thresholds=rising(0.9, 0.97),
            empty=NO_GPU,
        ),
        over_range(
            "Held down",
            "GPUs whose clocks something holds down now.",
            f"sum (max by (gpu) ({series(GPU_CLOCKS_THROTTLED)}))",
            thresholds=limit(1),
            decimals=0,
            empty=NO_GPU,
        ),
    )


def _list() -> Panel:
    names = {
        "gpu": "GPU",
        "name": "Name",
        "mig_profile": "MIG",
        "pci_bus_id": "PCI",
        "driver_version": "Driver",
        "uuid": "UUID",
    }
    expr = total(series(GPU_INFO), ("gpu", "name", "mig_profile", "pci_bus_id", "driver_version", "uuid"), "max")
    return table(
        "GPUs",
        "What the driver shows swelld (swelld_gpu_info).",
        Query(expr=expr, format="table", instant=True),
        transformations=columns(names, hidden=("Time", "Value")),
        height=4,
        empty=NO_GPU,
    )


def _latency() -> Panel:
    return lines(
        "Time to first token, p95 by target",
        TTFT.help,
        Query(expr=quantile(0.95, TTFT, by=("target",)), legend="{{target}}", exemplars=True),
        unit=SECONDS,
        width=8,
    )


def _contention() -> Panel:
    return lines(
        "Contention errors",
        "Errors that speak of too much load: timeouts, and answers 429 and 503.",
        Query(expr=rate(CONTENTION_ERRORS, by=("target",)), legend="{{target}}"),
        unit=REQUESTS_PER_SECOND,
        thresholds=limit(0.1),
        width=8,
    )


def _utilization() -> Panel:
    return lines(
        "Utilization",
        "Share of the driver's sample period in which a kernel ran, and in which memory was read or written.",
        Query(expr=total(series(GPU_UTILIZATION), _GPU, "max"), legend=f"{_NAME} kernels"),
        Query(expr=total(series(GPU_MEMORY_UTILIZATION), _GPU, "max"), legend=f"{_NAME} memory"),
        unit=RATIO,
        maximum=1,
        width=8,
        empty=NO_GPU,
    )


def _memory() -> Panel:
    return lines(
        "Memory",
        "Memory in use, and all there is.",
        Query(expr=total(series(GPU_MEMORY_USED), _GPU, "max"), legend=_NAME),
        Query(expr=f"max ({series(GPU_MEMORY_TOTAL)})", legend="total"),
        unit="bytes",
        width=8,
        overrides=(dashed("total", GREY),),
        empty=NO_GPU,
    )


def _pcie() -> Panel:
    return lines(
        "PCIe",
        "Traffic over the latest 20 ms, as the GPU sees it.",
        Query(
            expr=total(series(GPU_PCIE_THROUGHPUT), ("gpu", "direction"), "max"), legend=f"{_NAME} {{{{direction}}}}"
        ),
        unit="Bps",
        width=8,
        empty=NO_GPU,
    )


def _power() -> Panel:
    return lines(
        "Power",
        "Power drawn, and the limit above which the driver slows the GPU down.",
        Query(expr=total(series(GPU_POWER), _GPU, "max"), legend=_NAME),
        Query(expr=f"max ({series(GPU_POWER_LIMIT)})", legend="limit"),
        unit="watt",
        overrides=(dashed("limit", BAD),),
        empty=NO_GPU,
    )


def _temperature() -> Panel:
    return lines(
        "Temperature",
        "Of the GPU's core.",
        Query(expr=total(series(GPU_TEMPERATURE), _GPU, "max"), legend=_NAME),
        unit="celsius",
        thresholds=rising(80, 90),
        empty=NO_GPU,
    )


def _clocks() -> Panel:
    return lines(
        "Clocks",
        "Clock rates now.",
        Query(expr=total(series(GPU_CLOCK), ("gpu", "domain"), "max"), legend="GPU {{gpu}} {{domain}}"),
        unit="hertz",
        empty=NO_GPU,
    )


def _throttled() -> Panel:
    return states(
        "What holds the clocks down",
        "Reasons that held at some time (swelld_gpu_clocks_throttled).",
        Query(
            expr=f"max by (gpu, reason) ({series(GPU_CLOCKS_THROTTLED)}) and on (gpu, reason) "
            f"max by (gpu, reason) (max_over_time({series(GPU_CLOCKS_THROTTLED)}[{RANGE}])) > 0",
            legend="GPU {{gpu}} {{reason}}",
        ),
        mappings=words({0: ("no", GOOD), 1: ("yes", BAD)}),
        thresholds=limit(1),
        empty=f"{NO_GPU}, and while nothing holds them down",
    )


def _joules() -> Panel:
    return lines(
        "Energy per output token",
        "Power of all GPUs by the output tokens of good answers per second.",
        Query(expr=f"{rate(GPU_ENERGY)} / ({rate(OUTPUT_TOKENS)} > 0)", legend="joules per token"),
        unit="joule",
        empty=NO_GPU,
    )


def _errors() -> Panel:
    return lines(
        "Errors of the GPU",
        "Memory errors by kind, and the driver's XID errors by number.",
        Query(expr=increase(GPU_ECC_ERRORS, by=("gpu", "kind"), over=RATE), legend="GPU {{gpu}} {{kind}}"),
        Query(expr=increase(GPU_XID_ERRORS, by=("gpu", "xid"), over=RATE), legend="GPU {{gpu}} XID {{xid}}"),
        thresholds=limit(1),
        empty=f"{NO_GPU}, and for GPUs without ECC",
    )
