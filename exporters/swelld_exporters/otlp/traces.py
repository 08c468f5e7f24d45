"""The exporter of spans: chosen exchanges become spans, spans become one OTLP request."""

import asyncio
from collections.abc import Sequence

from swelld_exporters.base import Exchanged
from swelld_exporters.otlp.senders import Sender
from swelld_exporters.otlp.spans import Spans
from swelld_exporters.outlet import RunOver


class OtlpTraces:
    """Makes a span of everything it is given: what is not to have one is left out before it is queued."""

    def __init__(self, spans: Spans, sender: Sender) -> None:
        self._spans = spans
        self._sender = sender
        self._batch: Sequence[Exchanged | RunOver] | None = None
        self._request = b""

    async def export(self, batch: Sequence[Exchanged | RunOver]) -> None:
        if batch is not self._batch:  # a batch that is tried again is encoded once
            self._request = await asyncio.to_thread(self._encode, batch)
            self._batch = batch
        await self._sender.send(self._request)
        self._batch, self._request = None, b""

    async def aclose(self) -> None:
        self._batch, self._request = None, b""
        await self._sender.aclose()

    def _encode(self, batch: Sequence[Exchanged | RunOver]) -> bytes:
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        request: bytes = encode_spans([self._spans.of(item) for item in batch]).SerializeToString()
        return request
