"""A real collector, rotel, between swelld and the receiver: what went in comes out."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from exchanges import bad, exchanged, good
from otlp_receiver import Receiver, attributes, receiver
from swelld_exporters import names
from swelld_exporters.otlp.settings import OtlpMetricsSettings, OtlpSettings
from swelld_exporters.prometheus.registry import Registry

FOUND = find_spec("rotel")
pytestmark = pytest.mark.skipif(FOUND is None, reason="rotel is not installed: pip install 'swelld[test]'")


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on: rotel cannot ask the system for one and tell which."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


@asynccontextmanager
async def rotel(to: Receiver, folder: Path) -> AsyncIterator[dict[str, str]]:
    """A collector that hands everything on over gRPC; its endpoint by protocol."""
    assert FOUND is not None
    assert FOUND.origin is not None
    over_grpc, over_http = free_ports(2)
    process = await asyncio.create_subprocess_exec(
        str(Path(FOUND.origin).with_name("rotel-agent")), "start",
        *("--otlp-grpc-endpoint", f"127.0.0.1:{over_grpc}", "--otlp-http-endpoint", f"127.0.0.1:{over_http}"),
        *("--exporter", "otlp", "--otlp-exporter-endpoint", to.grpc, "--otlp-exporter-protocol", "grpc"),
        *("--batch-timeout", "100ms", "--log-file", str(folder / "log"), "--pid-file", str(folder / "pid")),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield {"http/protobuf": f"http://127.0.0.1:{over_http}", "grpc": f"http://127.0.0.1:{over_grpc}"}
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("compression", ["none", "gzip"])
async def test_a_real_collector_takes_spans_and_metrics_and_hands_them_on(
    tmp_path: Path, protocol: str, compression: str
) -> None:
    registry = Registry()
    async with receiver() as there, rotel(there, tmp_path) as collector:
        settings = OtlpSettings.model_validate(
            {
                "enabled": True,
                "endpoint": collector[protocol],
                "protocol": protocol,
                "compression": compression,
                "metrics": OtlpMetricsSettings(enabled=True, interval=0.2, histograms="exponential"),
            }
        )
        traces, metrics = settings.open(registry).exchanges
        batch = [exchanged(), exchanged(bad()), exchanged(good(index=8))]
        for outlet in (traces, metrics):
            outlet.put(batch)
        for _ in range(2000):
            if len(there.spans) == 3 and there.metrics:
                break
            await asyncio.sleep(0.01)
        await asyncio.gather(traces.aclose(), metrics.aclose())
    assert registry.counter(names.SPANS_EXPORTED).labels().value == 3
    assert [attributes(span.attributes)["swelld.outcome"] for span in there.spans] == ["ok", "rejected", "ok"]
    assert attributes(there.spans[2].attributes)["swelld.request.index"] == 8
    assert there.resource["service.name"] == "swelld"
    durations = [m for m in there.metrics if m.name == "gen_ai.client.operation.duration"]
    assert {point.count for point in durations[-1].exponential_histogram.data_points} == {1, 2}
