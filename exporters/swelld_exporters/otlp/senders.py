"""Sending an encoded OTLP request over HTTP or gRPC, and what the answer means for the next try."""

import asyncio
import gzip
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Final, Protocol

from swelld_exporters.base import Partial, Permanent, TryLater
from swelld_exporters.otlp.environment import Destination, Signal

RETRYABLE: Final = frozenset({429, 502, 503, 504})
"""HTTP status after which the OTLP specification wants another try; any other is final."""
RETRYABLE_CODES: Final = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
)
"""Likewise for gRPC; RESOURCE_EXHAUSTED is one of them only with a pause to keep."""
EXCERPT: Final = 200

_METHODS: Final = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}


class Sender(Protocol):
    """One way to a receiver."""

    async def send(self, request: bytes) -> None:
        """Deliver; TryLater, Permanent or Partial say how it was refused, anything else is trouble on the way."""

    async def aclose(self) -> None:
        """Close connections; may be called twice."""


def sender(signal: Signal, destination: Destination) -> Sender:
    """Opens nothing yet; imports only what its protocol needs."""
    return GrpcSender(signal, destination) if destination.protocol == "grpc" else HttpSender(signal, destination)


class HttpSender:
    """OTLP/HTTP with protobuf."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._to = destination
        self._rejected = _rejected(signal)
        self._session: Any = None

    async def send(self, request: bytes) -> None:
        session = self._session = self._session or self._open()
        data = await asyncio.to_thread(gzip.compress, request, 5) if self._to.gzip else request
        async with session.post(self._to.url, data=data, allow_redirects=False) as answer:
            body = await answer.content.read(65536)
            if 200 <= answer.status < 300:
                self._rejected(body)
                return
            text = f"{self._to.url} answered HTTP {answer.status}: {_excerpt(body)}"
            if answer.status in RETRYABLE:
                raise TryLater(text, _seconds(answer.headers.get("Retry-After")))
            raise Permanent(text)

    async def aclose(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> Any:
        import aiohttp

        headers = {"content-type": "application/x-protobuf", "user-agent": "swelld", **self._to.headers}
        if self._to.gzip:
            headers["content-encoding"] = "gzip"
        return aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self._to.timeout),
            connector=aiohttp.TCPConnector(ssl=self._tls(), limit=1),
        )

    def _tls(self) -> Any:
        to = self._to
        if not to.secure or not (to.ca_file or to.cert_file):
            return True
        import ssl

        context = ssl.create_default_context(cafile=to.ca_file)
        if to.cert_file is not None:
            context.load_cert_chain(to.cert_file, to.key_file)
        return context


class GrpcSender:
    """OTLP/gRPC."""

    def __init__(self, signal: Signal, destination: Destination) -> None:
        self._to = destination
        self._method = _METHODS[signal]
        self._rejected = _rejected(signal)
        self._channel: Any = None
        self._call: Any = None

    async def send(self, request: bytes) -> None:
        import grpc

        if self._channel is None:
            self._channel = self._open()
            self._call = self._channel.unary_unary(self._method)
        try:
            body = await self._call(request, timeout=self._to.timeout, metadata=tuple(self._to.headers.items()))
        except grpc.aio.AioRpcError as error:
            text = f"{self._to.url} answered {error.code().name}: {_excerpt(error.details() or '')}"
            after = _retry_info(error)
            if after is not None or error.code().name in RETRYABLE_CODES:
                raise TryLater(text, after or 0.0) from None
            raise Permanent(text) from None
        self._rejected(body)

    async def aclose(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _open(self) -> Any:
        import grpc

        to = self._to
        compression = grpc.Compression.Gzip if to.gzip else grpc.Compression.NoCompression
        options = (("grpc.max_reconnect_backoff_ms", 5000), ("grpc.primary_user_agent", "swelld"))
        if not to.secure:
            return grpc.aio.insecure_channel(to.url, compression=compression, options=options)
        credentials = grpc.ssl_channel_credentials(
            *(file.read_bytes() if file else None for file in (to.ca_file, to.key_file, to.cert_file))
        )
        return grpc.aio.secure_channel(to.url, credentials, compression=compression, options=options)


def _rejected(signal: Signal) -> Callable[[bytes], None]:
    """Reads the answer of a receiver that took a request; Partial if it refused some of it.

    An answer that cannot be read changes nothing of that: a second try would deliver everything twice.
    """

    def read(body: bytes) -> None:
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

        try:
            refused, said = _refused(signal, body)
        except DecodeError:
            return
        if refused:
            raise Partial(f"the receiver refused {refused}: {_excerpt(said)}", refused)

    return read


def _refused(signal: Signal, body: bytes) -> tuple[int, str]:
    """How many spans or points a receiver refused, and why."""
    if not body:
        return 0, ""
    if signal == "traces":
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

        spans = ExportTraceServiceResponse.FromString(body).partial_success
        return spans.rejected_spans, spans.error_message
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

    points = ExportMetricsServiceResponse.FromString(body).partial_success
    return points.rejected_data_points, points.error_message


def _retry_info(error: Any) -> float | None:
    """Seconds that a gRPC receiver wants to be left alone for, None if it does not say."""
    from google.rpc.error_details_pb2 import RetryInfo
    from google.rpc.status_pb2 import Status

    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    for detail in Status.FromString(details).details if isinstance(details, bytes) else ():
        info = RetryInfo()
        if detail.Unpack(info):
            return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None


def _seconds(retry_after: str | None) -> float:
    """Of a Retry-After header, which holds seconds or a date."""
    if not retry_after:
        return 0.0
    try:
        if retry_after.strip().isdigit():
            return float(retry_after)
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time())
    except ValueError:
        return 0.0


def _excerpt(text: bytes | str) -> str:
    """The beginning of what a receiver said, on one line."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())[:EXCERPT]
