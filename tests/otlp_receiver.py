"""An OTLP receiver that decodes what it is sent, over HTTP and gRPC, and can be told to behave badly."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import trustme
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_SERVICES: dict[str, Any] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": trace_service.ExportTraceServiceRequest,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": metrics_service.ExportMetricsServiceRequest,
}


@dataclass
class Received:
    """Everything that came, decoded; and how to answer the next requests."""

    spans: list[Span] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    """The metrics of every export, one after the other."""
    resource: dict[str, Any] = field(default_factory=dict)
    scope: tuple[str, str, str] = ("", "", "")
    """(name, version, schema URL)."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of the latest request, names in lower case."""
    requests: int = 0
    """All of them, refused ones too."""
    refusals: list[Any] = field(default_factory=list)
    """One is taken for each request: an HTTP status, or a gRPC status code."""
    retry_after: str | None = None
    delay: float = 0.0
    """Seconds before each answer."""
    rejected: int = 0
    """Said to be refused of every request that is taken."""

    def span(self) -> Span:
        """The only one."""
        (span,) = self.spans
        return span

    def take(self, request: Any) -> None:
        for of_resource in getattr(request, "resource_spans", ()):
            self.resource = attributes(of_resource.resource.attributes)
            for of_scope in of_resource.scope_spans:
                self.scope = (of_scope.scope.name, of_scope.scope.version, of_scope.schema_url)
                self.spans += of_scope.spans
        for of_resource in getattr(request, "resource_metrics", ()):
            self.resource = attributes(of_resource.resource.attributes)
            for of_scope in of_resource.scope_metrics:
                self.scope = (of_scope.scope.name, of_scope.scope.version, of_scope.schema_url)
                self.metrics += of_scope.metrics


@dataclass
class Receiver(Received):
    """Where it listens."""

    http: str = ""
    grpc: str = ""

    def url(self, protocol: str) -> str:
        """The endpoint for a protocol."""
        return self.grpc if protocol == "grpc" else self.http


@asynccontextmanager
async def receiver(port: int = 0, certificate: trustme.LeafCert | None = None) -> AsyncIterator[Receiver]:
    """One that listens on loopback; `port` is for HTTP, a certificate for TLS."""
    here = Receiver()
    runner = web.AppRunner(_application(here), shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
    if certificate and context:
        certificate.configure_cert(context)
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
    await site.start()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(
                name, {"Export": grpc.unary_unary_rpc_method_handler(_export(here, kind), kind.FromString)}
            )
            for name, kind in _SERVICES.items()
        )
    )
    scheme = "https" if certificate else "http"
    here.http = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    if certificate:
        pair = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
        bound = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    else:
        bound = server.add_insecure_port("127.0.0.1:0")
    here.grpc = f"{scheme}://127.0.0.1:{bound}"
    await server.start()
    try:
        yield here
    finally:
        await server.stop(0.1)
        await runner.cleanup()


def attributes(found: Any) -> dict[str, Any]:
    """Attributes as plain values."""
    pairs: list[KeyValue] = list(found)
    assert len({pair.key for pair in pairs}) == len(pairs)
    return {pair.key: _plain(pair.value) for pair in pairs}


def types(found: Any) -> dict[str, str]:
    """The type of each attribute, as OpenTelemetry writes it."""
    names = {"string_value": "string", "bool_value": "boolean", "int_value": "int", "double_value": "double"}
    return {pair.key: names.get(pair.value.WhichOneof("value"), "string[]") for pair in found}


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    assert kind is not None
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    return getattr(value, kind)


def _application(here: Receiver) -> web.Application:
    application = web.Application(client_max_size=64 * 2**20)
    for path, kind in zip(("/v1/traces", "/v1/metrics"), _SERVICES.values(), strict=True):
        application.router.add_post(path, _post(here, kind))
    return application


def _post(here: Receiver, kind: Any) -> Any:
    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        if body[:2] == b"\x1f\x8b":  # aiohttp undoes it by itself where it knows how
            body = gzip.decompress(body)
        here.requests += 1
        here.headers = {name.lower(): value for name, value in request.headers.items()}
        await asyncio.sleep(here.delay)
        if here.refusals:
            after = {"Retry-After": here.retry_after} if here.retry_after else None
            return web.Response(status=here.refusals.pop(0), text="no, said the receiver", headers=after)
        here.take(kind.FromString(body))
        return web.Response(body=_answer(here, kind), content_type="application/x-protobuf")

    return answer


def _export(here: Receiver, kind: Any) -> Any:
    async def answer(request: Any, context: Any) -> bytes:
        here.requests += 1
        metadata: Mapping[str, Any] = dict(context.invocation_metadata())
        here.headers = dict(metadata)
        await asyncio.sleep(here.delay)
        if here.refusals:
            await context.abort(here.refusals.pop(0), "no, said the receiver")
        here.take(request)
        return _answer(here, kind)

    return answer


def _answer(here: Receiver, kind: Any) -> bytes:
    if not here.rejected:
        return b""
    if kind is trace_service.ExportTraceServiceRequest:
        spans = trace_service.ExportTracePartialSuccess(rejected_spans=here.rejected, error_message="too many")
        answer: Any = trace_service.ExportTraceServiceResponse(partial_success=spans)
    else:
        points = metrics_service.ExportMetricsPartialSuccess(rejected_data_points=here.rejected)
        answer = metrics_service.ExportMetricsServiceResponse(partial_success=points)
    return bytes(answer.SerializeToString())
