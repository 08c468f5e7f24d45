"""The exporter of metrics: counts every batch in at once, and sends the totals on an interval."""

import asyncio
import logging
from collections.abc import Sequence

from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

import swelld
from swelld.clock import WallClock, now
from swelld_exporters import names, semconv
from swelld_exporters.base import Exchanged
from swelld_exporters.otlp.instruments import Instruments
from swelld_exporters.otlp.senders import Sender
from swelld_exporters.prometheus.registry import Registry

log = logging.getLogger(__name__)


class OtlpMetrics:
    """Totals are cumulative: an export that fails loses nothing, and is not tried before the next interval."""

    def __init__(
        self, instruments: Instruments, sender: Sender, resource: Resource, interval: float, registry: Registry
    ) -> None:
        self._instruments = instruments
        self._sender = sender
        self._resource = resource
        self._scope = InstrumentationScope(semconv.SCOPE, swelld.__version__, instruments.convention.schema_url)
        self._interval = interval
        self._wall = WallClock()
        self._sending: asyncio.Task[None] | None = None
        self._failing = False
        self._exports = registry.counter(names.OTLP_METRICS_EXPORTS).labels()
        self._failures = registry.counter(names.OTLP_METRICS_FAILURES).labels()

    async def export(self, batch: Sequence[Exchanged]) -> None:
        self._instruments.add(batch)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_for_ever(), name="otlp metrics")

    async def aclose(self) -> None:
        """Send the last totals, if there are any."""
        sending, self._sending = self._sending, None
        try:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                await self._send()
        finally:
            await self._sender.aclose()

    async def _send_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self._send()

    async def _send(self) -> None:
        metrics = self._instruments.metrics(round(self._wall.unix * 1e9), round(self._wall.at(now()) * 1e9))
        self._exports.inc()
        try:
            await self._sender.send(await asyncio.to_thread(self._encode, metrics))
        except Exception as error:  # noqa: BLE001 - an exporter may fail alone, whatever the reason
            self._failures.inc()
            if not self._failing:
                log.warning("metrics cannot be exported over OTLP: %s", error or type(error).__name__)
            self._failing = True
        else:
            self._failing = False

    def _encode(self, metrics: list[Metric]) -> bytes:
        from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

        url = self._scope.schema_url or ""
        scope = ScopeMetrics(self._scope, metrics, url)
        data = MetricsData([ResourceMetrics(self._resource, [scope], self._resource.schema_url)])
        request: bytes = encode_metrics(data).SerializeToString()
        return request
